"""The product decides as the model does, where their abstractions match.

The model has no time, so nothing here is due, unsettled or paused; and the model's site never refuses a retraction. The
rules of both were written independently: these tests compare the decisions, not the code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product
from uuid import UUID

import pytest

from care_rules import commands, lifecycle
from care_rules.entities.recovery import RefusalReason, ReplyState
from care_rules.lifecycle import RecoveryState, TicketStatus
from care_rules.recovery_plan import RecoveryStep, Sibling, SiteTiming
from care_rules.reports import RecoverySnapshot, begin_posting, record_report
from tests.model import service, states
from tests.model.moves import Model
from tests.model.rules import Rules
from tests.support import sample_tickets

STEPS = {
    states.sends("unlocked"): RecoveryStep.UNLOCK,
    states.HOLD: RecoveryStep.HOLD,
    states.POST: RecoveryStep.POST,
    states.READ: RecoveryStep.READ,
    states.ANSWERED: RecoveryStep.WAIT,
    states.RETRACT: RecoveryStep.RETRACT,
    states.DONE: RecoveryStep.DONE,
}
REPLIES = [reply.value for reply in ReplyState]
STATES = [state.value for state in RecoveryState if state is not RecoveryState.NO_CONTACT]
TIMING = SiteTiming(checks=(), settle=timedelta(0))
ATTEMPT = 7
EXPLORED = (states.Budget(1, 0, 0, 1, status=True), states.Budget(1, 1, 0, 0, status=False))
"""Budgets that together contain every transition."""


def model_state(state: str, reply: str, older: str | None = None, newer: str | None = None) -> tuple[states.State, int]:
    """Returns a state of the model with a recovery in `state`, and the recovery's number.

    `reply` is its reply state. `older` and `newer` are the reply states of the other recoveries, if there are any.
    """
    others = [states.new(1, states.WITHDRAWN)._replace(reply_state=other or states.NONE) for other in (older, newer)]
    own = states.new(1, state)._replace(reply_state=reply)
    recoveries = (*others[: older is not None], own, *others[1 : 1 + (newer is not None)])
    empty = states.State(states.ACTIVE, states.WAIT, 0, 0, 0, None, states.NO_ATTEMPT, recoveries)
    return empty, 1 + (older is not None)


def product_state(state: str, reply: str, older: str | None = None, newer: str | None = None) -> RecoverySnapshot:
    """Returns the same state as the product loads it. Nothing is due. The reply was posted before the end."""
    form = sample_tickets.form(RecoveryState(state))
    recovery = replace(
        form, reply_state=ReplyState(reply), attempt=ATTEMPT, post_time=sample_tickets.EARLIER - timedelta(hours=1)
    )
    siblings = [
        Sibling(newer=is_newer, reply_state=ReplyState(other))
        for is_newer, other in ((False, older), (True, newer))
        if other is not None
    ]
    snapshot = replace(sample_tickets.snapshot(recovery), contact=sample_tickets.contact())
    return RecoverySnapshot(snapshot, recovery, siblings)


@pytest.mark.parametrize("state", STATES)
def test_the_next_step_agrees_with_the_model(state: str) -> None:
    others = (None, *REPLIES)
    differ = []
    for reply, older, newer in product(REPLIES, others, others):
        expected, _ = service.answer(*model_state(state, reply, older, newer), Rules())
        step = product_state(state, reply, older, newer).plan(sample_tickets.NOW, TIMING).step
        if step is not STEPS[expected]:
            differ.append((reply, older, newer, step))
    assert differ == []


@pytest.mark.parametrize("state", STATES)
def test_the_reply_state_after_a_hand_out_agrees_with_the_model(state: str) -> None:
    for reply in REPLIES:
        step, expected = service.answer(*model_state(state, reply), Rules())
        if step in states.AT_SITE:
            decision = begin_posting(
                product_state(state, reply), sample_tickets.REVIEW, STEPS[step], TIMING, sample_tickets.NOW
            )
            assert decision is not None
            assert decision.recovery is not None
            assert decision.recovery.reply_state == expected


COMMANDS: dict[str, commands.Report] = {
    "posted": commands.RecordPosted(ATTEMPT),
    "refused": commands.RecordRefused(ATTEMPT, RefusalReason.OTHER, ""),
    "moderated": commands.RecordRefused(ATTEMPT, RefusalReason.TAKEN_DOWN, ""),
    "retracted": commands.RecordRetracted(ATTEMPT),
    "unlocked": commands.UnlockChat(UUID(int=1), "k1"),
    "expired": commands.ExpireForm(early=True),
}
REPLIES_OF_REPORT = {"refused": [states.POSTING], "moderated": [states.POSTED]}
"""The reply states for these two reports. The product has one report for both, and tells them apart by this state."""


@pytest.mark.parametrize("kind", states.REPORTS)
@pytest.mark.parametrize("state", STATES)
def test_the_effect_of_a_report_agrees_with_the_model(state: str, kind: str) -> None:
    for reply in REPLIES_OF_REPORT.get(kind, REPLIES):
        begin, number = model_state(state, reply)
        expected, moved = service.report(begin, number, kind, Rules(), stale=False)
        own = expected.recoveries[number - 1]
        loaded = product_state(state, reply)
        decision = record_report(loaded, COMMANDS[kind], sample_tickets.WORKER, sample_tickets.NOW)
        recovery = (decision.recovery if decision else None) or loaded.recovery
        assert (recovery.state, recovery.reply_state) == (own.state, own.reply_state)
        # The product writes a wake where the model does. A CheckRecovery call with the report's time cancels the wake.
        assert bool(decision and decision.wakes) == moved
        assert decision is None or not moved or decision.report_time == sample_tickets.NOW


@pytest.mark.parametrize("kind", ["posted", "refused", "retracted"])
def test_a_report_of_another_attempt_changes_nothing(kind: str) -> None:
    late: dict[str, commands.Report] = {
        "posted": commands.RecordPosted(ATTEMPT - 1),
        "refused": commands.RecordRefused(ATTEMPT - 1, RefusalReason.OTHER, ""),
        "retracted": commands.RecordRetracted(ATTEMPT - 1),
    }
    for state, reply in product(STATES, REPLIES):
        begin, number = model_state(state, reply)
        assert service.report(begin, number, kind, Rules(), stale=True) == (begin, False)
        assert record_report(product_state(state, reply), late[kind], sample_tickets.WORKER, sample_tickets.NOW) is None


def all_moves(budget: states.Budget) -> Iterator[tuple[states.State, states.State]]:
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


def test_the_moves_of_the_model_agree_with_the_products_tables() -> None:
    recoveries, statuses = set(), set()
    for budget in EXPLORED:
        for before, now in all_moves(budget):
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
