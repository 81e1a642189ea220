"""What a ticket remembers for its deadlines, beside what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from care_rules.business_hours import Pause


class DeadlineKind(StrEnum):
    """What happens to a ticket by itself; `care.v1.DeadlineKind` documents each value but that of reminders.

    In the order in which they happen where several are due at one instant.
    """

    FORM_REMINDER = "FORM_REMINDER"
    FIRST_RESPONSE = "FIRST_RESPONSE"
    RESOLUTION = "RESOLUTION"
    INACTIVITY_WARNING = "INACTIVITY_WARNING"
    INACTIVITY_CLOSE = "INACTIVITY_CLOSE"
    GRACE_CLOSE = "GRACE_CLOSE"


@dataclass(frozen=True, slots=True)
class Timing:
    """Kept by every commit that writes an activity; all times in UTC."""

    active_time: datetime
    """When somebody last did or said anything, or something ended that they waited for."""
    warn_time: datetime | None = None
    """When the end of the inactivity since `active_time` was announced."""
    first_response_time: datetime | None = None
    """When the customer was first answered: by the public reply or a message."""
    waits_since: datetime | None = None
    """Since when we wait for the customer, if we do."""
    pauses: tuple[Pause, ...] = ()
    """When we waited for the customer before."""
    first_response_due_time: datetime | None = None
    resolution_due_time: datetime | None = None
    first_response_missed: bool = False
    """Whether that was recorded."""
    resolution_missed: bool = False
    reminders: int = 0
    """Those that are over for the live form."""
    next_kind: DeadlineKind | None = None
    next_time: datetime | None = None
    """What happens next by itself, as of the last commit; None: nothing. Reminders are their recovery's to wait for."""
    watch_time: datetime | None = None
    """When the ticket's workflow will ask by itself, as far as it was told; None: not at all."""
    unknown: tuple[tuple[str, str], ...] = ()
    """What a newer release keeps here besides, as JSON by its stored name."""
