"""What a customer typed into the form, from its fields to the service's request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, Self, get_args
from uuid import uuid4

from care.v1.customer_service_pb2 import SubmitContactRequest
from care_web.posted import prose, renewed_id, uuid_or_new
from care_web.visit import PARAMETER

if TYPE_CHECKING:
    from collections.abc import Mapping

Field = Literal["email", "phone", "display_name", "message", "consent"]
"""The fields that a customer sees; the form and the contract name them alike."""

FIELDS: Final[tuple[Field, ...]] = get_args(Field)
"""In the order of the page."""

MAX_MESSAGE_CHARACTERS: Final = 4_000
"""What the contract takes; the service counts."""
MAX_BODY_BYTES: Final = 64 * 1024
"""Several times what a message of so many characters needs, each of them four bytes and percent-encoded."""


# Without repr: what a customer typed must not get into a log by way of an error's text.
@dataclass(frozen=True, slots=True, repr=False)
class Submission:
    """What was typed, as typed but for white space around it; unchecked, because the service checks it."""

    request_id: str
    """UUID of AIP-155, made with the page: the second click of a double click sends the same."""
    email: str = ""
    phone: str = ""
    display_name: str = ""
    message: str = ""
    consent: bool = False
    switch: str = ""
    """The tag of the language that was asked for instead of sending the form; empty if it was sent."""

    @property
    def is_blank(self) -> bool:
        """Whether nothing has been typed or ticked."""
        return not (self.email or self.phone or self.display_name or self.message or self.consent)

    @classmethod
    def empty(cls) -> Self:
        """Return what a fresh form holds."""
        return cls(request_id=str(uuid4()))

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Self:
        """Return what the fields of a form hold; unknown ones don't count."""
        return cls(
            request_id=uuid_or_new(values.get("request_id", "")),
            email=values.get("email", "").strip(),
            phone=values.get("phone", "").strip(),
            display_name=values.get("display_name", "").strip(),
            message=prose(values.get("message", "")),
            consent="consent" in values,
            switch=values.get(PARAMETER, ""),
        )

    def renewed(self) -> Submission:
        """Return the same under another request id."""
        content = (self.email, self.phone, self.display_name, self.message, str(self.consent))
        return replace(self, request_id=renewed_id(self.request_id, *content))

    def to_request(self, token: str) -> SubmitContactRequest:
        """Return the service's request."""
        return SubmitContactRequest(
            token=token,
            email=self.email,
            phone=self.phone,
            display_name=self.display_name,
            message=self.message,
            consent=self.consent,
            request_id=self.request_id,
        )
