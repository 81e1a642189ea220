"""The service as its workflows see it: the answer to CheckRecovery, and what a report does."""

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
"""What each report does to the recovery's state: from, to."""
OUTCOMES: Final = {"posted": (POSTING, POSTED), "refused": (POSTING, NOT_PUBLIC), "retracted": (RETRACTING, RETRACTED)}
"""What each report of an outcome does to the mark: from, to."""


def answer(state: State, number: int, rules: Rules) -> tuple[str, str]:
    """Returns the next step of a recovery, decided from the present state alone, and the mark that BeginPosting leaves.

    The model asks and begins in one move: an answer that is out of date by the time of BeginPosting is given again.
    """
    recovery = state.recoveries[number - 1]
    if recovery.state == RECEIVED:
        return sends("unlocked"), recovery.mark
    older, newer = state.recoveries[: number - 1], state.recoveries[number:]
    if not rules["per-review"]:
        older = tuple(other for other in older if other.ticket == recovery.ticket)
        newer = tuple(other for other in newer if other.ticket == recovery.ticket)
    if recovery.state == REQUESTED:
        if rules["hold"] and any(other.mark in HANDED_OUT for other in older):
            return HOLD, recovery.mark
        return POST, POSTING
    if recovery.mark == POSTING and (rules["record-outcome"] or recovery.state in LIVE):
        return READ, POSTING
    if recovery.state == AWAITING:
        return ANSWERED, recovery.mark
    ended = recovery.state not in LIVE and recovery.state != REFUSED
    if ended and recovery.mark in {POSTED, RETRACTING} and rules["retract"]:
        marks = {other.mark for other in newer}
        if POSTING in marks and rules["retract-waits"]:
            return HOLD, recovery.mark
        if marks.isdisjoint({POSTING, *WAS_PUBLIC}):
            return RETRACT, RETRACTING if rules["retract-is-marked"] else recovery.mark
    return DONE, recovery.mark


def report(state: State, number: int, kind: str, rules: Rules, *, stale: bool) -> tuple[State, bool]:
    """Returns the state after a report, and whether the report moved machine 2, so that it writes a wake.

    A report lifts the mark where the mark is the one that it is about, and fires its trigger where the table has it.
    """
    recovery = state.recoveries[number - 1]
    if kind in OUTCOMES:
        expected, outcome = OUTCOMES[kind]
        is_expected = recovery.mark == expected or (kind == "retracted" and not rules["retract-is-marked"])
        if rules["attempt-number"] and (stale or not is_expected):
            return state, False
        if is_expected:
            state = replace(state, number, recovery._replace(mark=outcome))
    target = number if rules["report-scope"] else live_recovery(state, recovery.ticket) or number
    recovery, (sources, after) = state.recoveries[target - 1], MOVES[kind]
    if recovery.state not in sources:
        return state, False
    return replace(state, target, recovery._replace(state=after)), True
