"""What a customer typed into the recovery form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, Self, get_args
from uuid import uuid4

from care.v1.customer_service_pb2 import SubmitContactRequest
from care_web.form_body import derive_request_id, normalize_text, request_id_or_new
from care_web.request_context import LANGUAGE_PARAMETER

if TYPE_CHECKING:
    from collections.abc import Mapping

Field = Literal["email", "phone", "display_name", "message", "consent"]
"""The visible fields. They have the same names in the form and in the contract."""

FIELDS: Final[tuple[Field, ...]] = get_args(Field)
"""The fields in the order of the page."""

MAX_MESSAGE_CHARACTERS: Final = 4_000
"""The contract's limit, which the service checks."""
MAX_BODY_BYTES: Final = 64 * 1024
"""Enough for a message of that length whose characters all take four bytes, percent-encoded, plus the other fields."""


# Without repr, so that the input does not reach a log as part of an exception's message.
@dataclass(frozen=True, slots=True, repr=False)
class Submission:
    """The form's values as typed, without surrounding whitespace. The service validates them."""

    request_id: str
    """UUID (AIP-155), created with the page. Both clicks of a double click send the same one."""
    email: str = ""
    phone: str = ""
    display_name: str = ""
    message: str = ""
    consent: bool = False
    requested_language: str = ""
    """Language tag, if a button of the language menu sent the form. Empty otherwise."""

    @property
    def is_blank(self) -> bool:
        """Whether all visible fields are empty."""
        return not (self.email or self.phone or self.display_name or self.message or self.consent)

    @classmethod
    def empty(cls) -> Self:
        """Returns the values of a new form."""
        return cls(request_id=str(uuid4()))

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> Self:
        """Returns the values that a form contains. Unknown fields are ignored."""
        return cls(
            request_id=request_id_or_new(fields.get("request_id", "")),
            email=fields.get("email", "").strip(),
            phone=fields.get("phone", "").strip(),
            display_name=fields.get("display_name", "").strip(),
            message=normalize_text(fields.get("message", "")),
            consent="consent" in fields,
            requested_language=fields.get(LANGUAGE_PARAMETER, ""),
        )

    def with_new_request_id(self) -> Submission:
        """Returns a copy with another request id, derived from this one and the values."""
        content = (self.email, self.phone, self.display_name, self.message, str(self.consent))
        return replace(self, request_id=derive_request_id(self.request_id, *content))

    def to_request(self, token: str) -> SubmitContactRequest:
        """Returns the request that submits the values for the link with this token."""
        return SubmitContactRequest(
            token=token,
            email=self.email,
            phone=self.phone,
            display_name=self.display_name,
            message=self.message,
            consent=self.consent,
            request_id=self.request_id,
        )
