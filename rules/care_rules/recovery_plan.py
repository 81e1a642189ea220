"""The next step of a recovery, computed from current state alone. The recovery's workflow asks for the step.

The checks come in the same order as in the model of the lifecycle (tests/model).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from care_rules.entities.recovery import Recovery, RecoveryKind, ReplyState
from care_rules.lifecycle import FORM_LIVE, LIVE, RecoveryState


class RecoveryStep(StrEnum):
    """A step of a recovery; `care.v1.RecoveryStep` documents each value."""

    POST = "POST"
    HOLD = "HOLD"
    READ = "READ"
    UNLOCK = "UNLOCK"
    WAIT = "WAIT"
    RETRACT = "RETRACT"
    EXPIRE = "EXPIRE"
    DONE = "DONE"
    REMIND = "REMIND"


@dataclass(frozen=True, slots=True)
class RecoveryPlan:
    """The next step, and for HOLD and WAIT how long to wait before asking again."""

    step: RecoveryStep
    wait: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another recovery of the same review, on the same ticket or another one."""

    newer: bool
    """Whether it was created after the planned recovery."""
    reply_state: ReplyState
    unsettled_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SiteTiming:
    """The times that apply to review sites."""

    checks: Sequence[timedelta]
    """How long after posting the public reply is read again. Sites moderate replies after they accept them."""
    settle: timedelta
    """The longest time from the start of an attempt until its write appears at the site.

    An attempt that timed out, or whose worker was killed, may have left a request that the site carries out later.
    Until this time has passed, a reply that is not public may still appear, and such a request may still overwrite a
    newer text.
    """


HOLD_TIME: Final = timedelta(seconds=2)
HANDED_OUT: Final = frozenset({ReplyState.POSTING, ReplyState.RETRACTING})
"""The reply states in which an attempt to write to the review site has no recorded outcome yet."""
SHOWS_LINK: Final = frozenset({ReplyState.POSTED, ReplyState.RETRACTING})
"""The reply states in which the public reply may show the link, which must be removed once the recovery has ended."""
WAS_PUBLIC: Final = frozenset({ReplyState.POSTED, ReplyState.RETRACTING, ReplyState.RETRACTED})
"""The states of a reply that was public at some time, and so replaced the replies of older recoveries."""
UNFINISHED: Final = FORM_LIVE | {RecoveryState.CONTACT_RECEIVED}
"""The states in which a recovery has a next step, whatever the state of its reply."""


def next_check(recovery: Recovery, checks: Sequence[timedelta]) -> datetime | None:
    """Returns when the public reply is read again; None before the reply is posted and after the last check."""
    if recovery.post_time is None:
        return None
    last_read = recovery.read_time or recovery.post_time
    return next((at for offset in sorted(checks) if (at := recovery.post_time + offset) > last_read), None)


def plan_recovery(
    recovery: Recovery,
    siblings: Sequence[Sibling],
    now: datetime,
    timing: SiteTiming,
    reminder: datetime | None = None,
) -> RecoveryPlan:
    """Returns the next step of `recovery` at `now`. `reminder` is the time of the assignee's next reminder."""
    state = recovery.state
    if state is RecoveryState.CONTACT_RECEIVED:
        return RecoveryPlan(RecoveryStep.UNLOCK)
    if state in FORM_LIVE and recovery.expire_time is not None and recovery.expire_time <= now:
        return RecoveryPlan(RecoveryStep.EXPIRE)
    if state is RecoveryState.FORM_REQUESTED:
        held = any(not sibling.newer and _may_be_at_site(sibling, now) for sibling in siblings)
        return RecoveryPlan(RecoveryStep.HOLD, HOLD_TIME) if held else RecoveryPlan(RecoveryStep.POST)
    if recovery.reply_state is ReplyState.POSTING:
        return _hold_until(settle_time(recovery, timing), now) or RecoveryPlan(RecoveryStep.READ)
    if state is RecoveryState.AWAITING_CONTACT:
        return _plan_waiting(recovery, now, timing.checks, reminder)
    if state not in LIVE and recovery.reply_state in SHOWS_LINK and not _was_taken_down(recovery):
        return _plan_retraction(recovery, siblings, now)
    return RecoveryPlan(RecoveryStep.DONE)


def needs_form_link(recovery: Recovery, siblings: Sequence[Sibling], now: datetime, timing: SiteTiming) -> bool:
    """Tells whether a form's link is still needed, and therefore the key that signs the link.

    Customers use the link until the form expires, even after the recovery has ended. The worker needs the link while
    the public reply may show it: the worker posts the link, looks for it, and removes it when the recovery ends.
    """
    if recovery.kind is not RecoveryKind.FORM:
        return False
    if recovery.expire_time is not None and recovery.expire_time > now:
        return True
    if recovery.state in LIVE:
        # A live recovery may end at any time. The link is needed if the worker would then have a step left.
        recovery = replace(recovery, state=RecoveryState.ENDED_BY_CLOSE, end_time=now)
    return plan_recovery(recovery, siblings, now, timing).step is not RecoveryStep.DONE


def _was_taken_down(recovery: Recovery) -> bool:
    """Tells whether the site took the public reply down.

    A reply that became public only after the recovery had ended as REFUSED was not taken down.
    """
    appeared_late = recovery.post_time and recovery.end_time and recovery.post_time > recovery.end_time
    return recovery.state is RecoveryState.REFUSED and not appeared_late


def settle_time(recovery: Recovery, timing: SiteTiming) -> datetime | None:
    """Returns until when a write of `recovery` may still appear at the site; None if every write has an outcome."""
    last = (
        recovery.hand_out_time + timing.settle
        if recovery.hand_out_time and recovery.reply_state in HANDED_OUT
        else None
    )
    return max((time for time in (last, recovery.unsettled_until) if time is not None), default=None)


def _may_be_at_site(sibling: Sibling, now: datetime) -> bool:
    return sibling.reply_state in HANDED_OUT or (sibling.unsettled_until is not None and sibling.unsettled_until > now)


def _hold_until(time: datetime | None, now: datetime) -> RecoveryPlan | None:
    return RecoveryPlan(RecoveryStep.HOLD, time - now) if time is not None and time > now else None


def _plan_waiting(
    recovery: Recovery, now: datetime, checks: Sequence[timedelta], reminder: datetime | None
) -> RecoveryPlan:
    check = next_check(recovery, checks)
    if check is not None and check <= now:
        return RecoveryPlan(RecoveryStep.READ)
    if reminder is not None and reminder <= now:
        return RecoveryPlan(RecoveryStep.REMIND)
    times = [time for time in (recovery.expire_time, check, reminder) if time is not None]
    return RecoveryPlan(RecoveryStep.WAIT, min(times) - now)


def _plan_retraction(recovery: Recovery, siblings: Sequence[Sibling], now: datetime) -> RecoveryPlan:
    newer = {sibling.reply_state for sibling in siblings if sibling.newer}
    if ReplyState.POSTING in newer:
        return RecoveryPlan(RecoveryStep.HOLD, HOLD_TIME)
    if newer & WAS_PUBLIC:
        return RecoveryPlan(RecoveryStep.DONE)
    if recovery.retract_after is not None and recovery.retract_after > now:
        return RecoveryPlan(RecoveryStep.WAIT, recovery.retract_after - now)
    if recovery.reply_state is ReplyState.RETRACTING:
        # The retraction began after all writes with the link had settled. Another attempt writes the same text, so it
        # need not wait.
        return RecoveryPlan(RecoveryStep.RETRACT)
    return _hold_until(recovery.unsettled_until, now) or RecoveryPlan(RecoveryStep.RETRACT)
