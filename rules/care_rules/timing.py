"""What a ticket stores for its deadlines, beside what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from care_rules.business_hours import Pause


class DeadlineKind(StrEnum):
    """What time does to a ticket; `care.v1.DeadlineKind` documents each value but FORM_REMINDER.

    Deadlines of the same instant are fired in this order.
    """

    FORM_REMINDER = "FORM_REMINDER"
    FIRST_RESPONSE = "FIRST_RESPONSE"
    RESOLUTION = "RESOLUTION"
    INACTIVITY_WARNING = "INACTIVITY_WARNING"
    INACTIVITY_CLOSE = "INACTIVITY_CLOSE"
    GRACE_CLOSE = "GRACE_CLOSE"


@dataclass(frozen=True, slots=True)
class Timing:
    """Updated by every commit that writes an activity; all times in UTC."""

    active_time: datetime
    """When a person last did something, or something ended that an agent has to deal with."""
    warn_time: datetime | None = None
    """When the team was warned of the close that follows from `active_time`."""
    first_response_time: datetime | None = None
    """When the business first responded: by the public reply or by a message."""
    waits_since: datetime | None = None
    """Since when the business waits for the customer, if it does."""
    pauses: tuple[Pause, ...] = ()
    """When the business waited for the customer before."""
    first_response_due_time: datetime | None = None
    resolution_due_time: datetime | None = None
    first_response_missed: bool = False
    """Whether the missed deadline was recorded."""
    resolution_missed: bool = False
    reminders: int = 0
    """How many reminders of the live form were recorded."""
    next_kind: DeadlineKind | None = None
    next_time: datetime | None = None
    """The next deadline as of the last commit, if there is one. The workflow of a recovery waits for reminders."""
    watch_time: datetime | None = None
    """Until when the ticket's workflow sleeps, as far as the service knows; None: it waits for a wake."""
    unknown: tuple[tuple[str, str], ...] = ()
    """What a newer release keeps here besides, as JSON by its stored name."""
