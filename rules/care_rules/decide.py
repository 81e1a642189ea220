"""Commands on a ticket: `decide` returns what to write, or raises a refusal. Pure; everything comes in as a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, assert_never
from uuid import UUID

from care_rules import addresses, commands, names, replies
from care_rules.callers import Caller
from care_rules.decision import Decision, activity, bump_version, move_recovery
from care_rules.delivery import new_delivery
from care_rules.entities import (
    ActivityType,
    ActorKind,
    Agent,
    CloseReason,
    Contact,
    Message,
    MessageKind,
    Recovery,
    RecoveryKind,
    ReplyState,
    Ticket,
)
from care_rules.lifecycle import FORM_LIVE, RECOVERY, STATUS, RecoveryState, TicketStatus, Trigger
from care_rules.permissions import STATUS_TRIGGERS, TRIGGERS, Command, CommandRefusal, Relation, Situation, refusal
from care_rules.refusals import Reason, Refusal, Violation, invalid
from care_rules.snapshot import TicketSnapshot


def situation(ticket: Ticket, state: RecoveryState, caller: Caller, agent: Agent | None) -> Situation:
    """Returns the few bits that decide which commands are open to `caller`.

    `state` is that of the recovery that a command is about, or the ticket's contact state; `agent` is who would own the
    ticket.
    """
    if ticket.assignee is None:
        relation = Relation.NOBODYS
    else:
        relation = Relation.MINE if caller.is_agent and ticket.assignee == caller.id else Relation.OTHERS
    return Situation(
        status=ticket.status,
        recovery_state=state,
        relation=relation,
        roles=caller.roles,
        has_review=ticket.review_id is not None,
        # Whoever owns it already may keep it.
        can_be_assignee=agent is not None and (agent.can_be_assignee or agent.id == ticket.assignee),
    )


def decide(
    snapshot: TicketSnapshot,
    command: commands.AgentCommand,
    caller: Caller,
    now: datetime,
    request_id: UUID | None = None,
) -> Decision | None:
    """Returns what to write for `command`, or None where it succeeds without changing anything; raises Refusal."""
    if isinstance(command, commands.AddContact):
        # A field's error comes before every rule's, but the default region is known only now.
        phone = addresses.normalize_phone(command.phone, snapshot.phone_region)
        command = replace(command, phone=phone)
    permit(snapshot, command.command, caller)
    return _DECIDERS[type(command)](snapshot, command, caller, now, request_id)


def permit(snapshot: TicketSnapshot, command: Command, caller: Caller) -> None:
    """Raises the refusal, with its metadata, where `command` is not open to `caller`."""
    state = snapshot.named.state if snapshot.named else snapshot.ticket.contact_state
    bits = situation(snapshot.ticket, state, caller, snapshot.agent)
    reason = refusal(command, bits)
    if reason is not None:
        raise _explain(reason, command, snapshot, caller, bits)


def _explain(
    reason: CommandRefusal, command: Command, snapshot: TicketSnapshot, caller: Caller, bits: Situation
) -> Refusal:
    ticket = snapshot.ticket
    owner = names.agent(ticket.organization, ticket.assignee) if ticket.assignee else ""
    metadata = {"ticket": ticket.name}
    match reason:
        case Reason.ROLE_NOT_ALLOWED:
            metadata = {"method": command.value, "roles": ",".join(sorted(caller.roles)), "allowed": "agent,supervisor"}
            return Refusal(reason, f"{command} is for agents.", metadata)
        case Reason.TICKET_CLOSED:
            return Refusal(
                reason, "The ticket is CLOSED; nothing leaves CLOSED.", metadata | status_keys(ticket.status)
            )
        case Reason.UNASSIGNED:
            return Refusal(reason, "Nobody owns the ticket: take it first.", metadata)
        case Reason.NOT_ASSIGNEE:
            return Refusal(reason, f"The ticket belongs to {owner}.", metadata | {"assignee": owner})
        case Reason.ALREADY_ASSIGNED:
            return Refusal(reason, f"The ticket belongs to {owner} already.", metadata | {"assignee": owner})
        case Reason.NOT_ASSIGNABLE:
            agent = names.agent(ticket.organization, snapshot.agent.id if snapshot.agent else caller.id)
            return Refusal(reason, f"Tickets may not be assigned to {agent}.", metadata | {"agent": agent})
        case Reason.NO_REVIEW:
            return Refusal(reason, "The ticket has no review to reply to: use AddContact.", metadata)
        case Reason.CHAT_LOCKED:
            words = "The chat with the customer is not open: it opens once a contact is known."
            return Refusal(reason, words, metadata | recovery_keys(bits.recovery_state))
        case Reason.FORM_LIVE:
            live = snapshot.live.name if snapshot.live else ""
            keys = metadata | recovery_keys(bits.recovery_state) | {"recovery": live}
            return Refusal(reason, "A recovery form is out already: wait for it or withdraw it.", keys)
        case Reason.ILLEGAL_TRANSITION:
            trigger = TRIGGERS[command]
            on_status = trigger in STATUS_TRIGGERS
            keys = status_keys(bits.status) if on_status else recovery_keys(bits.recovery_state)
            words = f"{command} is not possible in {keys['state']}; Ticket.actions says what is."
            return Refusal(reason, words, metadata | keys | {"trigger": trigger.value})
        case _:
            assert_never(reason)


def status_keys(status: TicketStatus) -> dict[str, str]:
    """Returns the machine keys of an error's metadata for machine 1."""
    return {"machine": STATUS.name, "state": status.value, "allowed": ",".join(STATUS.allowed(status))}


def recovery_keys(state: RecoveryState) -> dict[str, str]:
    """Returns the machine keys of an error's metadata for machine 2."""
    return {"machine": RECOVERY.name, "state": state.value, "allowed": ",".join(RECOVERY.allowed(state))}


def _take(
    snapshot: TicketSnapshot, _: commands.TakeTicket, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision | None:
    if snapshot.ticket.assignee == caller.id:
        return None
    after = replace(bump_version(snapshot.ticket, snapshot.live, now), assignee=caller.id)
    return Decision(after, activity(ActivityType.TAKEN, caller, snapshot.ticket, after, request_id=request_id))


def _assign(
    snapshot: TicketSnapshot, command: commands.AssignTicket, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision | None:
    if snapshot.ticket.assignee == command.agent:
        return None
    own = snapshot.ticket.assignee == caller.id
    after = replace(bump_version(snapshot.ticket, snapshot.live, now), assignee=command.agent)
    kind = ActivityType.ASSIGNED if own else ActivityType.ASSIGNED_BY_OVERRIDE
    return Decision(after, activity(kind, caller, snapshot.ticket, after, request_id=request_id))


def _release(
    snapshot: TicketSnapshot, _: commands.ReleaseTicket, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision:
    after = replace(bump_version(snapshot.ticket, snapshot.live, now), assignee=None)
    return Decision(after, activity(ActivityType.RELEASED, caller, snapshot.ticket, after, request_id=request_id))


def _update(
    snapshot: TicketSnapshot, command: commands.UpdateTicket, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision | None:
    ticket = snapshot.ticket
    changed = replace(
        ticket,
        subject=ticket.subject if command.subject is None else command.subject,
        description=ticket.description if command.description is None else command.description,
        priority=command.priority or ticket.priority,
        labels=ticket.labels if command.labels is None else command.labels,
        external_reference=(
            ticket.external_reference if command.external_reference is None else command.external_reference
        ),
    )
    if changed == ticket:
        return None
    after = bump_version(changed, snapshot.live, now)
    return Decision(after, activity(ActivityType.UPDATED, caller, ticket, after, request_id=request_id))


_STATUS_ACTIVITIES: Final = {
    Trigger.START: ActivityType.STARTED,
    Trigger.RESOLVE: ActivityType.RESOLVED,
    Trigger.CLOSE: ActivityType.CLOSED,
    Trigger.REOPEN: ActivityType.REOPENED,
}


def with_status(ticket: Ticket, trigger: Trigger, now: datetime) -> Ticket:
    """Returns `ticket` after a trigger of machine 1, with the times and the close reason that go with it."""
    status = STATUS.fire(ticket.status, trigger)
    resolve_time = ticket.resolve_time
    if trigger is Trigger.RESOLVE:
        resolve_time = now
    elif trigger is Trigger.REOPEN:
        resolve_time = None
    closed = status is TicketStatus.CLOSED
    return replace(
        ticket,
        status=status,
        resolve_time=resolve_time,
        close_time=now if closed else None,
        close_reason=CloseReason.MANUAL if closed else None,
    )


def _status(
    snapshot: TicketSnapshot, command: commands.AgentCommand, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision:
    trigger = TRIGGERS[command.command]
    live, ended, moved = snapshot.live, None, None
    after = with_status(snapshot.ticket, trigger, now)
    if after.status is TicketStatus.CLOSED and live is not None:
        ended = move_recovery(live, RECOVERY.fire(live.state, Trigger.TICKET_CLOSED), now)
        moved = (live.state, ended)
    after = bump_version(after, ended or live, now)
    entry = activity(_STATUS_ACTIVITIES[trigger], caller, snapshot.ticket, after, recovery=moved, request_id=request_id)
    return Decision(after, entry, recovery=ended, wakes=(ended.id,) if ended else ())


def _send_form(
    snapshot: TicketSnapshot, command: commands.SendRecoveryForm, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision:
    review = snapshot.review
    if review is None:
        raise AssertionError("permit() lets no form through without a review")
    limit = replies.byte_limit(review.site)
    length = len(replies.with_link(command.reply_text, command.link).encode())
    if length > limit:
        words = (
            f"is {length} bytes long with the link; {review.site} takes {limit}: shorten it by {length - limit} bytes"
        )
        raise invalid(Violation("reply_text", words))
    recovery = replace(
        new_recovery(snapshot.ticket, command.recovery_id, RecoveryKind.FORM, caller, now),
        state=RECOVERY.fire(RecoveryState.NO_CONTACT, Trigger.REQUEST_FORM),
        reply_text=command.reply_text,
        key_id=command.key_id,
        expire_time=now + snapshot.settings.form_lifetime,
    )
    after = bump_version(snapshot.ticket, recovery, now)
    entry = activity(
        ActivityType.FORM_REQUESTED,
        caller,
        snapshot.ticket,
        after,
        recovery=(RecoveryState.NO_CONTACT, recovery),
        message_id=command.reply_message_id,
        request_id=request_id,
    )
    reply = message(after, command.reply_message_id, MessageKind.REVIEW_REPLY, caller, command.reply_text)
    form = message(after, command.form_message_id, MessageKind.RECOVERY_FORM, caller, "", ordinal=1)
    messages = (replace(reply, recovery_id=recovery.id), replace(form, recovery_id=recovery.id))
    return Decision(after, entry, new_recovery=recovery, messages=messages, wakes=(recovery.id,))


def _named(snapshot: TicketSnapshot) -> Recovery:
    if snapshot.named is None:
        raise AssertionError("a command on a recovery is loaded with it")
    return snapshot.named


def _withdraw(
    snapshot: TicketSnapshot, _: commands.WithdrawRecoveryForm, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision:
    return end_recovery(snapshot, Trigger.WITHDRAW_FORM, ActivityType.FORM_WITHDRAWN, caller, now, request_id)


def _reject(
    snapshot: TicketSnapshot, _: commands.RejectContact, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision:
    decision = end_recovery(snapshot, Trigger.REJECT_CONTACT, ActivityType.CONTACT_REJECTED, caller, now, request_id)
    return replace(decision, cancel_deliveries_to=_named(snapshot).contact_id)


def end_recovery(
    snapshot: TicketSnapshot,
    trigger: Trigger,
    kind: ActivityType,
    caller: Caller,
    now: datetime,
    request_id: UUID | None = None,
) -> Decision:
    """Fires a trigger that ends the named recovery, and wakes its workflow to tidy up."""
    before = _named(snapshot)
    ended = move_recovery(before, RECOVERY.fire(before.state, trigger), now)
    after = bump_version(snapshot.ticket, ended, now)
    entry = activity(kind, caller, snapshot.ticket, after, recovery=(before.state, ended), request_id=request_id)
    return Decision(after, entry, recovery=ended, wakes=(ended.id,))


def _add_contact(
    snapshot: TicketSnapshot, command: commands.AddContact, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision:
    replaced = None
    if snapshot.live is not None and snapshot.live.state in FORM_LIVE:
        replaced = move_recovery(snapshot.live, RECOVERY.fire(snapshot.live.state, Trigger.REPLACE_FORM), now)
    if command.claim is not None:
        contact = _accepted(snapshot, command, now)
    else:
        addresses.need_one(command.email, command.phone)
        contact = new_contact(snapshot.ticket, command, now)
    recovery = direct_recovery(snapshot.ticket, contact, caller, now)
    after = bump_version(snapshot.ticket, recovery, now)
    entry = activity(
        ActivityType.CONTACT_ADDED,
        caller,
        snapshot.ticket,
        after,
        recovery=(RecoveryState.NO_CONTACT, recovery),
        request_id=request_id,
    )
    wakes = (recovery.id, replaced.id) if replaced else (recovery.id,)
    return Decision(after, entry, recovery=replaced, new_recovery=recovery, contact=contact, wakes=wakes)


def _add_note(
    snapshot: TicketSnapshot, command: commands.AddNote, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision:
    after = bump_version(snapshot.ticket, snapshot.live, now)
    note = message(after, command.message_id, MessageKind.NOTE, caller, command.text)
    entry = activity(
        ActivityType.NOTE_ADDED, caller, snapshot.ticket, after, message_id=command.message_id, request_id=request_id
    )
    return Decision(after, entry, messages=(note,))


def _send_message(
    snapshot: TicketSnapshot, command: commands.SendMessage, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision:
    if snapshot.contact is None:
        raise AssertionError("an open chat has a contact")
    after = bump_version(snapshot.ticket, snapshot.live, now)
    sent = replace(
        message(after, command.message_id, MessageKind.AGENT_MESSAGE, caller, command.text),
        contact_id=snapshot.contact.id,
    )
    entry = activity(
        ActivityType.MESSAGE_SENT, caller, snapshot.ticket, after, message_id=sent.id, request_id=request_id
    )
    return Decision(
        after, entry, messages=(sent,), new_deliveries=(new_delivery(sent, snapshot.contact, snapshot.settings),)
    )


def new_recovery(ticket: Ticket, recovery_id: UUID, kind: RecoveryKind, caller: Caller, now: datetime) -> Recovery:
    """Makes a recovery that has not begun: NO_CONTACT, nothing handed out."""
    return Recovery(
        organization=ticket.organization,
        ticket_number=ticket.number,
        id=recovery_id,
        kind=kind,
        state=RecoveryState.NO_CONTACT,
        review_id=ticket.review_id,
        reply_text="",
        key_id="",
        contact_id=None,
        refusal_reason=None,
        refusal_message="",
        creator=caller.id if caller.is_agent else None,
        reply_state=ReplyState.NONE,
        attempt=0,
        hand_out_time=None,
        unsettled_until=None,
        retract_refusals=0,
        retract_after=None,
        read_time=None,
        create_time=now,
        post_time=None,
        expire_time=None,
        contact_time=None,
        unlock_time=None,
        end_time=None,
        retract_time=None,
    )


def new_contact(
    ticket: Ticket,
    given: commands.AddContact | commands.CreateTicket | commands.SubmitContact,
    now: datetime,
    message: str = "",
) -> Contact:
    """Makes the contact that a new recovery of `ticket` brings; the addresses were normalized beforehand."""
    return Contact(
        organization=ticket.organization,
        ticket_number=ticket.number,
        id=given.contact_id,
        recovery_id=given.recovery_id,
        recovery_ticket_number=ticket.number,
        display_name=given.display_name,
        email=given.email,
        phone=given.phone,
        message=message,
        key_id="",
        verify_time=None,
        create_time=now,
    )


def _accepted(snapshot: TicketSnapshot, command: commands.AddContact, now: datetime) -> Contact:
    """Copies a claim: a contact is used only by the recovery that brought it."""
    claim = snapshot.claim
    if claim is None:
        raise AssertionError("a claim is loaded with the ticket")
    given = replace(command, email=claim.email, phone=claim.phone, display_name=claim.display_name)
    return new_contact(snapshot.ticket, given, now, claim.message)


def direct_recovery(ticket: Ticket, contact: Contact, caller: Caller, now: datetime) -> Recovery:
    """Makes the recovery of a contact that is known already."""
    return replace(
        new_recovery(ticket, contact.recovery_id, RecoveryKind.DIRECT, caller, now),
        state=RECOVERY.fire(RecoveryState.NO_CONTACT, Trigger.ADD_CONTACT),
        contact_id=contact.id,
        contact_time=now,
    )


def message(
    ticket: Ticket, message_id: UUID, kind: MessageKind, caller: Caller, text: str, *, ordinal: int = 0
) -> Message:
    """Makes an entry of the thread by `caller`, belonging to the ticket's latest activity."""
    return Message(
        organization=ticket.organization,
        ticket_number=ticket.number,
        id=message_id,
        activity_number=ticket.version,
        ordinal=ordinal,
        kind=kind,
        author_kind=caller.kind,
        author=caller.actor if caller.kind is not ActorKind.CUSTOMER else "",
        author_display_name=caller.display_name,
        text=text,
        recovery_id=None,
        contact_id=None,
        channel=None,
        automatic=False,
        create_time=ticket.update_time,
    )


# Each decider takes its own command class; the key is that class, so the pairing is right by construction.
_DECIDERS: Final[dict[type, Callable[[TicketSnapshot, Any, Caller, datetime, UUID | None], Decision | None]]] = {
    commands.TakeTicket: _take,
    commands.AssignTicket: _assign,
    commands.ReleaseTicket: _release,
    commands.UpdateTicket: _update,
    commands.StartTicket: _status,
    commands.ResolveTicket: _status,
    commands.CloseTicket: _status,
    commands.ReopenTicket: _status,
    commands.SendRecoveryForm: _send_form,
    commands.WithdrawRecoveryForm: _withdraw,
    commands.AddContact: _add_contact,
    commands.RejectContact: _reject,
    commands.AddNote: _add_note,
    commands.SendMessage: _send_message,
}
