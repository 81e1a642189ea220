"""What agents, customers and the review site's moderators may do."""

from __future__ import annotations

from collections.abc import Iterator

from tests.model.rules import Rules
from tests.model.states import (
    ACTIVE,
    CLOSED,
    DUE,
    ENDED_BY_CLOSE,
    FORM_LIVE,
    RECEIVED,
    REJECTED,
    REPLACED,
    REQUESTED,
    RESOLVED,
    STALE,
    UNLOCKED,
    WITHDRAWN,
    Budget,
    Recovery,
    State,
    live_recovery,
    new,
    replace,
)


def end(state: State, number: int, ended: str, rules: Rules, rule: str = "poke-on-end") -> State:
    """Returns the state after a person has changed a recovery's state to `ended`.

    If the rule is kept, an outbox row pokes the recovery's workflow.
    """
    recovery = state.recoveries[number - 1]._replace(state=ended, poke_row=rules[rule])
    return replace(state, number, recovery)


def close(state: State, rules: Rules) -> State:
    """Returns the state after the first ticket was closed, by an agent or by inactivity."""
    number, state = live_recovery(state, 1), state._replace(status=CLOSED)
    return end(state, number, ENDED_BY_CLOSE, rules) if number and rules["close-ends-recovery"] else state


def moves(state: State, budget: Budget, rules: Rules) -> Iterator[tuple[str, State]]:
    """Yields the possible moves, each with the state after it."""
    yield from _agents(state, budget, rules)
    yield from _customers(state, budget, rules)
    if state.site > 0 and state.moderations:
        yield "site: moderates the reply away", state._replace(site=0, moderations=state.moderations - 1)


def _agents(state: State, budget: Budget, rules: Rules) -> Iterator[tuple[str, State]]:
    ticket = 2 if state.status == CLOSED else 1
    live, number = live_recovery(state, ticket), len(state.recoveries) + 1
    live_state = state.recoveries[live - 1].state if live else ""
    if not live and sum(recovery.form for recovery in state.recoveries) < budget.forms:
        yield f"agent: request_form {number} (ticket {ticket})", _add_recovery(state, new(ticket, REQUESTED))
    if live_state in FORM_LIVE:
        yield f"agent: withdraw_form {live}", end(state, live, WITHDRAWN, rules, "poke-on-withdraw")
    if _may_add(state, budget) and (not live or live_state in FORM_LIVE):
        before = end(state, live, REPLACED, rules) if live and rules["replace-form"] else state
        yield f"agent: add_contact {number} (ticket {ticket})", _add_recovery(before, new(ticket, RECEIVED))
    is_first_reject = all(recovery.state != REJECTED for recovery in state.recoveries)
    if live_state in {RECEIVED, UNLOCKED} and is_first_reject:
        yield f"agent: reject_contact {live}", end(state, live, REJECTED, rules)
    if state.status != CLOSED:
        yield "agent: close", close(state, rules)
        if budget.status:
            other = RESOLVED if state.status == ACTIVE else ACTIVE
            yield f"agent: resolve or reopen, now {other}", state._replace(status=other)


def _customers(state: State, budget: Budget, rules: Rules) -> Iterator[tuple[str, State]]:
    for number, recovery in enumerate(state.recoveries, 1):
        if not recovery.seen:
            continue
        if recovery.ticket == 1 and state.status == CLOSED:
            takes_contact = recovery.state in {ENDED_BY_CLOSE, *FORM_LIVE}
            is_first_answer = all(other.ticket == 1 for other in state.recoveries)
            if takes_contact and is_first_answer and _may_add(state, budget):
                label = f"customer: submits {number} on CLOSED, the follow-up gets recovery {len(state.recoveries) + 1}"
                yield label, _add_recovery(state, new(2, RECEIVED))
        elif recovery.state in FORM_LIVE:
            after = end(state, number, RECEIVED, rules)
            if recovery.ticket == 1:
                after = after._replace(status=ACTIVE, timer=STALE if state.timer == DUE else state.timer)
            yield f"customer: submit_contact {number}", after


def _may_add(state: State, budget: Budget) -> bool:
    """Returns whether the budget allows another recovery by direct contact."""
    return sum(not recovery.form for recovery in state.recoveries) < budget.direct


def _add_recovery(state: State, recovery: Recovery) -> State:
    return state._replace(recoveries=(*state.recoveries, recovery))
