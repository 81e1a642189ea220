"""The properties that must hold in every state, in every move, and in every state of rest.

I1, I4, I6 and I9 are numbers of the invariants in the design, which is not in this repository. I5 holds by
construction: a move is a commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.model.moves import PEOPLE, Move
from tests.model.states import (
    AWAITING,
    CLOSED,
    DONE,
    FORM_LIVE,
    HANDED_OUT,
    LIVE,
    RECEIVED,
    REFUSED,
    REQUESTED,
    STALE,
    UNSTARTED,
    State,
)
from tests.model.workflows import AUTO_CLOSE

LIVE_ON_CLOSED: Final = "I1: a recovery of a CLOSED ticket is live"
LEFT_CLOSED: Final = "I4: something left CLOSED"
TWO_LIVE: Final = "I6: two recoveries of one ticket are live"
OTHER_CHANGED: Final = "I6: a report changes another recovery"
STEP_LOST: Final = "I9: a recovery wants a step, has no workflow, and no row will wake it"
REFUSED_IS_PUBLIC: Final = "a REFUSED recovery has its link public"
NEWER_OVERWRITTEN: Final = "an old posting overwrites a newer reply"
CLOSED_ON_CUSTOMER: Final = "auto_close although the customer came back"
CLOSED_ON_FORM: Final = "auto_close while a form is live"
# Dead ends: conditions that must not hold in a state of rest.
LINK_LEADS_NOWHERE: Final = "dead end: a public link leads nowhere"
NEVER_UNLOCKED: Final = "dead end: a contact was received and is never unlocked"
NEVER_POSTED: Final = "dead end: a form was requested and is never posted"
HANDED_OUT_FOR_EVER: Final = "dead end: an attempt never gets an outcome"
RECOVERY_SLEEPS: Final = "dead end: a recovery ended, its workflow sleeps"
TICKET_GOES_ON: Final = "dead end: the ticket is CLOSED, its workflow goes on"
NEVER_RESTS: Final = "dead end: the system never comes to rest"

ALL: Final = frozenset(
    {
        *(LIVE_ON_CLOSED, LEFT_CLOSED, TWO_LIVE, OTHER_CHANGED, STEP_LOST, REFUSED_IS_PUBLIC, NEWER_OVERWRITTEN),
        *(CLOSED_ON_CUSTOMER, CLOSED_ON_FORM, LINK_LEADS_NOWHERE, NEVER_UNLOCKED, NEVER_POSTED, HANDED_OUT_FOR_EVER),
        *(RECOVERY_SLEEPS, TICKET_GOES_ON, NEVER_RESTS),
    }
)


def violations_of_state(state: State) -> Iterator[str]:
    """Yields the violations in a state."""
    live = [recovery.ticket for recovery in state.recoveries if recovery.state in LIVE]
    if state.status == CLOSED and 1 in live:
        yield LIVE_ON_CLOSED
    if len(live) > len(set(live)):
        yield TWO_LIVE
    for recovery in state.recoveries:
        wants = recovery.state in {REQUESTED, AWAITING, RECEIVED}
        if wants and recovery.workflow in {UNSTARTED, DONE} and not (recovery.start_row or recovery.poke_row):
            yield STEP_LOST
    if state.site > 0 and state.recoveries[state.site - 1].state == REFUSED:
        yield REFUSED_IS_PUBLIC


def violations_of_move(state: State, move: Move) -> Iterator[str]:
    """Yields the violations of a move from `state`."""
    after = move.after
    changed = _changed_recoveries(state, after) if after.recoveries is not state.recoveries else frozenset()
    if state.status == CLOSED and (
        after.status != CLOSED or any(state.recoveries[number - 1].ticket == 1 for number in changed)
    ):
        yield LEFT_CLOSED
    if move.kind != PEOPLE and move.actor and changed - {move.actor}:
        yield OTHER_CHANGED
    if after.site not in {0, state.site} and abs(state.site) > abs(after.site):
        yield NEWER_OVERWRITTEN
    if move.label == AUTO_CLOSE:
        if state.timer == STALE:
            yield CLOSED_ON_CUSTOMER
        if any(recovery.ticket == 1 and recovery.state in FORM_LIVE for recovery in state.recoveries):
            yield CLOSED_ON_FORM


def _changed_recoveries(state: State, after: State) -> frozenset[int]:
    """Returns the recoveries whose state has changed."""
    pairs = zip(state.recoveries, after.recoveries, strict=False)  # a move may add a recovery
    return frozenset(number for number, (one, other) in enumerate(pairs, 1) if one.state != other.state)


def violations_at_rest(state: State) -> Iterator[str]:
    """Yields the violations in a state of rest, from which the system makes no more moves without a failure."""
    for number, recovery in enumerate(state.recoveries, 1):
        if recovery.state not in LIVE:
            if state.site == number:
                yield LINK_LEADS_NOWHERE
            if recovery.workflow != DONE:
                yield RECOVERY_SLEEPS
        if recovery.state == RECEIVED:
            yield NEVER_UNLOCKED
        if recovery.state == REQUESTED:
            yield NEVER_POSTED
        if recovery.reply_state in HANDED_OUT:
            yield HANDED_OUT_FOR_EVER
    if state.status == CLOSED and state.timer != DONE:
        yield TICKET_GOES_ON
