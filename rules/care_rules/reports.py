"""Decisions on what the workflow of a recovery begins and reports.

The workflow begins attempts at the review site. It reports their outcomes, the unlocked chat and the expired form. A
report that is late or repeated succeeds and changes nothing. A report about an ended recovery succeeds and changes at
most the reply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from care_rules.callers import Caller
from care_rules.chat import customer_message
from care_rules.commands import ExpireForm, RecordPosted, RecordRefused, RecordRetracted, Report, UnlockChat
from care_rules.deadlines import next_reminder
from care_rules.decision import Decision, bump_revision, bump_version, move_recovery, move_status, new_activity
from care_rules.delivery import new_delivery
from care_rules.entities.activity import ActivityType
from care_rules.entities.inbound import Inbound, IngestOutcome
from care_rules.entities.message import MessageKind
from care_rules.entities.recovery import Recovery, ReplyState
from care_rules.entities.review import Review
from care_rules.entities.ticket import Ticket
from care_rules.lifecycle import FORM_LIVE, RECOVERY, RecoveryState, TicketStatus, Trigger
from care_rules.new_entities import new_message
from care_rules.recovery_plan import RecoveryPlan, RecoveryStep, Sibling, SiteTiming, plan_recovery, settle_time
from care_rules.snapshot import TicketSnapshot

_RETRACT_PAUSE: Final = timedelta(hours=1)
_RETRACT_PAUSE_MAX: Final = timedelta(days=1)
_MOST_DOUBLINGS: Final = 5
_NONE: Final = 0
"""The attempt number while no attempt is in progress. Any report of an attempt is then late or repeated."""


@dataclass(frozen=True, slots=True)
class RecoverySnapshot:
    """The state behind a recovery: its ticket, and the other recoveries of its review."""

    base: TicketSnapshot
    recovery: Recovery
    siblings: Sequence[Sibling]
    """The other recoveries of the same review."""
    waiting: Sequence[Inbound] = ()
    """The messages that the contact sent before the chat opened, with the ids of the thread entries to write."""

    def plan(self, now: datetime, timing: SiteTiming) -> RecoveryPlan:
        """Returns the recovery's next step at `now`."""
        return plan_recovery(self.recovery, self.siblings, now, timing, self.reminder)

    @property
    def reminder(self) -> datetime | None:
        """When the assignee is next reminded of the form; None if there is no further reminder."""
        is_live = self.base.live is not None and self.base.live.id == self.recovery.id
        return next_reminder(self.base.ticket, self.recovery, self.base.settings) if is_live else None


def begin_posting(
    snapshot: RecoverySnapshot, review: Review, step: RecoveryStep, timing: SiteTiming, now: datetime
) -> Decision | None:
    """Returns what to write when an attempt of `step` at the review site begins; None if `step` is not the next step.

    Writes no activity: callers can't see attempts, and one activity per retry would flood the log while a site is down.
    """
    if (
        step not in {RecoveryStep.POST, RecoveryStep.READ, RecoveryStep.RETRACT}
        or snapshot.plan(now, timing).step is not step
    ):
        return None
    attempt = review.posting_attempts + 1
    begun = replace(snapshot.recovery, attempt=attempt)
    if step is not RecoveryStep.READ:
        begun = replace(
            begun,
            reply_state=ReplyState.POSTING if step is RecoveryStep.POST else ReplyState.RETRACTING,
            hand_out_time=now,
            # An earlier write without an outcome may still be in progress.
            unsettled_until=settle_time(snapshot.recovery, timing),
        )
    ticket = bump_revision(snapshot.base.ticket)
    return Decision(ticket, recovery=begun, review_attempt=attempt)


def record_report(snapshot: RecoverySnapshot, command: Report, caller: Caller, now: datetime) -> Decision | None:
    """Returns what to write for a report; None if it changes nothing."""
    recovery = snapshot.recovery
    if isinstance(command, RecordPosted | RecordRefused | RecordRetracted) and (
        recovery.attempt == _NONE or command.attempt != recovery.attempt
    ):
        return None
    match command:
        case RecordPosted():
            return _record_posted(snapshot, caller, now)
        case RecordRefused():
            return _record_refused(snapshot, command, caller, now)
        case RecordRetracted():
            if recovery.reply_state is not ReplyState.RETRACTING:
                return None
            retracted = replace(
                recovery, attempt=_NONE, reply_state=ReplyState.RETRACTED, retract_time=now, retract_after=None
            )
            return _write(snapshot, retracted, ActivityType.REPLY_RETRACTED, caller, now)
        case UnlockChat():
            if recovery.state is not RecoveryState.CONTACT_RECEIVED:
                return None
            return _unlock_chat(snapshot, command, caller, now)
        case ExpireForm(early):
            due = recovery.expire_time is not None and recovery.expire_time <= now
            if recovery.state not in FORM_LIVE or not (due or early):
                return None
            expired = _fire(recovery, Trigger.EXPIRE_FORM, now)
            if not due:
                expired = replace(expired, expire_time=now)
            return _write(snapshot, expired, ActivityType.FORM_EXPIRED, caller, now)


def _unlock_chat(snapshot: RecoverySnapshot, command: UnlockChat, caller: Caller, now: datetime) -> Decision:
    contact = snapshot.base.contact
    if contact is None:
        raise AssertionError("the snapshot has no contact in CONTACT_RECEIVED; the loader must load it")
    unlocked = replace(_fire(snapshot.recovery, Trigger.UNLOCK_CHAT, now), unlock_time=now)
    # Messages that the customer sent before the chat opened take effect now, as if the chat had been open.
    ticket = snapshot.base.ticket
    if ticket.status is TicketStatus.RESOLVED and not all(inbound.automatic for inbound in snapshot.waiting):
        ticket = move_status(ticket, Trigger.REOPEN, now)
    decision = _write(snapshot, unlocked, ActivityType.CHAT_UNLOCKED, caller, now, ticket)
    customer_messages = [
        customer_message(decision.ticket, contact, _require_message_id(inbound), inbound, ordinal)
        for ordinal, inbound in enumerate(snapshot.waiting, start=1)
    ]
    greeting = replace(
        new_message(
            decision.ticket,
            command.message_id,
            MessageKind.AGENT_MESSAGE,
            caller,
            snapshot.base.settings.chat_greeting,
        ),
        contact_id=contact.id,
        recovery_id=unlocked.id,
    )
    return replace(
        decision,
        activity=replace(decision.activity, message_id=greeting.id) if decision.activity else None,
        changed_contact=replace(contact, key_id=command.key_id),
        messages=(greeting, *customer_messages),
        admitted=tuple(
            replace(inbound, outcome=IngestOutcome.RECORDED if inbound.automatic else IngestOutcome.ACCEPTED)
            for inbound in snapshot.waiting
        ),
        new_deliveries=(new_delivery(greeting, contact, snapshot.base.settings),),
    )


def _require_message_id(inbound: Inbound) -> UUID:
    if inbound.message_id is None:
        raise AssertionError("the waiting message has no message id; the loader must set it")
    return inbound.message_id


def _record_posted(snapshot: RecoverySnapshot, caller: Caller, now: datetime) -> Decision | None:
    recovery = snapshot.recovery
    if recovery.reply_state is ReplyState.POSTED and recovery.state is RecoveryState.AWAITING_CONTACT:
        # The reply is still public. The time of this check determines the next check.
        ticket = bump_revision(snapshot.base.ticket)
        return Decision(ticket, recovery=replace(recovery, attempt=_NONE, read_time=now))
    if recovery.reply_state is not ReplyState.POSTING:
        return None
    posted = replace(recovery, attempt=_NONE, reply_state=ReplyState.POSTED, post_time=now, read_time=now)
    if posted.state is RecoveryState.FORM_REQUESTED:
        posted = _fire(posted, Trigger.RECORD_POSTED, now)
    return _write(snapshot, posted, ActivityType.FORM_POSTED, caller, now)


def _record_refused(
    snapshot: RecoverySnapshot, command: RecordRefused, caller: Caller, now: datetime
) -> Decision | None:
    recovery = snapshot.recovery
    if recovery.reply_state is ReplyState.RETRACTING:
        pause = min(_RETRACT_PAUSE * 2 ** min(recovery.retract_refusals, _MOST_DOUBLINGS), _RETRACT_PAUSE_MAX)
        refused = replace(
            recovery,
            attempt=_NONE,
            reply_state=ReplyState.POSTED,
            retract_refusals=recovery.retract_refusals + 1,
            retract_after=now + pause,
            refusal_reason=command.reason,
            refusal_message=command.provider_message,
        )
        return _write(snapshot, refused, ActivityType.RETRACTION_REFUSED, caller, now)
    moderated = recovery.reply_state is ReplyState.POSTED and recovery.state is RecoveryState.AWAITING_CONTACT
    if recovery.reply_state is not ReplyState.POSTING and not moderated:
        return None
    if recovery.state not in FORM_LIVE:
        # The recovery ended before the outcome was known. Nothing that callers see has changed.
        ticket = bump_revision(snapshot.base.ticket)
        return Decision(ticket, recovery=replace(recovery, attempt=_NONE, reply_state=ReplyState.NOT_PUBLIC))
    # An earlier write without an outcome may still appear after this refusal. The reply is read again once that write
    # has settled.
    unsettled = recovery.unsettled_until is not None and recovery.unsettled_until > now
    refused = replace(
        recovery,
        attempt=_NONE,
        reply_state=recovery.reply_state if moderated or unsettled else ReplyState.NOT_PUBLIC,
        refusal_reason=command.reason,
        refusal_message=command.provider_message,
    )
    return _write(snapshot, _fire(refused, Trigger.RECORD_REFUSED, now), ActivityType.FORM_REFUSED, caller, now)


def _fire(recovery: Recovery, trigger: Trigger, now: datetime) -> Recovery:
    return move_recovery(recovery, RECOVERY.fire(recovery.state, trigger), now)


def _write(
    snapshot: RecoverySnapshot,
    after: Recovery,
    kind: ActivityType,
    caller: Caller,
    now: datetime,
    moved: Ticket | None = None,
) -> Decision:
    """Returns the decision on a report. `moved` is the ticket with its new status, if the status changes, too."""
    before, live = snapshot.recovery, snapshot.base.live
    is_live_one = live is not None and live.id == after.id
    ticket = bump_version(moved or snapshot.base.ticket, after if is_live_one else live, now)
    entry = new_activity(
        kind, caller, snapshot.base.ticket, ticket, recovery=(before.state, after), recovery_id=after.id
    )
    # A refusal or an expiry may be recorded late, when the recovery's workflow already sleeps again. So such a report
    # wakes the workflow. The wake is cancelled if the workflow calls first. A posted reply and an unlocked chat need no
    # wake: as long as they are not recorded, the plan is to try again, so the workflow does not sleep.
    is_awaited = after.state in {RecoveryState.AWAITING_CONTACT, RecoveryState.CHAT_UNLOCKED}
    wakes = (after.id,) if after.state is not before.state and not is_awaited else ()
    return Decision(ticket, entry, recovery=after, wakes=wakes, report_time=now)
