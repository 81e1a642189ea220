"""The properties can fail: leaving out a rule violates a property, and some mistake violates each property."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.model import properties
from tests.model.exploration import Exploration, Found
from tests.model.moves import FAULT, PROGRESS, Model, Move
from tests.model.rules import RULES, Rules
from tests.model.states import ASK, REQUESTED, UNSTARTED, WAIT, Budget, State, replace

MOST_STATES = 100_000
"""More states than any of these faults needs."""
ONE_FORM = Budget(1, 0, 0, 0, status=False)
WITH_FAULT = Budget(1, 0, 1, 0, status=False)
WITH_STATUS = Budget(1, 0, 0, 0, status=True)
WITH_DIRECT = Budget(1, 1, 0, 0, status=False)
TWO_FORMS = Budget(2, 0, 0, 0, status=False)

NOTICED_IN = {
    "hold": TWO_FORMS,
    "read-before-refuse": ONE_FORM,
    "record-outcome": ONE_FORM,
    "retract": ONE_FORM,
    "report-scope": TWO_FORMS,
    "wake": ONE_FORM,
    "poke-on-withdraw": ONE_FORM,
    "poke-on-end": ONE_FORM,
    "re-evaluate": WITH_STATUS,
    "replace-form": WITH_DIRECT,
    "close-ends-recovery": ONE_FORM,
    "attempt-number": WITH_FAULT,
    "poke-on-report": WITH_FAULT,
    "ask-after-crash": ONE_FORM,
    "retract-is-known": TWO_FORMS,
    "retract-waits": TWO_FORMS,
    "per-review": TWO_FORMS,
    "keep-poke": ONE_FORM,
    "attempt-deadline": ONE_FORM,
}
"""For each rule, a small budget in which a property is violated without the rule."""
RULE_AGAINST = {
    properties.LIVE_ON_CLOSED: "close-ends-recovery",
    properties.LEFT_CLOSED: "close-ends-recovery",
    properties.TWO_LIVE: "replace-form",
    properties.OTHER_CHANGED: "report-scope",
    properties.REFUSED_IS_PUBLIC: "read-before-refuse",
    properties.NEWER_OVERWRITTEN: "hold",
    properties.CLOSED_ON_CUSTOMER: "re-evaluate",
    properties.CLOSED_ON_FORM: "re-evaluate",
    properties.LINK_LEADS_NOWHERE: "retract",
    properties.NEVER_UNLOCKED: "poke-on-end",
    properties.HANDED_OUT_FOR_EVER: "record-outcome",
    properties.RECOVERY_SLEEPS: "poke-on-withdraw",
}
"""For each property, a rule without which it is violated."""


def broken(model: Model, *stop_at: str) -> Found:
    return Exploration(model).run(MOST_STATES, frozenset(stop_at) or properties.ALL)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_that_is_left_out_is_noticed(rule: str) -> None:
    assert broken(Model(NOTICED_IN[rule], Rules([rule]))).violations


@pytest.mark.parametrize("name", RULE_AGAINST)
def test_a_property_needs_its_rule(name: str) -> None:
    rule = RULE_AGAINST[name]
    assert name in broken(Model(NOTICED_IN[rule], Rules([rule])), name).violations


def loses_a_row(state: State, move: Move) -> Iterator[Move]:
    """The relay deletes the row of a creation without starting its workflow."""
    yield move
    for number, recovery in enumerate(state.recoveries, 1):
        if recovery.workflow == UNSTARTED and recovery.start_row:
            lost = replace(state, number, recovery._replace(start_row=False))
            yield Move(FAULT, number, "the row is lost", lost)


def waits_with_a_form(state: State, move: Move) -> Iterator[Move]:
    """The service's plan is WAIT although a form must be posted."""
    asks = state.recoveries[move.actor - 1] if move.actor else None
    if asks is None or asks.workflow != ASK or asks.state != REQUESTED or move.kind != PROGRESS:
        yield move
    else:
        yield move._replace(after=replace(state, move.actor, asks._replace(workflow=WAIT)))


def forgets_the_ticket_workflow(state: State, move: Move) -> Iterator[Move]:
    """Closing a ticket writes no row that wakes its workflow."""
    if "wakes the ticket workflow" not in move.label:
        yield move


def polls(state: State, move: Move) -> Iterator[Move]:
    """Something asks again and again without waiting."""
    yield move
    yield Move(PROGRESS, 0, "polls", state)


Fault = Callable[[State, Move], Iterator[Move]]
FAULT_AGAINST: dict[str, tuple[Fault, Budget]] = {
    properties.STEP_LOST: (loses_a_row, ONE_FORM),
    properties.NEVER_POSTED: (waits_with_a_form, ONE_FORM),
    properties.TICKET_GOES_ON: (forgets_the_ticket_workflow, WITH_STATUS),
    properties.NEVER_RESTS: (polls, ONE_FORM),
}
"""For each other property, a mistake that violates it, and a small budget in which this shows."""


class Faulty(Model):
    """The model with a mistake in its moves."""

    def __init__(self, budget: Budget, fault: Fault) -> None:
        super().__init__(budget, Rules())
        self._fault = fault

    def moves(self, state: State) -> Iterator[Move]:
        for move in super().moves(state):
            yield from self._fault(state, move)


@pytest.mark.parametrize("name", FAULT_AGAINST)
def test_a_property_notices_a_mistake(name: str) -> None:
    fault, budget = FAULT_AGAINST[name]
    assert name in broken(Faulty(budget, fault), name).violations


def test_every_property_is_shown_to_fail() -> None:
    assert RULE_AGAINST.keys() | FAULT_AGAINST.keys() == properties.ALL
    assert RULE_AGAINST.keys().isdisjoint(FAULT_AGAINST)


def test_a_counterexample_can_be_followed() -> None:
    model = Model(WITH_DIRECT, Rules(["replace-form"]))
    violations = broken(model, properties.TWO_LIVE).violations
    begin, *labels = violations[properties.TWO_LIVE]
    state = dict(model.initial())[begin]
    for label in labels:
        state = next(move.after for move in model.moves(state) if move.label == label)
    assert properties.TWO_LIVE in properties.violations_of_state(state)


def test_a_rule_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="no such rule: no-rule"):
        Rules(["no-rule"])
