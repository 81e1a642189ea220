"""Deadlines: the next one is the earliest. Several events change when a ticket is due, gets a warning or is closed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from care_rules.business_hours import Pause
from care_rules.deadlines import Deadline, recompute_deadlines, upcoming_deadlines
from care_rules.entities.recovery import Recovery
from care_rules.entities.ticket import Priority, Ticket
from care_rules.lifecycle import RecoveryState, TicketStatus
from care_rules.settings import Deadlines, PriorityDeadlines, Settings
from care_rules.timing import DeadlineKind, Timing
from tests.support.sample_tickets import EARLIER, TICKET, form

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# For a ticket of normal priority, the first response is due after 4 hours, and the resolution after 2 days.
PROMISED = (PriorityDeadlines(Priority.NORMAL, 4 * HOUR, 2 * DAY),)
# By default, an inactive ticket is closed after 30 days, with a warning 3 days before.
WARNING = Deadline(DeadlineKind.INACTIVITY_WARNING, EARLIER + 27 * DAY)


def with_timing(ticket: Ticket = TICKET, **changes: object) -> Ticket:
    timing: Timing = replace(ticket.timing, **changes)  # type: ignore[arg-type]  # each test names fields of Timing
    return replace(ticket, timing=timing)


def closings(ticket: Ticket, settings: Settings | None = None, live: Recovery | None = None) -> list[Deadline]:
    return upcoming_deadlines(ticket, live, settings or Settings())


def test_the_next_deadline_is_the_earliest() -> None:
    settings = Settings(deadlines=Deadlines(PROMISED))
    timing = recompute_deadlines(TICKET, None, settings).timing
    assert (timing.next_kind, timing.next_time) == (DeadlineKind.FIRST_RESPONSE, EARLIER + 4 * HOUR)
    assert (timing.first_response_due_time, timing.resolution_due_time) == (EARLIER + 4 * HOUR, EARLIER + 2 * DAY)
    missed = with_timing(first_response_missed=True)
    assert recompute_deadlines(missed, None, settings).timing.next_kind is DeadlineKind.RESOLUTION


@pytest.mark.parametrize(("paused", "extra"), [(True, 5 * HOUR), (False, timedelta())])
def test_the_clock_stops_while_the_business_waits_for_the_customer_if_the_settings_say_so(
    paused: bool, extra: timedelta
) -> None:
    waited = with_timing(pauses=(Pause(EARLIER + HOUR, EARLIER + 6 * HOUR),))
    settings = Settings(deadlines=Deadlines(PROMISED, paused_while_waiting=paused))
    timing = recompute_deadlines(waited, None, settings).timing
    assert timing.first_response_due_time == EARLIER + 4 * HOUR + extra
    assert timing.resolution_due_time == EARLIER + 2 * DAY + extra


def test_nothing_is_due_while_the_business_waits_for_the_customer() -> None:
    waiting = with_timing(waits_since=EARLIER + HOUR)
    settings = Settings(deadlines=Deadlines(PROMISED, paused_while_waiting=True))
    timing = recompute_deadlines(waiting, None, settings).timing
    assert (timing.first_response_due_time, timing.resolution_due_time) == (None, None)


def test_the_grace_time_starts_with_the_resolution_and_again_with_later_activity() -> None:
    resolved = replace(TICKET, status=TicketStatus.RESOLVED, resolve_time=EARLIER + DAY)
    assert closings(resolved) == [Deadline(DeadlineKind.GRACE_CLOSE, EARLIER + 8 * DAY)]
    active = with_timing(resolved, active_time=EARLIER + 3 * DAY)
    assert closings(active) == [Deadline(DeadlineKind.GRACE_CLOSE, EARLIER + 10 * DAY)]


@pytest.mark.parametrize("status", [TicketStatus.OPEN, TicketStatus.RESOLVED])
@pytest.mark.parametrize("state", [RecoveryState.FORM_REQUESTED, RecoveryState.AWAITING_CONTACT])
def test_a_ticket_is_not_closed_while_its_form_is_live(status: TicketStatus, state: RecoveryState) -> None:
    ticket = replace(TICKET, status=status, resolve_time=EARLIER, contact_state=state)
    assert closings(ticket, live=form(state)) == []


def test_an_inactive_ticket_is_warned_of_and_then_closed() -> None:
    assert closings(TICKET) == [WARNING]
    warned = with_timing(warn_time=WARNING.time)
    assert closings(warned) == [Deadline(DeadlineKind.INACTIVITY_CLOSE, EARLIER + 30 * DAY)]


def test_after_a_warning_the_whole_warning_time_passes() -> None:
    late = with_timing(warn_time=EARLIER + 29 * DAY)
    assert closings(late) == [Deadline(DeadlineKind.INACTIVITY_CLOSE, EARLIER + 32 * DAY)]
