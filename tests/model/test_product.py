"""The product decides as the model does, where their abstractions match.

The model has no time, so nothing here is due, unsettled or paused; and its site never refuses a retraction. The rules
of both were written independently: these tests compare what they answer, not how they are written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product
from uuid import UUID

import pytest

from care_service.domain import commands, lifecycle
from care_service.domain.entities import Mark, RefusalReason
from care_service.domain.lifecycle import RecoveryState, TicketStatus
from care_service.domain.plan import Sibling, SiteTiming, Step
from care_service.domain.reports import RecoveryCase, begin_posting, report
from tests.model import service, states
from tests.model.moves import Model
from tests.model.rules import Rules
from tests.unit.domain import values

MARKS = {
    states.NEVER: Mark.NEVER,
    states.POSTING: Mark.OUT,
    states.RETRACTING: Mark.TAKING_OUT,
    states.POSTED: Mark.POSTED,
    states.NOT_PUBLIC: Mark.NOT_PUBLIC,
    states.RETRACTED: Mark.RETRACTED,
}
STEPS = {
    states.sends("unlocked"): Step.UNLOCK,
    states.HOLD: Step.HOLD,
    states.POST: Step.POST,
    states.READ: Step.READ,
    states.ANSWERED: Step.WAIT,
    states.RETRACT: Step.RETRACT,
    states.DONE: Step.DONE,
}
STATES = [state.value for state in RecoveryState if state is not RecoveryState.NO_CONTACT]
TIMING = SiteTiming(checks=(), settle=timedelta(0))
ATTEMPT = 7
EXPLORED = (states.Budget(1, 0, 0, 1, status=True), states.Budget(1, 1, 0, 0, status=False))
"""Together they have every transition."""


def modelled(state: str, mark: str, older: str | None = None, newer: str | None = None) -> tuple[states.State, int]:
    """A state of the model with such a recovery, and its number; the review's other recoveries have these marks."""
    others = [states.new(1, states.WITHDRAWN)._replace(mark=other or states.NEVER) for other in (older, newer)]
    own = states.new(1, state)._replace(mark=mark)
    recoveries = (*others[: older is not None], own, *others[1 : 1 + (newer is not None)])
    empty = states.State(states.ACTIVE, states.WAIT, 0, 0, 0, None, states.NONE, recoveries)
    return empty, 1 + (older is not None)


def real(state: str, mark: str, older: str | None = None, newer: str | None = None) -> RecoveryCase:
    """The same as the product loads it. Nothing is due; what was public was so before the recovery ended."""
    form = values.form(RecoveryState(state))
    recovery = replace(form, mark=MARKS[mark], attempt=ATTEMPT, post_time=values.EARLIER - timedelta(hours=1))
    siblings = [
        Sibling(newer=is_newer, mark=MARKS[other])
        for is_newer, other in ((False, older), (True, newer))
        if other is not None
    ]
    case = replace(values.case(recovery), contact=values.contact())
    return RecoveryCase(case, recovery, siblings, TIMING)


@pytest.mark.parametrize("state", STATES)
def test_the_next_step_is_the_models(state: str) -> None:
    others = (None, *MARKS)
    differ = []
    for mark, older, newer in product(MARKS, others, others):
        expected, _ = service.answer(*modelled(state, mark, older, newer), Rules())
        step = real(state, mark, older, newer).plan(values.NOW).step
        if step is not STEPS[expected]:
            differ.append((mark, older, newer, step))
    assert differ == []


@pytest.mark.parametrize("state", STATES)
def test_a_hand_out_leaves_the_models_mark(state: str) -> None:
    for mark in MARKS:
        step, expected = service.answer(*modelled(state, mark), Rules())
        if step in states.AT_SITE:
            decision = begin_posting(real(state, mark), values.REVIEW, STEPS[step], values.NOW)
            assert decision is not None
            assert decision.recovery is not None
            assert decision.recovery.mark is MARKS[expected]


COMMANDS: dict[str, commands.Report] = {
    "posted": commands.RecordPosted(ATTEMPT),
    "refused": commands.RecordRefused(ATTEMPT, RefusalReason.OTHER, ""),
    "moderated": commands.RecordRefused(ATTEMPT, RefusalReason.TAKEN_DOWN, ""),
    "retracted": commands.RecordRetracted(ATTEMPT),
    "unlocked": commands.UnlockChat(UUID(int=1), "k1"),
    "expired": commands.ExpireForm(early=True),
}
MARKS_OF_REPORT = {"refused": (states.POSTING,), "moderated": (states.POSTED,)}
"""The product has one report for both, and tells them apart by the mark. Other reports may find any mark."""


@pytest.mark.parametrize("kind", states.REPORTS)
@pytest.mark.parametrize("state", STATES)
def test_a_report_does_what_it_does_in_the_model(state: str, kind: str) -> None:
    for mark in MARKS_OF_REPORT.get(kind, tuple(MARKS)):
        begin, number = modelled(state, mark)
        expected, moved = service.report(begin, number, kind, Rules(), stale=False)
        own = expected.recoveries[number - 1]
        case = real(state, mark)
        decision = report(case, COMMANDS[kind], values.WORKER, values.NOW)
        recovery = (decision.recovery if decision else None) or case.recovery
        assert (recovery.state, recovery.mark) == (own.state, MARKS[own.mark])
        # A report that moves the state wakes, and can be taken back by who asks with its time.
        assert bool(decision and decision.wakes) == moved
        assert decision is None or not moved or decision.report_time == values.NOW


@pytest.mark.parametrize("kind", ["posted", "refused", "retracted"])
def test_a_report_of_another_attempt_changes_nothing(kind: str) -> None:
    late: dict[str, commands.Report] = {
        "posted": commands.RecordPosted(ATTEMPT - 1),
        "refused": commands.RecordRefused(ATTEMPT - 1, RefusalReason.OTHER, ""),
        "retracted": commands.RecordRetracted(ATTEMPT - 1),
    }
    for state, mark in product(STATES, MARKS):
        begin, number = modelled(state, mark)
        assert service.report(begin, number, kind, Rules(), stale=True) == (begin, False)
        assert report(real(state, mark), late[kind], values.WORKER, values.NOW) is None


def reached(budget: states.Budget) -> Iterator[tuple[states.State, states.State]]:
    """Yields all moves of an exploration."""
    model = Model(budget, Rules())
    todo = [state for _, state in model.initial()]
    seen = set(todo)
    while todo:
        state = todo.pop()
        for move in model.moves(state):
            yield state, move.after
            if move.after not in seen:
                seen.add(move.after)
                todo.append(move.after)


def test_the_model_moves_as_the_products_tables_say() -> None:
    recoveries, statuses = set(), set()
    for budget in EXPLORED:
        for before, now in reached(budget):
            old = [recovery.state for recovery in before.recoveries]
            new = [recovery.state for recovery in now.recoveries]
            old += [RecoveryState.NO_CONTACT] * (len(new) - len(old))
            recoveries |= {pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]}
            statuses.add((before.status, now.status))
    assert recoveries == edges(lifecycle.RECOVERY)
    # The model does not tell OPEN and IN_PROGRESS apart.
    active = {TicketStatus.OPEN, TicketStatus.IN_PROGRESS}
    merged = {
        tuple(states.ACTIVE if status in active else status for status in pair) for pair in edges(lifecycle.STATUS)
    }
    assert {pair for pair in statuses if pair[0] != pair[1]} == merged - {(states.ACTIVE, states.ACTIVE)}


def edges(
    machine: lifecycle.StateMachine[RecoveryState] | lifecycle.StateMachine[TicketStatus],
) -> set[tuple[str, str]]:
    return {(source, rule.target) for rule in machine.rules for source in rule.sources}
