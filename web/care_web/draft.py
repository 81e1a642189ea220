"""What a customer typed into the chat's form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self
from uuid import uuid4

from care_web.form_body import derive_request_id, normalize_text, request_id_or_new
from care_web.request_context import LANGUAGE_PARAMETER

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TEXT_CHARACTERS: Final = 10_000
"""The contract's limit, which the service checks."""
MAX_BODY_BYTES: Final = 1024 * 1024
"""Far more than the longest allowed text needs, so a customer who pastes too much gets the text back with an error."""

BEFORE_PARAMETER: Final = "before"
"""The name of the parameter with the page token of earlier messages: in the query, and as a field of the form."""


# Without repr, so that the input does not reach a log as part of an exception's message.
@dataclass(frozen=True, slots=True, repr=False)
class Draft:
    """A message as typed, without surrounding whitespace. The service validates it."""

    request_id: str
    """UUID (AIP-155), created with the page. Both clicks of a double click send the same one."""
    text: str = ""
    requested_language: str = ""
    """Language tag, if a button of the language menu sent the form. Empty otherwise."""
    before: str | None = None
    """Page token, if a button for other messages sent the form; empty if it was the button for the latest messages.

    None if another button sent the form.
    """

    @classmethod
    def empty(cls) -> Self:
        """Returns the draft of a new form."""
        return cls(request_id=str(uuid4()))

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> Self:
        """Returns the draft that a form contains. Unknown fields are ignored."""
        return cls(
            request_id=request_id_or_new(fields.get("request_id", "")),
            text=normalize_text(fields.get("text", "")),
            requested_language=fields.get(LANGUAGE_PARAMETER, ""),
            before=fields.get(BEFORE_PARAMETER),
        )

    def with_new_request_id(self) -> Draft:
        """Returns a copy with another request id, derived from this one and the text."""
        return replace(self, request_id=derive_request_id(self.request_id, self.text))
