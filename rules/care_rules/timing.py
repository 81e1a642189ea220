"""The bookkeeping of a ticket's deadlines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from care_rules.business_hours import Pause


class DeadlineKind(StrEnum):
    """The kind of a deadline; `care.v1.DeadlineKind` documents each value except FORM_REMINDER.

    Deadlines that are due at the same instant are fired in this order.
    """

    FORM_REMINDER = "FORM_REMINDER"
    FIRST_RESPONSE = "FIRST_RESPONSE"
    RESOLUTION = "RESOLUTION"
    INACTIVITY_WARNING = "INACTIVITY_WARNING"
    INACTIVITY_CLOSE = "INACTIVITY_CLOSE"
    GRACE_CLOSE = "GRACE_CLOSE"


@dataclass(frozen=True, slots=True)
class Timing:
    """The bookkeeping of a ticket's deadlines, which every commit with an activity updates. All times are in UTC."""

    active_time: datetime
    """The latest time at which a person was active, a form expired or was refused, or a delivery failed.

    A delivery that fails after a warning does not count.
    """
    warn_time: datetime | None = None
    """When the close for inactivity since `active_time` was announced."""
    first_response_time: datetime | None = None
    """When the customer got the first response: the public reply or a message."""
    waits_since: datetime | None = None
    """When the ticket began to wait for the customer; None if it does not wait."""
    pauses: tuple[Pause, ...] = ()
    """The earlier periods of waiting for the customer."""
    first_response_due_time: datetime | None = None
    resolution_due_time: datetime | None = None
    first_response_missed: bool = False
    """Whether the missed deadline was recorded."""
    resolution_missed: bool = False
    reminders: int = 0
    """The number of reminders already recorded for the live form."""
    next_kind: DeadlineKind | None = None
    next_time: datetime | None = None
    """The next deadline as of the last commit; None if there is none. Excludes reminders: see `next_reminder`."""
    watch_time: datetime | None = None
    """The deadline that the ticket's workflow knows and waits for; None if it knows none."""
    unknown: tuple[tuple[str, str], ...] = ()
    """Fields that only a newer release knows, as JSON by stored name."""
