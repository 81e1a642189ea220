"""The states of the model: plain values that are cheap to compare and to hash."""

from __future__ import annotations

from typing import Final, NamedTuple

# Status of the review's first ticket.
ACTIVE: Final = "OPEN or IN_PROGRESS"
RESOLVED: Final = "RESOLVED"
CLOSED: Final = "CLOSED"

# State of a recovery (the recovery machine).
REQUESTED: Final = "FORM_REQUESTED"
AWAITING: Final = "AWAITING_CONTACT"
RECEIVED: Final = "CONTACT_RECEIVED"
UNLOCKED: Final = "CHAT_UNLOCKED"
REFUSED: Final = "REFUSED"
WITHDRAWN: Final = "WITHDRAWN"
EXPIRED: Final = "EXPIRED"
REJECTED: Final = "REJECTED"
REPLACED: Final = "REPLACED"
ENDED_BY_CLOSE: Final = "ENDED_BY_CLOSE"
FORM_LIVE: Final = (REQUESTED, AWAITING)
LIVE: Final = (REQUESTED, AWAITING, RECEIVED, UNLOCKED)

# Reply state: what the service knows about a recovery's reply. POSTING and RETRACTING: an attempt without an outcome.
NONE: Final = "NONE"
POSTING: Final = "POSTING"
RETRACTING: Final = "RETRACTING"
POSTED: Final = "POSTED"
NOT_PUBLIC: Final = "NOT_PUBLIC"
RETRACTED: Final = "RETRACTED"
HANDED_OUT: Final = (POSTING, RETRACTING)
WAS_PUBLIC: Final = (POSTED, RETRACTING, RETRACTED)

# Where a recovery's workflow is.
UNSTARTED: Final = "unstarted"
ASK: Final = "about to ask"
ANSWERED: Final = "told to wait, the answer on its way"
WAIT: Final = "waiting"
DONE: Final = "done"
# An attempt at the review site.
POST: Final = "post"
READ: Final = "read"
RETRACT: Final = "retract"
AT_SITE: Final = (POST, READ, RETRACT)
HOLD: Final = "hold"
"""Only an answer, not a place of the workflow: the workflow asks again until it gets another answer."""
REPORTS: Final = ("posted", "refused", "moderated", "retracted", "unlocked", "expired")
SENDS: Final = {f"about to report {kind}": kind for kind in REPORTS}
"""The places of a workflow that is about to report, each with the kind of the report."""

# Where the ticket's workflow is. It can be WAIT and DONE too.
DUE: Final = "about to fire the inactivity deadline"
STALE: Final = "about to fire the inactivity deadline, but the customer came back"


def sends(kind: str) -> str:
    """Returns the place of a workflow that is about to report `kind`."""
    return f"about to report {kind}"


class Recovery(NamedTuple):
    """A recovery and its workflow."""

    ticket: int
    """The number of the review's ticket that the recovery belongs to: 1 or 2."""
    form: bool
    """Whether the recovery started with a form. Otherwise, the contact was given directly."""
    state: str
    reply_state: str
    seen: bool
    """Whether the recovery's link has been public, so a customer may have it."""
    workflow: str
    start_row: bool
    """Whether the outbox row of its creation is still there."""
    poke_row: bool
    """Whether a row that pokes the workflow is there."""


class Late(NamedTuple):
    """A message to the service that is still on its way although its sender ended, or that was sent twice."""

    kind: str
    """The kind of a report, or CANCEL_WAKE."""
    recovery: int
    stale: bool
    """For a report: whether a newer attempt has begun since."""


CANCEL_WAKE: Final = "cancel the wake"
"""A CheckRecovery call that cancels the row of the report before it. Until it arrives, the row may be delivered."""


class State(NamedTuple):
    """One state of the whole model. Recoveries are numbered from 1, in the order of their creation."""

    status: str
    timer: str
    """Where the first ticket's workflow is."""
    site: int
    """The public reply. 0: none. n: the reply with the link of recovery n. -n: the same reply without the link."""
    moderations: int
    """How many times the site may still take down a reply."""
    duplications: int
    """How many messages may still be delayed or delivered twice."""
    late: Late | None
    outlived: tuple[int, str]
    """The recovery and the step of an attempt that outlived its retry. NO_ATTEMPT before it, GONE after it."""
    recoveries: tuple[Recovery, ...]


NO_ATTEMPT: Final = (0, "")
GONE: Final = (0, "gone")
"""The attempt that outlived its retry has ended. Only one per path is explored."""


class Budget(NamedTuple):
    """How much may happen in an exploration."""

    forms: int
    direct: int
    duplications: int
    moderations: int
    status: bool
    """Whether the status changes other than by an agent's close: resolve, reopen, auto_close."""


QUICK: Final = (Budget(1, 0, 1, 1, True), Budget(2, 0, 0, 0, False), Budget(1, 1, 0, 0, False))
"""Budgets that take seconds each to explore."""
FULL: Final = (Budget(2, 0, 1, 1, False), Budget(1, 1, 1, 1, True), Budget(2, 1, 0, 0, False))
"""Budgets that take minutes each: 3.7 million states in all, and about a gigabyte of memory for the largest."""


def new(ticket: int, state: str) -> Recovery:
    """Returns a new recovery."""
    form = state == REQUESTED
    return Recovery(ticket, form, state, NONE, False, UNSTARTED, True, False)


def replace(state: State, number: int, recovery: Recovery) -> State:
    """Returns the state with another value of one recovery."""
    before = state.recoveries
    return state._replace(recoveries=(*before[: number - 1], recovery, *before[number:]))


def live_recovery(state: State, ticket: int) -> int:
    """Returns the number of a ticket's live recovery; 0 if it has none."""
    for number, recovery in enumerate(state.recoveries, 1):
        if recovery.ticket == ticket and recovery.state in LIVE:
            return number
    return 0


def write(state: State, number: int, step: str) -> State:
    """Returns the state after a recovery's attempt has written to the site."""
    if step == RETRACT:
        return state._replace(site=-number)
    seen = state.recoveries[number - 1]._replace(seen=True)
    return replace(state, number, seen)._replace(site=number)
