"""Builds a ListTickets filter (AIP-160) from options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """The values of `care.v1.TicketStatus`, without prefix."""

    OPEN = "OPEN"
    IN_PROGRESS = "IN_PROGRESS"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"


class Priority(StrEnum):
    """The values of `care.v1.TicketPriority`, without prefix."""

    LOW = "LOW"
    NORMAL = "NORMAL"
    HIGH = "HIGH"
    URGENT = "URGENT"


class ContactState(StrEnum):
    """The values of `care.v1.ContactState`, without prefix."""

    NO_CONTACT = "NO_CONTACT"
    FORM_REQUESTED = "FORM_REQUESTED"
    AWAITING_CONTACT = "AWAITING_CONTACT"
    CONTACT_RECEIVED = "CONTACT_RECEIVED"
    CHAT_UNLOCKED = "CHAT_UNLOCKED"


@dataclass(frozen=True)
class Selection:
    """The tickets that the options select. An option that is None or empty selects all tickets."""

    words: list[str] | None
    status: list[Status] | None
    priority: list[Priority] | None
    contact: list[ContactState] | None
    assignee: str | None
    """The assignee's name. An empty text selects unassigned tickets."""
    location: str | None
    labels: list[str] | None
    extra_filter: str
    """A filter that the caller wrote. Tickets must match this filter too."""

    def filter(self) -> str:
        """Returns the filter as text, for ListTickets or CountTickets."""
        return _all_of(
            *(_quote(word) for word in self.words or ()),
            _any_of("status", self.status or ()),
            _any_of("priority", self.priority or ()),
            _any_of("contact_state", self.contact or ()),
            "" if self.assignee is None else f"assignee = {_quote(self.assignee)}",
            "" if self.location is None else f"location = {_quote(self.location)}",
            *(f"labels:{_quote(label)}" for label in self.labels or ()),
            self.extra_filter.strip(),
        )


def _quote(text: str) -> str:
    """Returns a string literal of the filter language with this text."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _any_of(field: str, values: Sequence[str]) -> str:
    """Returns the condition that the field has one of the values; empty if there are none.

    The values are words or quoted strings.
    """
    return " OR ".join(f"{field} = {value}" for value in values)


def _all_of(*parts: str) -> str:
    """Returns the condition that all non-empty parts hold."""
    conditions = [part for part in parts if part]
    return conditions[0] if len(conditions) == 1 else " AND ".join(f"({part})" for part in conditions)
