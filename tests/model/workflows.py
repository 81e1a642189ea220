"""The moves of the relay, `TicketWorkflow` and `ContactRecovery`. The flag of a move says whether it is a FAULT."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from tests.model.people import close
from tests.model.rules import Rules
from tests.model.service import answer, report
from tests.model.states import (
    ANSWERED,
    ASK,
    AT_SITE,
    AWAITING,
    CANCEL_WAKE,
    CLOSED,
    DONE,
    DUE,
    FORM_LIVE,
    HOLD,
    NO_ATTEMPT,
    POST,
    READ,
    RETRACT,
    SENDS,
    STALE,
    UNSTARTED,
    WAIT,
    Late,
    Recovery,
    State,
    live_recovery,
    replace,
    sends,
    write,
)

Moves: TypeAlias = Iterator[tuple[bool, str, State]]
AUTO_CLOSE = "ticket workflow: FireDeadline closes the ticket"
_NUMBERED = {"posted", "refused", "moderated", "retracted"}
"""Reports that name an attempt."""


def relay_moves(state: State, number: int, recovery: Recovery, rules: Rules) -> Moves:
    """Yields the deliveries of a recovery's rows: in any order, each at least once.

    A row starts the workflow, or pokes it if it runs. The model needs no difference between the two, because a workflow
    begins by asking. In the product, a report's row waits before it is due. Here, it may be delivered at once.
    """
    at = recovery.workflow
    runs = at == UNSTARTED or (at == DONE and rules["wake"])
    # In any other place, the workflow asks later in any case, so a poke changes nothing.
    wakes = at == WAIT or (at == ANSWERED and rules["keep-poke"])
    woken = recovery._replace(workflow=ASK) if runs or wakes else recovery
    rows = (
        (recovery.start_row, "its creation", woken._replace(start_row=False)),
        (recovery.poke_row, "a poke", woken._replace(poke_row=False)),
    )
    for is_there, row, delivered in rows:
        if is_there:
            label = f"relay: the row of {row} wakes workflow {number} ({at})"
            yield False, label, replace(state, number, delivered)
            if state.duplications:
                kept = replace(state, number, woken)._replace(duplications=state.duplications - 1)
                yield True, f"{label}, and will be delivered again", kept
    if state.late and state.late.kind == CANCEL_WAKE and state.late.recovery == number:
        without = replace(state, number, woken)._replace(late=None)
        yield True, f"relay: the row of its report wakes workflow {number} ({at})", without


def ticket_moves(state: State, rules: Rules) -> Moves:
    """Yields what the first ticket's workflow may do."""
    live = live_recovery(state, 1)
    form_is_live = live > 0 and state.recoveries[live - 1].state in FORM_LIVE
    if state.timer == WAIT and state.status == CLOSED:
        yield False, "relay: a row wakes the ticket workflow, the ticket is CLOSED", state._replace(timer=DONE)
    elif state.timer == WAIT and not form_is_live:
        yield True, "ticket workflow: the inactivity deadline passes", state._replace(timer=DUE)
    elif state.timer in {DUE, STALE}:
        is_due = state.timer == DUE and not form_is_live
        if state.status != CLOSED and (is_due or not rules["re-evaluate"]):
            yield False, AUTO_CLOSE, close(state, rules)._replace(timer=WAIT)
        else:
            yield False, "ticket workflow: FireDeadline finds nothing due", state._replace(timer=WAIT)


def recovery_moves(state: State, number: int, recovery: Recovery, rules: Rules) -> Moves:
    """Yields what a recovery's workflow may do: ask the service, take one step, report, ask again."""
    at = recovery.workflow
    if at == ASK:
        step, reply_state = answer(state, number, rules)
        if step != HOLD:
            asked = replace(state, number, recovery._replace(workflow=step, reply_state=reply_state))
            yield False, f"asks, {recovery.state}: {step}", _make_reports_stale(asked, number, step, rules)
    elif at == ANSWERED:
        yield False, "sleeps", _at(state, number, WAIT)
        yield True, "the answer is lost", _at(state, number, ASK)
    elif at == WAIT:
        yield True, "a timer fires (reminder)", _at(state, number, ASK)
        if recovery.state == AWAITING and state.site != number:
            yield False, "reads the site: moderated away", _at(state, number, sends("moderated"))
    elif at in AT_SITE:
        yield from _site_attempt(state, number, at, rules)
    elif at in SENDS:
        yield from _report(state, number, SENDS[at], rules)
    if at in {ASK, WAIT} and recovery.state in FORM_LIVE:
        for _, label, after in _on_time(state, number, "expired", rules):
            yield True, f"the form's time has passed: {label}", after
        yield from _delay_report(state, number, "expired")


def _at(state: State, number: int, place: str) -> State:
    return replace(state, number, state.recoveries[number - 1]._replace(workflow=place))


def _make_reports_stale(state: State, number: int, step: str, rules: Rules) -> State:
    """Returns the state after the start of an attempt, which makes the late report of an earlier attempt stale."""
    late = state.late
    if late is None or late.recovery != number or late.kind not in _NUMBERED or step not in AT_SITE:
        return state
    # If attempts are numbered, a stale report has no effect, so the model drops it.
    return state._replace(late=None if rules["attempt-number"] else late._replace(stale=True))


def _site_attempt(state: State, number: int, step: str, rules: Rules) -> Moves:
    if step == POST:
        refused = READ if rules["read-before-refuse"] else sends("refused")
        yield True, "the site refuses", _at(state, number, refused)
    if step == READ:
        found = "posted" if state.site == number else "refused"
        yield False, "reads the site", _at(state, number, sends(found))
    else:
        written = write(state, number, step)
        report_of = "retracted" if step == RETRACT else "posted"
        yield False, f"writes to the site ({step})", _at(written, number, sends(report_of))
        if not rules["attempt-deadline"] and state.outlived == NO_ATTEMPT:
            outlived = _at(state, number, ASK)._replace(outlived=(number, step))
            yield True, "the attempt times out but goes on", outlived
    yield True, "the worker crashes or the site is down", _at(state, number, ASK)


def _report(state: State, number: int, kind: str, rules: Rules) -> Moves:
    for is_fault, label, after in _on_time(state, number, kind, rules):
        yield is_fault, label, after
        if state.duplications and after.late is None:
            late = Late(kind, number, stale=False)
            doubled = after._replace(late=late, duplications=state.duplications - 1)
            yield True, f"{label}; the report is doubled", doubled
    yield True, f"the worker crashes before it reports '{kind}'", _at(state, number, ASK)
    yield from _delay_report(state, number, kind)


def _delay_report(state: State, number: int, kind: str) -> Moves:
    """Yields a move in which the attempt ends without an answer, while its message is still under way."""
    if state.duplications:
        asks = _at(state, number, ASK)
        late = asks._replace(late=Late(kind, number, stale=False), duplications=state.duplications - 1)
        yield True, f"sends '{kind}', which is delayed", late


def _on_time(state: State, number: int, kind: str, rules: Rules) -> Moves:
    """Yields a report that arrives while its attempt waits for the answer, and the possible ends of the report's wake.

    The attempt then asks with a request that first cancels the wake. Before that, the row of the wake has no effect,
    because it could only make the workflow ask. So the model has the row only if the attempt ends before it asks.
    """
    after, wakes = report(state, number, kind, rules, stale=False)
    asks = _at(after, number, ASK)
    yield False, f"reports '{kind}'", asks
    if not wakes or not rules["poke-on-report"]:
        return
    left = replace(asks, number, asks.recoveries[number - 1]._replace(poke_row=True))
    yield True, f"reports '{kind}', and crashes before it cancels the wake", left
    yield from _delay_report(asks, number, CANCEL_WAKE)
    if not rules["ask-after-crash"]:
        yield True, f"reports '{kind}', cancels the wake, and the answer is lost", _at(after, number, WAIT)
