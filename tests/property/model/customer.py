"""The effects of requests by customers, who use the links of forms and chats."""

from __future__ import annotations

from tests.property.model.actions import Action, Mismatch, Outcome
from tests.property.model.state import Model
from tests.property.model.tickets import FORM_LIVE, Contact, Recovery, ThreadMessage, Ticket, has_contact_of, is_claim


def submit_contact(model: Model, action: Action) -> bool:
    """Applies a submission of the form. Returns whether it changed a ticket."""
    recovery = model.recovery(action)
    ticket = recovery.ticket
    email, _, message = action.text.partition("|")
    if ticket.status == "CLOSED":
        successor = model.open_ticket(ticket.review)
        if successor is not None:
            return _add_claim(model, successor, recovery, email, message, action)
        _create_follow_up(model, ticket, email, message, action)
        return True
    if recovery.state not in FORM_LIVE:
        return _add_claim(model, ticket, recovery, email, message, action)
    recovery.contact = Contact(email, message, recovery)
    ticket.contacts.append(recovery.contact)
    model.move(recovery, "CONTACT_RECEIVED")
    if ticket.status == "RESOLVED":
        ticket.status, ticket.resolve_time = "IN_PROGRESS", None
    model.log(ticket, "CONTACT_SUBMITTED", action, recovery)
    return True


def open_chat(model: Model, action: Action, outcome: Outcome) -> None:
    """Applies GetChat: checks the shown messages. The first call verifies the contact, unless the ticket is CLOSED."""
    recovery = model.recovery(action)
    ticket, contact = recovery.ticket, recovery.contact
    said = tuple(each.text for each in ticket.thread if each.contact is contact and each.recovery is None)
    if outcome.chat is not None and outcome.chat != said:
        raise Mismatch(f"{action}: the chat shows {outcome.chat}, not {said}")
    if contact is not None and not contact.verified and ticket.status != "CLOSED":
        contact.verified = True
        model.log(ticket, "CONTACT_VERIFIED", action, recovery)


def post_message(model: Model, action: Action) -> bool:
    """Applies a message of the customer. Returns whether it changed a ticket."""
    recovery = model.recovery(action)
    ticket = recovery.ticket
    if recovery.contact is None:
        raise AssertionError("a chat must have a contact")
    if ticket.status == "CLOSED":
        successor = model.open_ticket(ticket.review)
        if successor is None:
            _create_follow_up(model, ticket, recovery.contact.email, "", action, recovery.contact)
            return True
        if not has_contact_of(successor, recovery):
            return _add_claim(model, successor, recovery, recovery.contact.email, action.text, action)
        ticket = successor
    if ticket.status == "RESOLVED":
        ticket.status, ticket.resolve_time = "IN_PROGRESS", None
    contact = ticket.live.contact if ticket.live else None
    ticket.thread.append(ThreadMessage("CUSTOMER_MESSAGE", "", action.text, contact=contact))
    model.log(ticket, "MESSAGE_RECEIVED", action)
    return True


def _add_claim(model: Model, ticket: Ticket, recovery: Recovery, email: str, message: str, action: Action) -> bool:
    if not is_claim(ticket, recovery, email, message):
        return False
    ticket.contacts.append(Contact(email, message, recovery))
    model.log(ticket, "CONTACT_CLAIMED", action, recovery if recovery.ticket is ticket else None)
    return True


def _create_follow_up(
    model: Model, ticket: Ticket, email: str, message: str, action: Action, writer: Contact | None = None
) -> None:
    while ticket.follow_up is not None:
        ticket = ticket.follow_up
    assignee = "" if ticket.assignee in model.barred else ticket.assignee
    ticket.follow_up = Ticket(ticket.review, ticket.subject, "", assignee, model.now, follow_up_of=ticket)
    model.add_ticket(ticket.follow_up, action, (email, message))
    if writer is not None:
        contact = ticket.follow_up.contacts[0]
        contact.verified = writer.verified
        ticket.follow_up.thread.append(ThreadMessage("CUSTOMER_MESSAGE", "", action.text, contact=contact))
