"""Tickets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from care_rules import names
from care_rules.lifecycle import RecoveryState, TicketStatus
from care_rules.timing import Timing


class CloseReason(StrEnum):
    """Why a ticket is CLOSED."""

    MANUAL = "MANUAL"
    INACTIVITY = "INACTIVITY"


class Priority(StrEnum):
    """How urgent a ticket is."""

    LOW = "LOW"
    NORMAL = "NORMAL"
    HIGH = "HIGH"
    URGENT = "URGENT"


@dataclass(frozen=True, slots=True)
class Ticket:
    """A case of customer care."""

    organization: str
    number: int
    version: int
    """The number of the ticket's activities; also the ticket's etag."""
    revision: int
    """The number of writes, including those without an activity.

    A commit writes nothing if the revision has changed since the ticket was loaded.
    """
    subject: str
    description: str
    location: str
    review_id: UUID | None
    reporter: str | None
    assignee: str | None
    status: TicketStatus
    close_reason: CloseReason | None
    priority: Priority
    labels: tuple[str, ...]
    external_reference: str
    """The ticket's id in an external system; may be empty."""
    contact_state: RecoveryState
    """The live recovery's state, or NO_CONTACT."""
    recovery_id: UUID | None
    """The live recovery."""
    create_time: datetime
    update_time: datetime
    resolve_time: datetime | None
    close_time: datetime | None
    follow_up_of: int | None
    """The CLOSED ticket that this one follows."""
    follow_up: int | None
    """The ticket that follows this one."""
    timing: Timing

    @property
    def name(self) -> str:
        """`organizations/{o}/tickets/{n}`."""
        return names.ticket(self.organization, self.number)
