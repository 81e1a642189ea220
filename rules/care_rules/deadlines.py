"""Deadlines: what happens to a ticket when time passes, and when.

Deadlines are computed from the current state and the current settings. So a change of a setting or of the priority
moves every deadline that has not been recorded yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from care_rules.business_hours import Pause, due_time
from care_rules.entities.recovery import Recovery
from care_rules.entities.ticket import Ticket
from care_rules.lifecycle import FORM_LIVE, UNRESOLVED, RecoveryState, TicketStatus
from care_rules.settings import Settings
from care_rules.timing import DeadlineKind, Timing

_ORDER: Final = {kind: place for place, kind in enumerate(DeadlineKind)}


@dataclass(frozen=True, slots=True)
class Deadline:
    """A deadline of a ticket: what happens, and when (in UTC)."""

    kind: DeadlineKind
    time: datetime


def upcoming_deadlines(ticket: Ticket, live: Recovery | None, settings: Settings) -> list[Deadline]:
    """Returns the deadlines of a ticket, the earliest first.

    An overdue deadline stays in the list until it is recorded.
    """
    timing = ticket.timing
    due = _DueTimes(timing.first_response_due_time, timing.resolution_due_time)
    return _upcoming(ticket, timing, due, live, settings)


def next_reminder(ticket: Ticket, live: Recovery | None, settings: Settings) -> datetime | None:
    """Returns when the assignee is next reminded of a live form; None if there is no further reminder.

    The workflow of the recovery waits for this time. The workflow of the ticket does not.
    """
    return next(_reminders(ticket.timing, live, settings), None)


def recompute_deadlines(ticket: Ticket, live: Recovery | None, settings: Settings) -> Ticket:
    """Returns `ticket` with its due times and its next deadline, computed from the current settings."""
    return replace(ticket, timing=recompute_timing(ticket, ticket.timing, live, settings))


def recompute_timing(ticket: Ticket, timing: Timing, live: Recovery | None, settings: Settings) -> Timing:
    """Returns `timing` with the due times and the next deadline of `ticket`, computed from the current settings.

    `timing` is used instead of `ticket.timing`.
    """
    due = _due_times(ticket, timing, settings)
    own = (
        each for each in _upcoming(ticket, timing, due, live, settings) if each.kind is not DeadlineKind.FORM_REMINDER
    )
    nearest = next(own, None)
    return replace(
        timing,
        first_response_due_time=due.first_response,
        resolution_due_time=due.resolution,
        next_kind=nearest.kind if nearest else None,
        next_time=nearest.time if nearest else None,
    )


# The functions below take the timing and the due times as separate parameters, because each commit computes them.
# Copying the ticket for each new value would take longer than all other work in this module.


class _DueTimes(NamedTuple):
    first_response: datetime | None
    resolution: datetime | None


def _upcoming(
    ticket: Ticket, timing: Timing, due: _DueTimes, live: Recovery | None, settings: Settings
) -> list[Deadline]:
    if ticket.status is TicketStatus.CLOSED:
        return []
    found = [
        *_closing_deadlines(ticket, timing, settings),
        *(Deadline(DeadlineKind.FORM_REMINDER, time) for time in _reminders(timing, live, settings)),
        *_missed_deadlines(ticket, timing, due),
    ]
    return sorted(found, key=lambda deadline: (deadline.time, _ORDER[deadline.kind])) if found[1:] else found


def _reminders(timing: Timing, live: Recovery | None, settings: Settings) -> Iterator[datetime]:
    if live is not None and live.state is RecoveryState.AWAITING_CONTACT and live.post_time is not None:
        for after in settings.form_reminders[timing.reminders :]:
            yield live.post_time + after


def _closing_deadlines(ticket: Ticket, timing: Timing, settings: Settings) -> Iterator[Deadline]:
    # A ticket never closes by itself while a form is live, however long that is. The time until the close starts again
    # when the form ends.
    if ticket.contact_state in FORM_LIVE:
        return
    if ticket.status is TicketStatus.RESOLVED:
        if settings.grace_days and ticket.resolve_time is not None:
            since = max(ticket.resolve_time, timing.active_time)
            yield Deadline(DeadlineKind.GRACE_CLOSE, since + timedelta(days=settings.grace_days))
        return
    if not settings.inactivity_days:
        return
    warned = timedelta(days=settings.inactivity_warning_days)
    close = timing.active_time + timedelta(days=settings.inactivity_days)
    if not warned:
        yield Deadline(DeadlineKind.INACTIVITY_CLOSE, close)
    elif timing.warn_time is None or timing.warn_time < close - warned:
        # No warning was sent yet, or the warning announced an earlier close, because a setting was raised since then.
        yield Deadline(DeadlineKind.INACTIVITY_WARNING, close - warned)
    else:
        # After a warning, the full warning time passes, even if a setting has changed since.
        yield Deadline(DeadlineKind.INACTIVITY_CLOSE, max(close, timing.warn_time + warned))


def _missed_deadlines(ticket: Ticket, timing: Timing, due: _DueTimes) -> Iterator[Deadline]:
    # A late response or resolution misses the deadline, even if the workflow has not recorded the missed deadline yet.
    is_resolved, answered = ticket.status is TicketStatus.RESOLVED, timing.first_response_time
    first, resolution = due
    if first and not timing.first_response_missed and (answered > first if answered else not is_resolved):
        yield Deadline(DeadlineKind.FIRST_RESPONSE, first)
    resolved = ticket.resolve_time if is_resolved else None
    if resolution and not timing.resolution_missed and (resolved is None or resolved > resolution):
        yield Deadline(DeadlineKind.RESOLUTION, resolution)


def _due_times(ticket: Ticket, timing: Timing, settings: Settings) -> _DueTimes:
    first, resolution = timing.first_response_due_time, timing.resolution_due_time
    named = settings.deadlines.of(ticket.priority)
    if ticket.status in UNRESOLVED:
        resolution = _due_time(ticket, timing, named.resolution, settings)
        if timing.first_response_time is None:
            first = _due_time(ticket, timing, named.first_response, settings)
    return _DueTimes(first, resolution)


def _due_time(ticket: Ticket, timing: Timing, after: timedelta | None, settings: Settings) -> datetime | None:
    if after is None:
        return None
    pauses = timing.pauses
    if timing.waits_since is not None:
        pauses = (*pauses, Pause(timing.waits_since, None))
    if not settings.deadlines.paused_while_waiting:
        pauses = ()
    return due_time(settings.business_hours, ticket.create_time, after, pauses)
