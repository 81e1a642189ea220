"""The effects of the steps that the worker begins and reports."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from tests.property.model.actions import Action, Mismatch
from tests.property.model.state import Model
from tests.property.model.tickets import FORM_LIVE, HANDED_OUT, WAS_PUBLIC, Recovery, ThreadMessage

SETTLE: Final = timedelta(minutes=1)
"""How long a reply may still appear after the worker got the attempt (the default of CARE_SETTLE_TIME)."""
GREETING: Final = "Thank you for getting in touch. You can write to us privately here: {chat_link}"
"""The first message of a chat. Organizations can set another one."""


def begin_posting(model: Model, action: Action, grant: int) -> None:
    """Applies BeginPosting. Raises Mismatch if the rules do not allow `grant`, the granted attempt (0 for none)."""
    recovery, step, now = model.recovery(action), action.text, model.now
    review = recovery.ticket.review
    siblings = list(model.siblings(recovery))
    before = [each for newer, each in siblings if not newer]
    after = {each.reply_state for newer, each in siblings if newer}
    settled = all(each.reply_state not in {*HANDED_OUT, "MAYBE"} and _is_settled(each, now) for each in before)
    expired = recovery.expire_time is not None and recovery.expire_time <= now
    if not grant:
        wanted = recovery.state == "FORM_REQUESTED" and not expired and settled
        if step == "POST" and wanted:
            raise Mismatch(f"{action}: no other recovery is posting, but it was not granted")
        public = recovery.reply_state == "POSTED" and not recovery.live and recovery.state != "REFUSED"
        alone = (
            not after & {"POSTING", "MAYBE", *WAS_PUBLIC}
            and _is_settled(recovery, now)
            and not recovery.retract_refused
        )
        if step == "RETRACT" and public and alone:
            raise Mismatch(f"{action}: the link is public and no longer valid, but its removal was not granted")
        return
    if grant <= model.attempts.get(review, 0):
        raise Mismatch(f"{action}: attempt {grant} is not new")
    allowed = {
        "POST": recovery.state == "FORM_REQUESTED"
        and not expired
        and not any(e.reply_state in HANDED_OUT for e in before),
        "READ": recovery.reply_state in {"POSTING", "MAYBE"} or recovery.state == "AWAITING_CONTACT",
        "RETRACT": not recovery.live
        and recovery.reply_state in {"POSTED", "RETRACTING"}
        and not after & {"POSTING", *WAS_PUBLIC},
    }
    if not allowed[step]:
        raise Mismatch(f"{action}: granted, although it is {recovery.state}, {recovery.reply_state}")
    model.attempts[review], recovery.attempt = grant, grant
    if step != "READ":
        recovery.reply_state = "POSTING" if step == "POST" else "RETRACTING"
        recovery.grant_times.append(now)
    elif recovery.reply_state == "MAYBE":
        recovery.reply_state = "POSTING"


def record_report(model: Model, action: Action) -> None:
    """Applies a report of the worker. A report about an attempt that is not the current one changes nothing."""
    recovery = model.recovery(action)
    ticket = recovery.ticket
    if action.method.startswith("Record") and (not recovery.attempt or action.attempt != recovery.attempt):
        return
    match action.method:
        case "RecordPosted":
            _record_posted(model, recovery, action)
        case "RecordRefused":
            _record_refused(model, recovery, action)
        case "RecordRetracted" if recovery.reply_state == "RETRACTING":
            recovery.attempt, recovery.reply_state = 0, "RETRACTED"
            model.log(ticket, "REPLY_RETRACTED", action, recovery)
        case "UnlockChat" if recovery.state == "CONTACT_RECEIVED":
            model.move(recovery, "CHAT_UNLOCKED")
            recovery.unlocked = True
            ticket.thread.append(ThreadMessage("AGENT_MESSAGE", "", GREETING, recovery, recovery.contact))
            model.log(ticket, "CHAT_UNLOCKED", action, recovery)
        case "ExpireForm" if recovery.state in FORM_LIVE and recovery.expire_time:
            if recovery.expire_time <= model.now:
                model.move(recovery, "EXPIRED")
                model.log(ticket, "FORM_EXPIRED", action, recovery)
        case _:
            pass


def _record_posted(model: Model, recovery: Recovery, action: Action) -> None:
    if recovery.reply_state == "POSTED" and recovery.state == "AWAITING_CONTACT":
        recovery.attempt = 0
    elif recovery.reply_state == "POSTING":
        recovery.attempt, recovery.reply_state, recovery.post_time = 0, "POSTED", model.now
        if recovery.state == "FORM_REQUESTED":
            model.move(recovery, "AWAITING_CONTACT")
        model.log(recovery.ticket, "FORM_POSTED", action, recovery)


def _record_refused(model: Model, recovery: Recovery, action: Action) -> None:
    if recovery.reply_state == "RETRACTING":
        recovery.attempt, recovery.reply_state, recovery.retract_refused = 0, "POSTED", True
        model.log(recovery.ticket, "RETRACTION_REFUSED", action, recovery)
        return
    moderated = recovery.reply_state == "POSTED" and recovery.state == "AWAITING_CONTACT"
    if recovery.reply_state != "POSTING" and not moderated:
        return
    recovery.attempt = 0
    if recovery.state not in FORM_LIVE:
        recovery.reply_state = "NOT_PUBLIC"
        return
    if not moderated:
        # An earlier write may still appear. Then the site must be read again.
        recovery.reply_state = "MAYBE" if len(recovery.grant_times) > 1 else "NOT_PUBLIC"
    model.move(recovery, "REFUSED")
    model.log(recovery.ticket, "FORM_REFUSED", action, recovery)


def _is_settled(recovery: Recovery, now: datetime) -> bool:
    """Returns whether no earlier write of the reply can still take effect."""
    return all(time + SETTLE <= now for time in recovery.grant_times)
