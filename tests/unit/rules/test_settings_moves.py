"""A change of a setting moves exactly the times that the setting declares (`Moves`), for tickets in many situations."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from care_rules.deadlines import Deadline, next_reminder, recompute_deadlines, upcoming_deadlines
from care_rules.entities.recovery import Recovery
from care_rules.entities.ticket import Priority, Ticket
from care_rules.lifecycle import RecoveryState, TicketStatus
from care_rules.settings import FIELDS, Deadlines, Moves, PriorityDeadlines, Settings, settings_that_move
from care_rules.timing import DeadlineKind, Timing
from tests.support.sample_settings import EVERY_SETTING
from tests.support.sample_tickets import EARLIER, NOW, TICKET, form

BEFORE = Settings(
    deadlines=Deadlines((PriorityDeadlines(Priority.NORMAL, timedelta(hours=6), timedelta(days=3)),)),
)
FORM = replace(form(RecoveryState.AWAITING_CONTACT), post_time=EARLIER)
SITUATIONS: list[tuple[Ticket, Recovery | None]] = [
    (TICKET, None),
    (replace(TICKET, timing=Timing(active_time=EARLIER, warn_time=NOW)), None),
    (replace(TICKET, timing=Timing(active_time=EARLIER, waits_since=EARLIER)), None),
    (replace(TICKET, status=TicketStatus.RESOLVED, resolve_time=NOW), None),
    (replace(TICKET, contact_state=FORM.state, recovery_id=FORM.id), FORM),
]


def deadlines(settings: Settings) -> list[tuple[Timing, list[Deadline]]]:
    found = [(recompute_deadlines(ticket, live, settings), live) for ticket, live in SITUATIONS]
    return [
        (
            ticket.timing,
            [each for each in upcoming_deadlines(ticket, live, settings) if each.kind != DeadlineKind.FORM_REMINDER],
        )
        for ticket, live in found
    ]


def reminders(settings: Settings) -> list[datetime | None]:
    return [next_reminder(ticket, live, settings) for ticket, live in SITUATIONS]


@pytest.mark.parametrize("name", FIELDS)
def test_a_setting_moves_exactly_what_it_states(name: str) -> None:
    after = replace(BEFORE, **{name: getattr(EVERY_SETTING, name)})
    assert after != BEFORE
    moved = {
        Moves.DEADLINES: deadlines(after) != deadlines(BEFORE),
        Moves.REMINDERS: reminders(after) != reminders(BEFORE),
    }
    assert moved == {each: name in settings_that_move(each) for each in Moves}
