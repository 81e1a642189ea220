"""Scheduling computes the deadlines after a decision. Only scheduled decisions can be committed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

import care_rules
import care_service
from care_rules import commands, scheduling
from care_rules.business_hours import Pause
from care_rules.callers import Caller, customer_caller
from care_rules.decide import decide
from care_rules.decision import Decision, bump_version, new_activity
from care_rules.entities.activity import ActivityType
from care_rules.entities.message import MessageKind
from care_rules.new_entities import new_message
from care_rules.scheduling import (
    ScheduledDecision,
    keep_schedule,
    mark_workflow_informed,
    refresh_deadlines,
    schedule,
)
from care_rules.snapshot import TicketSnapshot
from care_rules.timing import DeadlineKind
from tests.support import sample_tickets as samples
from tests.support.sample_tickets import ALICE, EARLIER, NEW_ID, NOW, TICKET, WORKER

NOTE = commands.AddNote("Called.", NEW_ID)
# By default, an inactive ticket is closed after 30 days, with a warning 3 days before.
WARNING = timedelta(days=27)


def note() -> tuple[TicketSnapshot, Decision]:
    snapshot = samples.snapshot()
    decision = decide(snapshot, NOTE, ALICE, NOW)
    assert decision is not None
    return snapshot, decision


def test_a_decision_of_a_person_starts_the_inactivity_again() -> None:
    snapshot, decision = note()
    timing = schedule(snapshot, decision).decision.ticket.timing
    assert (timing.active_time, timing.next_kind, timing.next_time) == (
        NOW,
        DeadlineKind.INACTIVITY_WARNING,
        NOW + WARNING,
    )


def test_only_an_earlier_deadline_wakes_the_workflow() -> None:
    snapshot, decision = note()
    later, sooner = EARLIER + WARNING, NOW + WARNING + timedelta(days=1)
    for watched, wakes in ((None, True), (later, False), (sooner, True)):
        timing = replace(TICKET.timing, watch_time=watched)
        moved = replace(decision, ticket=replace(decision.ticket, timing=timing))
        scheduled = schedule(snapshot, moved).decision
        assert scheduled.wakes_ticket is wakes
        # The time that the workflow knows changes only with a wake.
        assert scheduled.ticket.timing.watch_time == (NOW + WARNING if wakes else watched)


def test_a_decision_of_the_workflow_wakes_no_workflow() -> None:
    snapshot, decision = note()
    scheduled = schedule(snapshot, decision)
    informed = mark_workflow_informed(scheduled).decision
    assert scheduled.decision.wakes_ticket
    assert not informed.wakes_ticket
    assert informed.ticket.timing.watch_time == informed.ticket.timing.next_time == NOW + WARNING


def logging_decision(snapshot: TicketSnapshot, kind: ActivityType, caller: Caller = ALICE, **changes: Any) -> Decision:  # noqa: ANN401 - fields of Decision
    """Returns a decision that logs an activity and changes nothing else."""
    after = bump_version(snapshot.ticket, snapshot.live, NOW)
    return replace(Decision(after, new_activity(kind, caller, snapshot.ticket, after)), **changes)


def test_a_wait_for_the_customer_that_ends_is_remembered() -> None:
    waited = Pause(EARLIER - timedelta(days=2), EARLIER - timedelta(days=1))
    timing = replace(TICKET.timing, waits_since=EARLIER, pauses=(waited,))
    snapshot = samples.snapshot(ticket=replace(TICKET, timing=timing))
    after = schedule(snapshot, logging_decision(snapshot, ActivityType.NOTE_ADDED)).decision.ticket.timing
    assert (after.waits_since, after.pauses) == (None, (waited, Pause(EARLIER, NOW)))


@pytest.mark.parametrize(("warn_time", "active_time"), [(None, NOW), (EARLIER, EARLIER)])
def test_a_failed_delivery_starts_the_inactivity_again_unless_it_was_the_warning(
    warn_time: datetime | None, active_time: datetime
) -> None:
    snapshot = samples.snapshot(ticket=replace(TICKET, timing=replace(TICKET.timing, warn_time=warn_time)))
    failed = logging_decision(snapshot, ActivityType.DELIVERY_FAILED, WORKER)
    timing = schedule(snapshot, failed).decision.ticket.timing
    assert (timing.active_time, timing.warn_time) == (active_time, warn_time)


@pytest.mark.parametrize(("automatic", "active_time"), [(False, NOW), (True, EARLIER)])
def test_an_automatic_message_does_not_start_the_inactivity_again(automatic: bool, active_time: datetime) -> None:
    snapshot, caller = samples.snapshot(), customer_caller("")
    written = replace(
        new_message(snapshot.ticket, NEW_ID, MessageKind.CUSTOMER_MESSAGE, caller, "Out of office"), automatic=automatic
    )
    received = logging_decision(snapshot, ActivityType.MESSAGE_RECEIVED, caller, messages=(written,))
    assert schedule(snapshot, received).decision.ticket.timing.active_time == active_time


def test_a_decision_without_an_activity_leaves_the_deadlines_as_they_are() -> None:
    handed_out = Decision(replace(TICKET, revision=TICKET.revision + 1))
    assert keep_schedule(handed_out).decision is handed_out
    assert schedule(samples.snapshot(), handed_out).decision is handed_out


def test_a_decision_with_an_activity_must_recompute_the_deadlines() -> None:
    with pytest.raises(ValueError, match="call schedule"):
        keep_schedule(note()[1])


def test_a_refresh_writes_once_what_the_settings_moved() -> None:
    snapshot = samples.snapshot()
    refreshed = refresh_deadlines(snapshot)
    assert refreshed is not None
    ticket = refreshed.decision.ticket
    assert (ticket.version, ticket.revision) == (TICKET.version, TICKET.revision + 1)
    assert ticket.timing.next_time == ticket.timing.watch_time == EARLIER + WARNING
    assert refresh_deadlines(replace(snapshot, ticket=ticket)) is None


def test_a_scheduled_decision_cannot_be_constructed_elsewhere() -> None:
    with pytest.raises(TypeError, match="call schedule"):
        ScheduledDecision(note()[1], cast("Any", object()))


def uses(name: str) -> Iterator[str]:
    """Yields the modules of the rules and the service that call something."""
    for package in (care_rules, care_service):
        folder = Path(package.__path__[0])
        for path in folder.rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
            if any(isinstance(func, ast.Name) and func.id == name for func in calls):
                yield str(path.relative_to(folder))


def test_only_the_scheduling_makes_scheduled_decisions() -> None:
    assert list(uses("ScheduledDecision")) == [f"{scheduling.__name__.rpartition('.')[2]}.py"]
