"""All moves from a state: what people, time, the relay, the workflows and late messages may do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from tests.model import people, workflows
from tests.model.rules import Rules
from tests.model.service import report
from tests.model.states import (
    ACTIVE,
    CANCEL_WAKE,
    DONE,
    GONE,
    NO_ATTEMPT,
    RECEIVED,
    WAIT,
    Budget,
    State,
    new,
    replace,
    write,
)

PEOPLE: Final = "people"
"""Moves of agents, customers and moderators. They may or may not happen."""
PROGRESS: Final = "progress"
"""Moves of the system without failures. A state without such a move is a state of rest."""
FAULT: Final = "fault"
"""Failures, late messages, and time that passes."""


class Move(NamedTuple):
    """One step from a state to the next."""

    kind: str
    actor: int
    """The recovery whose workflow acts or is woken; 0 for none."""
    label: str
    after: State


class Model:
    """The rules and the budget of one exploration."""

    def __init__(self, budget: Budget, rules: Rules) -> None:
        self.budget = budget
        self.rules = rules

    def initial(self) -> Sequence[tuple[str, State]]:
        """Returns the states that explorations begin with, each with its name."""
        budget = self.budget
        timer = WAIT if budget.status else DONE
        empty = State(ACTIVE, timer, 0, budget.moderations, budget.duplications, None, NO_ATTEMPT, ())
        found = [("a ticket of a review", empty)]
        if budget.direct:
            found.append(("a ticket that was created with a contact", empty._replace(recoveries=(new(1, RECEIVED),))))
        return found

    def moves(self, state: State) -> Iterator[Move]:
        """Returns all moves from a state."""
        for label, after in people.moves(state, self.budget, self.rules):
            yield Move(PEOPLE, 0, label, after)
        for is_fault, label, after in workflows.ticket_moves(state, self.rules):
            yield Move(FAULT if is_fault else PROGRESS, 0, label, after)
        for number, recovery in enumerate(state.recoveries, 1):
            for is_fault, label, after in workflows.relay_moves(state, number, recovery, self.rules):
                yield Move(FAULT if is_fault else PROGRESS, number, label, after)
            for is_fault, label, after in workflows.recovery_moves(state, number, recovery, self.rules):
                yield Move(FAULT if is_fault else PROGRESS, number, f"workflow {number}: {label}", after)
        if state.late:
            for label, after in _late(state, self.rules):
                yield Move(FAULT, state.late.recovery, label, after)
        if state.outlived not in {NO_ATTEMPT, GONE}:
            number, step = state.outlived
            after = write(state, number, step)._replace(outlived=GONE)
            yield Move(FAULT, number, f"workflow {number}: the attempt that outlived its retry writes ({step})", after)


def _late(state: State, rules: Rules) -> Iterator[tuple[str, State]]:
    """Yields the possible effects of the message that is under way, each with the state after its arrival."""
    if state.late is None:
        return
    kind, number, stale = state.late
    arrived = state._replace(late=None)
    if kind == CANCEL_WAKE:
        yield f"workflow {number}: its late question cancels the wake", arrived
        return
    after, wakes = report(arrived, number, kind, rules, stale=stale)
    label = f"workflow {number}: its late report '{kind}' arrives"
    if not wakes or not rules["poke-on-report"]:
        yield label, after
        return
    yield label, replace(after, number, after.recoveries[number - 1]._replace(poke_row=True))
