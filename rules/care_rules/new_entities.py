"""New recoveries, contacts and messages."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from care_rules import commands
from care_rules.callers import Caller
from care_rules.entities.activity import ActorKind
from care_rules.entities.contact import Contact
from care_rules.entities.message import Message, MessageKind
from care_rules.entities.recovery import Recovery, RecoveryKind, ReplyState
from care_rules.entities.ticket import Ticket
from care_rules.lifecycle import RECOVERY, RecoveryState, Trigger


def new_recovery(ticket: Ticket, recovery_id: UUID, kind: RecoveryKind, caller: Caller, now: datetime) -> Recovery:
    """Returns a recovery in NO_CONTACT, without an attempt at the review site."""
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


def new_direct_recovery(ticket: Ticket, contact: Contact, caller: Caller, now: datetime) -> Recovery:
    """Returns the recovery for a contact that is already known. It begins in CONTACT_RECEIVED."""
    return replace(
        new_recovery(ticket, contact.recovery_id, RecoveryKind.DIRECT, caller, now),
        state=RECOVERY.fire(RecoveryState.NO_CONTACT, Trigger.ADD_CONTACT),
        contact_id=contact.id,
        contact_time=now,
    )


def new_contact(
    ticket: Ticket,
    command: commands.AddContact | commands.CreateTicket | commands.SubmitContact,
    now: datetime,
    message: str = "",
) -> Contact:
    """Returns the contact for a new recovery of `ticket`. The addresses must be normalized already."""
    return Contact(
        organization=ticket.organization,
        ticket_number=ticket.number,
        id=command.contact_id,
        recovery_id=command.recovery_id,
        recovery_ticket_number=ticket.number,
        display_name=command.display_name,
        email=command.email,
        phone=command.phone,
        message=message,
        key_id="",
        verify_time=None,
        create_time=now,
    )


def new_message(
    ticket: Ticket, message_id: UUID, kind: MessageKind, caller: Caller, text: str, *, ordinal: int = 0
) -> Message:
    """Returns an entry of the thread, written by `caller`. It belongs to the ticket's latest activity."""
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
