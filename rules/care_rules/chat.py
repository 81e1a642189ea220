"""Decisions on what a customer writes, on the chat page or by email or SMS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from care_rules.callers import Caller, customer_caller
from care_rules.commands import PostMessage, SubmitContact
from care_rules.decision import Decision, bump_version, move_status, new_activity
from care_rules.entities.activity import ActivityType
from care_rules.entities.contact import Contact
from care_rules.entities.inbound import Inbound
from care_rules.entities.message import Message, MessageKind
from care_rules.entities.recovery import Recovery
from care_rules.entities.ticket import Ticket
from care_rules.follow_up import create_follow_up
from care_rules.lifecycle import RecoveryState, TicketStatus, Trigger
from care_rules.new_entities import new_message
from care_rules.refusals import Reason, Refusal
from care_rules.snapshot import TicketSnapshot
from care_rules.submit import FormSnapshot, add_claim


class ChatState(StrEnum):
    """The state of a chat; `care.v1.ChatState` documents each value."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class ChatSnapshot:
    """The state behind a chat link: the ticket, the contact, and where messages go once the ticket is CLOSED."""

    base: TicketSnapshot
    contact: Contact
    recovery: Recovery
    """The recovery that uses the contact."""
    last: TicketSnapshot | None = None
    """The ticket that receives messages once this one is CLOSED: the review's open ticket, or else the end of the chain
    of follow-ups. The `agent` of this snapshot is the assignee of that ticket."""
    claims: Sequence[Contact] = ()
    """The contacts of `last`."""

    @property
    def is_dead(self) -> bool:
        """Whether the link is invalid: the contact was rejected as the wrong person, or never got a link."""
        return self.recovery.state is RecoveryState.REJECTED or not self.contact.key_id

    @property
    def state(self) -> ChatState:
        """The state that the customer sees."""
        return ChatState.CLOSED if self.base.ticket.status is TicketStatus.CLOSED else ChatState.OPEN

    @property
    def target(self) -> TicketSnapshot:
        """The ticket that receives a message. If it is CLOSED, the message creates its follow-up."""
        return self.last or self.base


def post_message(
    chat: ChatSnapshot, number: int, command: PostMessage, caller: Caller, now: datetime, request_id: UUID | None = None
) -> Decision | None:
    """Returns what to write for a customer's message; None if the team already has the message as a claim.

    A follow-up gets `number`. An automatic message neither reopens a ticket nor creates a follow-up. Refuses with
    CHAT_LOCKED if the chat is not open yet, if an automatic message would need a follow-up, or if the message can't
    become a claim (see `_write_claim`).
    """
    target = chat.target
    if target.ticket.status is TicketStatus.CLOSED:
        if command.automatic:
            raise chat_locked()
        return _write_to_follow_up(chat.contact, target, number, command, caller, now, request_id)
    contact = target.contact
    if contact is None or not _is_same_person(contact, chat.contact):
        return _write_claim(chat, command, caller, now, request_id)
    if target.ticket.contact_state is not RecoveryState.CHAT_UNLOCKED:
        raise chat_locked()
    ticket = target.ticket
    if ticket.status is TicketStatus.RESOLVED and not command.automatic:
        ticket = move_status(ticket, Trigger.REOPEN, now)
    after = bump_version(ticket, target.live, now)
    written = customer_message(after, contact, command.message_id, command)
    entry = new_activity(
        ActivityType.MESSAGE_RECEIVED, caller, target.ticket, after, message_id=written.id, request_id=request_id
    )
    return Decision(after, entry, messages=(written,))


def _write_to_follow_up(
    contact: Contact,
    last: TicketSnapshot,
    number: int,
    command: PostMessage,
    caller: Caller,
    now: datetime,
    request_id: UUID | None,
) -> Decision:
    """Creates the follow-up of `last`, with the message in its thread. The customer gets a link to the new chat."""
    details = SubmitContact(
        email=contact.email,
        phone=contact.phone,
        display_name=contact.display_name,
        message="",
        contact_id=command.contact_id,
        recovery_id=command.recovery_id,
        message_id=command.review_message_id,
    )
    decision = create_follow_up(last, number, details, caller, now, request_id, verify_time=contact.verify_time)
    if decision.contact is None:
        raise AssertionError("the follow-up has no contact; create_follow_up must create one")
    ordinal = len(decision.messages)
    written = customer_message(decision.ticket, decision.contact, command.message_id, command, ordinal)
    return replace(decision, messages=(*decision.messages, written))


def _is_same_person(contact: Contact, own: Contact) -> bool:
    """Tells whether two contacts are the same person: they share an email address or a phone number."""
    return (
        contact.id == own.id
        or (own.email != "" and own.email.lower() == contact.email.lower())
        or (own.phone != "" and own.phone == contact.phone)
    )


def _write_claim(
    chat: ChatSnapshot, command: PostMessage, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision | None:
    """Adds the message as a claim to the review's newer ticket, which has another contact or none.

    The team may accept the claim, as with a submission through an old form. Returns None if the team already has the
    claim. Refuses with CHAT_LOCKED if there is no newer ticket, if the ticket has too many claims, or if the message
    came by a channel. In the last case, the caller stores the message as an inbound message.
    """
    if chat.last is None or command.channel is not None:
        raise chat_locked()
    claim = replace(
        chat.contact,
        ticket_number=chat.last.ticket.number,
        id=command.contact_id,
        recovery_id=chat.recovery.id,
        recovery_ticket_number=chat.recovery.ticket_number,
        message=command.text,
        key_id="",
        create_time=now,
    )
    decision = add_claim(
        FormSnapshot(chat.base, chat.recovery, chat.claims, open=chat.last), claim, caller, now, request_id
    )
    if decision is None and claim.message not in {other.message for other in chat.claims}:
        raise chat_locked("We have received several messages from you. The team will write to you.")
    return decision


def customer_message(
    ticket: Ticket, contact: Contact, message_id: UUID, source: PostMessage | Inbound, ordinal: int = 0
) -> Message:
    """Returns the customer's entry of the thread. It belongs to the ticket's latest activity."""
    author = customer_caller(str(contact.id))
    entry = new_message(ticket, message_id, MessageKind.CUSTOMER_MESSAGE, author, source.text, ordinal=ordinal)
    return replace(
        entry,
        author_display_name=contact.display_name,
        contact_id=contact.id,
        channel=source.channel,
        automatic=source.automatic,
    )


def verify_contact(chat: ChatSnapshot, caller: Caller, now: datetime) -> Decision | None:
    """Returns what to write when the chat link is used: the first use verifies the contact.

    Returns None after the first use, or if the chat is CLOSED.
    """
    if chat.contact.verify_time is not None or chat.state is ChatState.CLOSED:
        return None
    ticket = bump_version(chat.base.ticket, chat.base.live, now)
    entry = new_activity(ActivityType.CONTACT_VERIFIED, caller, chat.base.ticket, ticket, recovery_id=chat.recovery.id)
    return Decision(ticket, entry, changed_contact=replace(chat.contact, verify_time=now))


def chat_locked(message: str = "The chat is not open yet. Try again in a minute.") -> Refusal:
    """Returns the refusal of a message that has no open chat. Customers get no metadata."""
    return Refusal(Reason.CHAT_LOCKED, message)
