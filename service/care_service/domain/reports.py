"""What workflows report: hand-outs at the review site and their outcomes, the unlocked chat, the expired form.

A report that comes late, twice, about another attempt or about a recovery that has ended is a success that changes
nothing, or changes no more than the mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from care_service.domain.callers import Caller
from care_service.domain.case import Case, Decision, activity, move_recovery, touched
from care_service.domain.chat import customer_message
from care_service.domain.commands import ExpireForm, RecordPosted, RecordRefused, RecordRetracted, Report, UnlockChat
from care_service.domain.deadlines import next_reminder
from care_service.domain.decide import message, with_status
from care_service.domain.delivery import new_delivery
from care_service.domain.entities import (
    ActivityType,
    Inbound,
    IngestOutcome,
    Mark,
    MessageKind,
    Recovery,
    Review,
    Ticket,
)
from care_service.domain.lifecycle import FORM_LIVE, RECOVERY, RecoveryState, TicketStatus, Trigger
from care_service.domain.plan import Plan, Sibling, SiteTiming, Step, plan, settle_time

_RETRACT_PAUSE: Final = timedelta(hours=1)
_RETRACT_PAUSE_MAX: Final = timedelta(days=1)
_MOST_DOUBLINGS: Final = 5
_NONE: Final = 0
"""No attempt is outstanding: what comes of the last one again, late or doubled, changes nothing."""


@dataclass(frozen=True, slots=True)
class RecoveryCase:
    """A ticket as it was loaded for the workflow of one of its recoveries."""

    case: Case
    recovery: Recovery
    siblings: Sequence[Sibling]
    """The other recoveries of the same review."""
    timing: SiteTiming
    kept: Sequence[Inbound] = ()
    """What the contact sent before its chat was unlocked, with the ids that its entries of the thread shall have."""

    def plan(self, now: datetime) -> Plan:
        """Returns what the recovery wants at `now`."""
        return plan(self.recovery, self.siblings, now, self.timing, self.reminder)

    @property
    def reminder(self) -> datetime | None:
        """When the assignee is to be reminded of the form next."""
        is_live = self.case.live is not None and self.case.live.id == self.recovery.id
        return next_reminder(self.case.ticket, self.recovery, self.case.settings) if is_live else None


def begin_posting(case: RecoveryCase, review: Review, step: Step, now: datetime) -> Decision | None:
    """Hands out a step at the review site as a new attempt; None where the recovery does not want that step.

    Writes no activity: nobody can see it, and an attempt per retry would bury the log while a site is down.
    """
    if step not in {Step.POST, Step.READ, Step.RETRACT} or case.plan(now).step is not step:
        return None
    attempt = review.posting_attempts + 1
    handed_out = replace(case.recovery, attempt=attempt)
    if step is not Step.READ:
        handed_out = replace(
            handed_out,
            mark=Mark.OUT if step is Step.POST else Mark.TAKING_OUT,
            hand_out_time=now,
            # Of the write before, if it has no outcome, something may still be under way.
            unsettled_until=settle_time(case.recovery, case.timing),
        )
    ticket = replace(case.case.ticket, revision=case.case.ticket.revision + 1)
    return Decision(ticket, recovery=handed_out, review_attempt=attempt)


def report(case: RecoveryCase, command: Report, caller: Caller, now: datetime) -> Decision | None:
    """Returns what to write for a report, or None where it changes nothing."""
    recovery = case.recovery
    if isinstance(command, RecordPosted | RecordRefused | RecordRetracted) and (
        recovery.attempt == _NONE or command.attempt != recovery.attempt
    ):
        return None
    match command:
        case RecordPosted():
            return _posted(case, caller, now)
        case RecordRefused():
            return _refused(case, command, caller, now)
        case RecordRetracted():
            if recovery.mark is not Mark.TAKING_OUT:
                return None
            retracted = replace(recovery, attempt=_NONE, mark=Mark.RETRACTED, retract_time=now, retract_after=None)
            return _write(case, retracted, ActivityType.REPLY_RETRACTED, caller, now)
        case UnlockChat():
            if recovery.state is not RecoveryState.CONTACT_RECEIVED:
                return None
            return _unlocked(case, command, caller, now)
        case ExpireForm(early):
            due = recovery.expire_time is not None and recovery.expire_time <= now
            if recovery.state not in FORM_LIVE or not (due or early):
                return None
            expired = _fire(recovery, Trigger.EXPIRE_FORM, now)
            if not due:
                expired = replace(expired, expire_time=now)
            return _write(case, expired, ActivityType.FORM_EXPIRED, caller, now)


def _unlocked(case: RecoveryCase, command: UnlockChat, caller: Caller, now: datetime) -> Decision:
    contact = case.case.contact
    if contact is None:
        raise AssertionError("whoever is received has left an address")
    unlocked = replace(_fire(case.recovery, Trigger.UNLOCK_CHAT, now), unlock_time=now)
    # Whoever wrote while the chat was not open yet is heard now, as if it had been.
    ticket = case.case.ticket
    if ticket.status is TicketStatus.RESOLVED and not all(inbound.automatic for inbound in case.kept):
        ticket = with_status(ticket, Trigger.REOPEN, now)
    decision = _write(case, unlocked, ActivityType.CHAT_UNLOCKED, caller, now, ticket)
    said = [
        customer_message(decision.ticket, contact, _given_id(inbound), inbound, ordinal)
        for ordinal, inbound in enumerate(case.kept, start=1)
    ]
    greeting = replace(
        message(
            decision.ticket,
            command.message_id,
            MessageKind.AGENT_MESSAGE,
            caller,
            case.case.settings.chat_greeting,
        ),
        contact_id=contact.id,
        recovery_id=unlocked.id,
    )
    return replace(
        decision,
        activity=replace(decision.activity, message_id=greeting.id) if decision.activity else None,
        known_contact=replace(contact, key_id=command.key_id),
        messages=(greeting, *said),
        admitted=tuple(
            replace(inbound, outcome=IngestOutcome.RECORDED if inbound.automatic else IngestOutcome.ACCEPTED)
            for inbound in case.kept
        ),
        new_deliveries=(new_delivery(greeting, contact, case.case.settings),),
    )


def _given_id(inbound: Inbound) -> UUID:
    if inbound.message_id is None:
        raise AssertionError("what is taken in was given the id of its entry")
    return inbound.message_id


def _posted(case: RecoveryCase, caller: Caller, now: datetime) -> Decision | None:
    recovery = case.recovery
    if recovery.mark is Mark.POSTED and recovery.state is RecoveryState.AWAITING_CONTACT:
        # Read again and still there: remembered, so that the next check is a later one.
        ticket = replace(case.case.ticket, revision=case.case.ticket.revision + 1)
        return Decision(ticket, recovery=replace(recovery, attempt=_NONE, read_time=now))
    if recovery.mark is not Mark.OUT:
        return None
    posted = replace(recovery, attempt=_NONE, mark=Mark.POSTED, post_time=now, read_time=now)
    if posted.state is RecoveryState.FORM_REQUESTED:
        posted = _fire(posted, Trigger.RECORD_POSTED, now)
    return _write(case, posted, ActivityType.FORM_POSTED, caller, now)


def _refused(case: RecoveryCase, command: RecordRefused, caller: Caller, now: datetime) -> Decision | None:
    recovery = case.recovery
    if recovery.mark is Mark.TAKING_OUT:
        pause = min(_RETRACT_PAUSE * 2 ** min(recovery.retract_refusals, _MOST_DOUBLINGS), _RETRACT_PAUSE_MAX)
        refused = replace(
            recovery,
            attempt=_NONE,
            mark=Mark.POSTED,
            retract_refusals=recovery.retract_refusals + 1,
            retract_after=now + pause,
            refusal_reason=command.reason,
            refusal_message=command.provider_message,
        )
        return _write(case, refused, ActivityType.RETRACTION_REFUSED, caller, now)
    moderated = recovery.mark is Mark.POSTED and recovery.state is RecoveryState.AWAITING_CONTACT
    if recovery.mark is not Mark.OUT and not moderated:
        return None
    if recovery.state not in FORM_LIVE:
        # It had ended before anybody knew what became of the reply: nothing that people see has changed.
        ticket = replace(case.case.ticket, revision=case.case.ticket.revision + 1)
        return Decision(ticket, recovery=replace(recovery, attempt=_NONE, mark=Mark.NOT_PUBLIC))
    # An earlier write without an outcome may still appear after this refusal: the site is read once it has settled.
    unsettled = recovery.unsettled_until is not None and recovery.unsettled_until > now
    refused = replace(
        recovery,
        attempt=_NONE,
        mark=recovery.mark if moderated or unsettled else Mark.NOT_PUBLIC,
        refusal_reason=command.reason,
        refusal_message=command.provider_message,
    )
    return _write(case, _fire(refused, Trigger.RECORD_REFUSED, now), ActivityType.FORM_REFUSED, caller, now)


def _fire(recovery: Recovery, trigger: Trigger, now: datetime) -> Recovery:
    return move_recovery(recovery, RECOVERY.fire(recovery.state, trigger), now)


def _write(
    case: RecoveryCase,
    after: Recovery,
    kind: ActivityType,
    caller: Caller,
    now: datetime,
    moved: Ticket | None = None,
) -> Decision:
    """Makes the decision of a report; `moved` is the ticket where its status changes too."""
    before, live = case.recovery, case.case.live
    is_live_one = live is not None and live.id == after.id
    ticket = touched(moved or case.case.ticket, after if is_live_one else live, now)
    entry = activity(kind, caller, case.case.ticket, ticket, recovery=(before.state, after), recovery_id=after.id)
    # A report may come late, its workflow asleep again: whatever moved the state pokes, unless who reported asks anew.
    wakes = (after.id,) if after.state is not before.state else ()
    return Decision(ticket, entry, recovery=after, wakes=wakes, report_time=now)
