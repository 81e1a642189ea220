"""What a customer typed into the chat, from the fields of its form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self
from uuid import uuid4

from care_web.posted import prose, renewed_id, uuid_or_new
from care_web.visit import PARAMETER

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TEXT_CHARACTERS: Final = 10_000
"""What the contract takes; the service counts."""
MAX_BODY_BYTES: Final = 1024 * 1024
"""Many times what such a text needs: who pasted too much gets it back, and is told so beside the field."""

BEFORE: Final = "before"
"""Names the messages to show: in a query, and among the form's fields where a button asked for others."""


# Without repr: what a customer typed must not get into a log by way of an error's text.
@dataclass(frozen=True, slots=True, repr=False)
class Draft:
    """A message as typed but for white space around it; unchecked, because the service checks it."""

    request_id: str
    """UUID of AIP-155, made with the page: the second click of a double click sends the same."""
    text: str = ""
    switch: str = ""
    """The tag of the language that was asked for instead of sending the message; empty if it was sent."""
    before: str | None = None
    """The page of messages that was asked for instead, empty for the latest; None if the message was sent."""

    @classmethod
    def empty(cls) -> Self:
        """Return what a fresh form holds."""
        return cls(request_id=str(uuid4()))

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Self:
        """Return what the fields of a form hold; unknown ones don't count."""
        return cls(
            request_id=uuid_or_new(values.get("request_id", "")),
            text=prose(values.get("text", "")),
            switch=values.get(PARAMETER, ""),
            before=values.get(BEFORE),
        )

    def renewed(self) -> Draft:
        """Return the same under another request id."""
        return replace(self, request_id=renewed_id(self.request_id, self.text))
