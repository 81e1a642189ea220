"""What a recovery wants next, and what comes of reports: the rules of the service's ``domain.plan`` and ``reports``.

Written again, as whoever embeds the workflows has no service installed. Tests of this project play the same scripts
against both and compare every answer.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from care_workflows.testing.lifecycle import FORM_LIVE, RECOVERY, is_live
from care_workflows.testing.records import Policy, Recovery, Review

_HOLD: Final = timedelta(seconds=2)
_RETRACT_PAUSE: Final = timedelta(hours=1)
_LONGEST_RETRACT_PAUSE: Final = timedelta(days=1)
_MOST_DOUBLINGS: Final = 5
_HANDED_OUT: Final = ("POSTING", "RETRACTING")
_WAS_PUBLIC: Final = frozenset({"POSTED", "RETRACTING", "RETRACTED"})


class Plan(NamedTuple):
    """The next step, and for HOLD and WAIT how long until it is worth asking again."""

    step: str
    wait: timedelta | None = None


def plan(
    recovery: Recovery,
    siblings: Sequence[Recovery],
    now: datetime,
    policy: Policy,
    reminder: datetime | None = None,
) -> Plan:
    """Return what ``recovery`` wants; ``siblings`` are the others of its review.

    Its assignee is to be reminded at ``reminder``.
    """
    state = recovery.state
    if state == "CONTACT_RECEIVED":
        return Plan("UNLOCK")
    if state in FORM_LIVE and _is_over(recovery.expire_time, now):
        return Plan("EXPIRE")
    if state == "FORM_REQUESTED":
        held = any(sibling.number < recovery.number and _is_at_site(sibling, now) for sibling in siblings)
        return Plan("HOLD", _HOLD) if held else Plan("POST")
    if recovery.reply_state == "POSTING":
        return _hold_until(_settle_time(recovery, policy), now) or Plan("READ")
    if state == "AWAITING_CONTACT":
        return _awaiting(recovery, now, policy, reminder)
    if not is_live(state) and recovery.reply_state in ("POSTED", "RETRACTING") and not _was_taken_down(recovery):
        return _retraction(recovery, siblings, now)
    return Plan("DONE")


def begin(
    recovery: Recovery, siblings: Sequence[Recovery], review: Review, step: str, now: datetime, policy: Policy
) -> bool:
    """Hand a step at the site out as a new attempt, if it is the one that is wanted; tells whether it was."""
    if plan(recovery, siblings, now, policy).step != step:
        return False
    review.attempts += 1
    if step != "READ":
        # Of the write before, if it has no outcome, something may still be under way.
        recovery.unsettled_until = _settle_time(recovery, policy)
        recovery.reply_state = "POSTING" if step == "POST" else "RETRACTING"
        recovery.hand_out_time = now
    recovery.attempt = review.attempts
    return True


def posted(recovery: Recovery, now: datetime) -> str:
    """Record that the reply with the link is public; returns the state that it moved to, if it moved."""
    if recovery.reply_state == "POSTED" and recovery.state == "AWAITING_CONTACT":
        recovery.attempt, recovery.read_time = 0, now
        return ""
    if recovery.reply_state != "POSTING":
        return ""
    recovery.attempt, recovery.reply_state = 0, "POSTED"
    recovery.post_time = recovery.read_time = now
    return move(recovery, "record_posted", now) if recovery.state == "FORM_REQUESTED" else ""


def not_posted(recovery: Recovery, reason: str, words: str, now: datetime) -> str:
    """Record that the site refused; returns the state that it moved to, if it moved."""
    if recovery.reply_state == "RETRACTING":
        pause = min(_RETRACT_PAUSE * 2 ** min(recovery.retract_refusals, _MOST_DOUBLINGS), _LONGEST_RETRACT_PAUSE)
        recovery.attempt, recovery.reply_state = 0, "POSTED"
        recovery.retract_refusals += 1
        recovery.retract_after = now + pause
        recovery.refusal_reason, recovery.refusal_message = reason, words
        return ""
    moderated = recovery.reply_state == "POSTED" and recovery.state == "AWAITING_CONTACT"
    if recovery.reply_state != "POSTING" and not moderated:
        return ""
    recovery.attempt = 0
    if recovery.state not in FORM_LIVE:
        recovery.reply_state = "NOT_PUBLIC"
        return ""
    # An earlier write without an outcome may still appear after this refusal: the site is read once it has settled.
    unsettled = recovery.unsettled_until is not None and recovery.unsettled_until > now
    recovery.reply_state = recovery.reply_state if moderated or unsettled else "NOT_PUBLIC"
    recovery.refusal_reason, recovery.refusal_message = reason, words
    return move(recovery, "record_refused", now)


def retracted(recovery: Recovery) -> None:
    """Record that the public reply stands without the link."""
    if recovery.reply_state == "RETRACTING":
        recovery.attempt, recovery.reply_state, recovery.retract_after = 0, "RETRACTED", None


def expired(recovery: Recovery, now: datetime, *, early: bool = False) -> str:
    """End the form if its time is over, or ``early``; returns the state that it moved to, if it moved."""
    due = _is_over(recovery.expire_time, now)
    if recovery.state not in FORM_LIVE or not (due or early):
        return ""
    if not due:
        recovery.expire_time = now
    return move(recovery, "expire_form", now)


def move(recovery: Recovery, trigger: str, now: datetime) -> str:
    """Fire a trigger of the table, which may refuse; returns the new state."""
    recovery.state = RECOVERY.fire(recovery.state, trigger)
    recovery.end_time = None if is_live(recovery.state) else now
    return recovery.state


def _was_taken_down(recovery: Recovery) -> bool:
    """Whether a REFUSED recovery's reply was public before, rather than appearing late, after the refusal."""
    late = recovery.post_time and recovery.end_time and recovery.post_time > recovery.end_time
    return recovery.state == "REFUSED" and not late


def _settle_time(recovery: Recovery, policy: Policy) -> datetime | None:
    handed_out = recovery.hand_out_time is not None and recovery.reply_state in _HANDED_OUT
    last = recovery.hand_out_time + policy.settle if handed_out and recovery.hand_out_time else None
    return max((time for time in (last, recovery.unsettled_until) if time is not None), default=None)


def _is_at_site(sibling: Recovery, now: datetime) -> bool:
    return sibling.reply_state in _HANDED_OUT or (sibling.unsettled_until is not None and sibling.unsettled_until > now)


def _hold_until(time: datetime | None, now: datetime) -> Plan | None:
    return Plan("HOLD", time - now) if time is not None and time > now else None


def _awaiting(recovery: Recovery, now: datetime, policy: Policy, reminder: datetime | None) -> Plan:
    check = _next_check(recovery, policy)
    if _is_over(check, now):
        return Plan("READ")
    if _is_over(reminder, now):
        return Plan("REMIND")
    times = (recovery.expire_time, check, reminder)
    return Plan("WAIT", min(time for time in times if time is not None) - now)


def _next_check(recovery: Recovery, policy: Policy) -> datetime | None:
    if recovery.post_time is None:
        return None
    seen = recovery.read_time or recovery.post_time
    times = (recovery.post_time + after for after in sorted(policy.moderation_checks))
    return next((time for time in times if time > seen), None)


def _retraction(recovery: Recovery, siblings: Sequence[Recovery], now: datetime) -> Plan:
    newer = {sibling.reply_state for sibling in siblings if sibling.number > recovery.number}
    if "POSTING" in newer:
        return Plan("HOLD", _HOLD)
    if newer & _WAS_PUBLIC:
        return Plan("DONE")
    if recovery.retract_after is not None and recovery.retract_after > now:
        return Plan("WAIT", recovery.retract_after - now)
    if recovery.reply_state == "RETRACTING":
        return Plan("RETRACT")
    return _hold_until(recovery.unsettled_until, now) or Plan("RETRACT")


def _is_over(time: datetime | None, now: datetime) -> bool:
    return time is not None and time <= now
