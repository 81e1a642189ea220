"""Decisions on the commands that start or end a recovery."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from care_rules import addresses, commands, replies
from care_rules.callers import Caller
from care_rules.decision import Decision, bump_version, move_recovery, new_activity
from care_rules.entities.activity import ActivityType
from care_rules.entities.contact import Contact
from care_rules.entities.message import MessageKind
from care_rules.entities.recovery import Recovery, RecoveryKind
from care_rules.lifecycle import FORM_LIVE, RECOVERY, RecoveryState, Trigger
from care_rules.new_entities import new_contact, new_direct_recovery, new_message, new_recovery
from care_rules.refusals import Violation, invalid
from care_rules.snapshot import TicketSnapshot


def send_form(
    snapshot: TicketSnapshot, command: commands.SendRecoveryForm, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision:
    """Starts a recovery with a form. Refuses with INVALID_FIELD if the reply is too long for the review site."""
    review = snapshot.review
    if review is None:
        raise AssertionError("the ticket has no review; check_allowed should have refused the form")
    limit = replies.byte_limit(review.site)
    length = len(replies.insert_link(command.reply_text, command.link).encode())
    if length > limit:
        problem = (
            f"is {length} bytes long with the link. {review.site} allows {limit} bytes. "
            f"Shorten it by {length - limit} bytes."
        )
        raise invalid(Violation("reply_text", problem))
    recovery = replace(
        new_recovery(snapshot.ticket, command.recovery_id, RecoveryKind.FORM, caller, now),
        state=RECOVERY.fire(RecoveryState.NO_CONTACT, Trigger.REQUEST_FORM),
        reply_text=command.reply_text,
        key_id=command.key_id,
        expire_time=now + snapshot.settings.form_lifetime,
    )
    after = bump_version(snapshot.ticket, recovery, now)
    entry = new_activity(
        ActivityType.FORM_REQUESTED,
        caller,
        snapshot.ticket,
        after,
        recovery=(RecoveryState.NO_CONTACT, recovery),
        message_id=command.reply_message_id,
        request_id=request_id,
    )
    reply = new_message(after, command.reply_message_id, MessageKind.REVIEW_REPLY, caller, command.reply_text)
    form = new_message(after, command.form_message_id, MessageKind.RECOVERY_FORM, caller, "", ordinal=1)
    messages = (replace(reply, recovery_id=recovery.id), replace(form, recovery_id=recovery.id))
    return Decision(after, entry, new_recovery=recovery, messages=messages, wakes=(recovery.id,))


def withdraw_form(
    snapshot: TicketSnapshot, _: commands.WithdrawRecoveryForm, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision:
    """Ends the recovery of a form that is still live."""
    return end_recovery(snapshot, Trigger.WITHDRAW_FORM, ActivityType.FORM_WITHDRAWN, caller, now, request_id)


def reject_contact(
    snapshot: TicketSnapshot, _: commands.RejectContact, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision:
    """Ends a recovery whose contact is the wrong person, and cancels the messages queued for that contact."""
    decision = end_recovery(snapshot, Trigger.REJECT_CONTACT, ActivityType.CONTACT_REJECTED, caller, now, request_id)
    return replace(decision, cancel_deliveries_to=_target_recovery(snapshot).contact_id)


def end_recovery(
    snapshot: TicketSnapshot,
    trigger: Trigger,
    activity_type: ActivityType,
    caller: Caller,
    now: datetime,
    request_id: UUID | None = None,
) -> Decision:
    """Ends the target recovery with `trigger`, and wakes the recovery's workflow.

    The workflow then removes the link from the public reply, if the reply shows it.
    """
    before = _target_recovery(snapshot)
    ended = move_recovery(before, RECOVERY.fire(before.state, trigger), now)
    after = bump_version(snapshot.ticket, ended, now)
    entry = new_activity(
        activity_type, caller, snapshot.ticket, after, recovery=(before.state, ended), request_id=request_id
    )
    return Decision(after, entry, recovery=ended, wakes=(ended.id,))


def add_contact(
    snapshot: TicketSnapshot, command: commands.AddContact, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision:
    """Starts a recovery with a known contact. If a form is live, the new recovery replaces it."""
    replaced = None
    if snapshot.live is not None and snapshot.live.state in FORM_LIVE:
        replaced = move_recovery(snapshot.live, RECOVERY.fire(snapshot.live.state, Trigger.REPLACE_FORM), now)
    if command.claim is not None:
        contact = _copy_claim(snapshot, command, now)
    else:
        addresses.require_one(command.email, command.phone)
        contact = new_contact(snapshot.ticket, command, now)
    recovery = new_direct_recovery(snapshot.ticket, contact, caller, now)
    after = bump_version(snapshot.ticket, recovery, now)
    entry = new_activity(
        ActivityType.CONTACT_ADDED,
        caller,
        snapshot.ticket,
        after,
        recovery=(RecoveryState.NO_CONTACT, recovery),
        request_id=request_id,
    )
    wakes = (recovery.id, replaced.id) if replaced else (recovery.id,)
    return Decision(after, entry, recovery=replaced, new_recovery=recovery, contact=contact, wakes=wakes)


def _target_recovery(snapshot: TicketSnapshot) -> Recovery:
    if snapshot.target_recovery is None:
        raise AssertionError("the snapshot has no target recovery; the loader must load it")
    return snapshot.target_recovery


def _copy_claim(snapshot: TicketSnapshot, command: commands.AddContact, now: datetime) -> Contact:
    """Creates a new contact from the claim.

    Each contact belongs to exactly one recovery, so the claim's own contact can't be reused.
    """
    claim = snapshot.claim
    if claim is None:
        raise AssertionError("the snapshot has no claim; the loader must load it")
    command = replace(command, email=claim.email, phone=claim.phone, display_name=claim.display_name)
    return new_contact(snapshot.ticket, command, now, claim.message)
