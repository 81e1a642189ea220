"""The service as the workflows see it: the response of CheckRecovery, and the effect of a report."""

from __future__ import annotations

from typing import Final

from tests.model.rules import Rules
from tests.model.states import (
    ANSWERED,
    AWAITING,
    DONE,
    EXPIRED,
    FORM_LIVE,
    HANDED_OUT,
    HOLD,
    LIVE,
    NOT_PUBLIC,
    POST,
    POSTED,
    POSTING,
    READ,
    RECEIVED,
    REFUSED,
    REQUESTED,
    RETRACT,
    RETRACTED,
    RETRACTING,
    UNLOCKED,
    WAS_PUBLIC,
    State,
    live_recovery,
    replace,
    sends,
)

MOVES: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "posted": ((REQUESTED,), AWAITING),
    "refused": (FORM_LIVE, REFUSED),
    "moderated": ((AWAITING,), REFUSED),
    "retracted": ((), ""),
    "unlocked": ((RECEIVED,), UNLOCKED),
    "expired": (FORM_LIVE, EXPIRED),
}
"""The change of the recovery's state that each report makes: the states before it, and the state after it."""
WAKING: Final = frozenset({"refused", "moderated", "expired"})
"""The reports that write a wake, because the workflow may sleep again when they arrive: see `report`."""
OUTCOMES: Final = {"posted": (POSTING, POSTED), "refused": (POSTING, NOT_PUBLIC), "retracted": (RETRACTING, RETRACTED)}
"""The change of the reply state that each report of an outcome makes: the state before it, and the state after it."""


def answer(state: State, number: int, rules: Rules) -> tuple[str, str]:
    """Returns the next step of a recovery, decided from the present state alone, and the reply state afterwards.

    In the model, the workflow asks and begins the step in one move. In the product these are two calls. BeginPosting
    checks the step again, and returns a new plan if the step is out of date.
    """
    recovery = state.recoveries[number - 1]
    if recovery.state == RECEIVED:
        return sends("unlocked"), recovery.reply_state
    older, newer = state.recoveries[: number - 1], state.recoveries[number:]
    if not rules["per-review"]:
        older = tuple(other for other in older if other.ticket == recovery.ticket)
        newer = tuple(other for other in newer if other.ticket == recovery.ticket)
    if recovery.state == REQUESTED:
        if rules["hold"] and any(other.reply_state in HANDED_OUT for other in older):
            return HOLD, recovery.reply_state
        return POST, POSTING
    if recovery.reply_state == POSTING and (rules["record-outcome"] or recovery.state in LIVE):
        return READ, POSTING
    if recovery.state == AWAITING:
        return ANSWERED, recovery.reply_state
    ended = recovery.state not in LIVE and recovery.state != REFUSED
    if ended and recovery.reply_state in {POSTED, RETRACTING} and rules["retract"]:
        replies = {other.reply_state for other in newer}
        if POSTING in replies and rules["retract-waits"]:
            return HOLD, recovery.reply_state
        if replies.isdisjoint({POSTING, *WAS_PUBLIC}):
            return RETRACT, RETRACTING if rules["retract-is-known"] else recovery.reply_state
    return DONE, recovery.reply_state


def report(state: State, number: int, kind: str, rules: Rules, *, stale: bool) -> tuple[State, bool]:
    """Returns the state after a report, and whether it writes a wake.

    A report in `OUTCOMES` changes the reply state. A report also changes the recovery's state if `MOVES` has that
    change. If it does, a report in `WAKING` also writes a wake. The reports `posted` and `unlocked` need no wake. Until
    such a report arrives, the service's plan has the same step, so the workflow tries again and does not sleep.
    """
    recovery = state.recoveries[number - 1]
    if kind in OUTCOMES:
        expected, outcome = OUTCOMES[kind]
        is_expected = recovery.reply_state == expected or (kind == "retracted" and not rules["retract-is-known"])
        if rules["attempt-number"] and (stale or not is_expected):
            return state, False
        if is_expected:
            state = replace(state, number, recovery._replace(reply_state=outcome))
    target = number if rules["report-scope"] else live_recovery(state, recovery.ticket) or number
    recovery, (sources, after) = state.recoveries[target - 1], MOVES[kind]
    if recovery.state not in sources:
        return state, False
    return replace(state, target, recovery._replace(state=after)), kind in WAKING
