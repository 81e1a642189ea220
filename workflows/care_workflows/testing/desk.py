"""The fake service's tickets, and what people do with them: each move by the table, each refusal the service's own."""

from collections.abc import Sequence
from datetime import datetime
from itertools import count
from typing import Final
from uuid import uuid4

from care_workflows.testing import waiting
from care_workflows.testing.delivering import TRIED_FOR, give_up
from care_workflows.testing.lifecycle import FORM_LIVE, NO_CONTACT, RECOVERY, STATUS
from care_workflows.testing.records import Delivery, Policy, Recovery, Review, Ticket
from care_workflows.testing.recovering import move
from care_workflows.testing.refusals import not_found, refused

FORM_LINK: Final = "{form_link}"
_SITE: Final = "local"
_MOST_CLAIMS: Final = 5
_GREETING: Final = "Thank you for getting in touch."
_CLOSED_BY_HAND: Final = "close"


class Desk:
    """Tickets of one organization. Its methods are synchronous and take the time; names are full resource names."""

    def __init__(self, organization: str, policy: Policy) -> None:
        """Begin without tickets."""
        self.organization = organization
        self.policy = policy
        self._tickets: dict[str, Ticket] = {}
        self._reviews: dict[tuple[str, str], Review] = {}
        self._numbers = count(1)

    # --- finding ------------------------------------------------------------------------------------------------------

    def ticket(self, name: str) -> Ticket:
        """Return the ticket of that name, or whose recovery or message has it; raises RESOURCE_NOT_FOUND."""
        parts = name.split("/")
        try:
            return self._tickets["/".join(parts[:4])]
        except KeyError:
            raise not_found(name) from None

    def recovery(self, name: str) -> Recovery:
        """Return a recovery; raises RESOURCE_NOT_FOUND."""
        for recovery in self.ticket(name).recoveries:
            if recovery.name == name:
                return recovery
        raise not_found(name)

    def message(self, name: str) -> Delivery:
        """Return a message to the customer; raises RESOURCE_NOT_FOUND."""
        for message in self.ticket(name).messages:
            if message.name == name:
                return message
        raise not_found(name)

    def siblings(self, recovery: Recovery) -> Sequence[Recovery]:
        """Return the other recoveries of the same review, whichever of its tickets they belong to."""
        review = self.ticket(recovery.name).review
        return [
            other
            for ticket in self._tickets.values()
            if review is not None and ticket.review is review
            for other in ticket.recoveries
            if other is not recovery
        ]

    # --- what the team does -------------------------------------------------------------------------------------------

    def create_ticket(self, now: datetime, review: str | None, site: str = _SITE, follow_up_of: str = "") -> Ticket:
        """Raise a ticket, with the review of that external id if there is one; TICKET_EXISTS for a second one."""
        found = None
        if review is not None:
            found = self._reviews.setdefault((site, review), Review(site, review))
            if open_one := self._open_ticket(found):
                raise refused("TICKET_EXISTS", "The review has a ticket.", {"ticket": open_one.name})
        number = len(self._tickets) + 1
        name = f"organizations/{self.organization}/tickets/{number}"
        ticket = Ticket(name, found, now, now, follow_up_of=follow_up_of)
        self._tickets[name] = ticket
        return ticket

    def send_form(self, ticket: Ticket, reply_text: str, now: datetime) -> Recovery:
        """Ask for the form to be posted, as ``SendRecoveryForm``."""
        if reply_text.count(FORM_LINK) != 1:
            raise refused("INVALID_FIELD", f"reply_text: must contain {FORM_LINK} exactly once")
        _need_open(ticket)
        live = waiting.live(ticket)
        state = waiting.contact_state(ticket)
        if live is not None and state in FORM_LIVE:
            keys = {"ticket": ticket.name, "recovery": live.name} | RECOVERY.keys(state)
            raise refused("FORM_LIVE", "A recovery form is out already: wait for it or withdraw it.", keys)
        state = RECOVERY.fire(state, "request_form")
        if ticket.review is None:
            raise refused("NO_REVIEW", "The ticket has no review to reply to: use AddContact.", {"ticket": ticket.name})
        recovery = self._new_recovery(ticket, "FORM", state, now)
        recovery.reply_text = reply_text
        recovery.link = f"https://care.example/f/{recovery.name.rpartition('/')[2]}"
        recovery.expire_time = now + self.policy.form_lifetime
        ticket.reminders = 0
        waiting.happened(ticket, now=now, by_person=True)
        return recovery

    def withdraw_form(self, recovery: Recovery, now: datetime) -> None:
        """Take the form back, as ``WithdrawRecoveryForm``."""
        self._move(recovery, "withdraw_form", now)

    def reject_contact(self, recovery: Recovery, now: datetime) -> None:
        """Say that it was the wrong person, as ``RejectContact``; what is queued for them fails."""
        self._move(recovery, "reject_contact", now)
        for message in self.ticket(recovery.name).messages:
            if message.recovery == recovery.name:
                give_up(message)

    def add_contact(self, ticket: Ticket, email: str, phone: str, now: datetime) -> tuple[Recovery, Recovery | None]:
        """Enter an address, as ``AddContact``; returns the new recovery, and the form that it replaced, if any."""
        _need_open(ticket)
        if not email and not phone:
            raise refused("INVALID_FIELD", "email: give an email address, a phone number or both")
        live = waiting.live(ticket)
        replaced = live if live is not None and live.state in FORM_LIVE else None
        if replaced is not None:
            move(replaced, "replace_form", now)
        recovery = self._new_direct(ticket, email, phone, now)
        waiting.happened(ticket, now=now, by_person=True)
        return recovery, replaced

    def set_status(self, ticket: Ticket, trigger: str, now: datetime) -> Recovery | None:
        """Fire a trigger of machine 1: start, resolve, reopen or close; returns the recovery that a close has ended."""
        _need_open(ticket)
        if trigger == _CLOSED_BY_HAND:
            return waiting.close(ticket, trigger, "MANUAL", now)
        ticket.status = STATUS.fire(ticket.status, trigger)
        ticket.resolve_time = now if ticket.status == "RESOLVED" else None
        waiting.happened(ticket, now=now, by_person=True)
        return None

    def send_message(self, ticket: Ticket, text: str, now: datetime) -> Delivery:
        """Write to the customer, as ``SendMessage``."""
        _need_open(ticket)
        live = _need_chat(ticket)
        ticket.waits_since = ticket.waits_since or now
        waiting.happened(ticket, now=now, by_person=True)
        return new_message(ticket, live, text, now)

    # --- what the customer does ---------------------------------------------------------------------------------------

    def submit_contact(self, recovery: Recovery, email: str, phone: str, now: datetime) -> Recovery | None:
        """Answer the form, as ``SubmitContact``.

        Returns the recovery that has the contact now: of a follow-up ticket where the form's own is CLOSED; None where
        the answer is kept as a claim, which moves nothing.
        """
        if not email and not phone:
            raise refused("INVALID_FIELD", "email: give an email address, a phone number or both")
        ticket = self.ticket(recovery.name)
        if recovery.kind != "FORM":
            raise refused("LINK_UNKNOWN", "There is no such form.")
        if recovery.state == "EXPIRED":
            raise refused("LINK_EXPIRED", "The form's time is over.")
        if recovery.state in ("WITHDRAWN", "REFUSED", "REPLACED"):
            raise refused("LINK_WITHDRAWN", "The business took the form back.")
        if recovery.expire_time is not None and recovery.expire_time <= now:
            raise refused("LINK_EXPIRED", "The form's time is over.")
        if ticket.status == "CLOSED":
            return self._follow_up(ticket, email, phone, now)
        if recovery.state not in FORM_LIVE:
            known = [(recovery.email, recovery.phone), *recovery.claims]
            if (email, phone) not in known and len(recovery.claims) < _MOST_CLAIMS:
                recovery.claims.append((email, phone))
                waiting.happened(ticket, now=now, by_person=True)
            return None
        move(recovery, "submit_contact", now)
        recovery.email, recovery.phone = email, phone
        _heard(ticket, now)
        return recovery

    def write(self, ticket: Ticket, now: datetime) -> None:
        """Have the customer write in the open chat."""
        _need_open(ticket)
        _need_chat(ticket)
        ticket.waits_since = None
        _heard(ticket, now)

    # --- what the workflows report ------------------------------------------------------------------------------------

    def unlock(self, recovery: Recovery, now: datetime) -> Delivery | None:
        """Open the chat; returns the greeting that goes to the customer, None where it was not wanted any more."""
        if recovery.state != "CONTACT_RECEIVED":
            return None
        move(recovery, "unlock_chat", now)
        ticket = self.ticket(recovery.name)
        waiting.happened(ticket, now=now, by_person=False)
        return new_message(ticket, recovery, _GREETING, now)

    def end_lifetime(self, recovery: Recovery, now: datetime) -> None:
        """Have the time of a form be over; its workflow ends it."""
        RECOVERY.fire(recovery.state, "expire_form")
        recovery.expire_time = now

    # --- inside -------------------------------------------------------------------------------------------------------

    def _open_ticket(self, review: Review | None) -> Ticket | None:
        if review is None:
            return None
        found = (ticket for ticket in self._tickets.values() if ticket.review is review and ticket.status != "CLOSED")
        return next(found, None)

    def _new_recovery(self, ticket: Ticket, kind: str, state: str, now: datetime) -> Recovery:
        recovery = Recovery(f"{ticket.name}/recoveries/{uuid4()}", next(self._numbers), kind, state, now)
        ticket.recoveries.append(recovery)
        return recovery

    def _new_direct(self, ticket: Ticket, email: str, phone: str, now: datetime) -> Recovery:
        state = RECOVERY.fire(waiting.contact_state(ticket), "add_contact")
        recovery = self._new_recovery(ticket, "DIRECT", state, now)
        recovery.email, recovery.phone = email, phone
        return recovery

    def _follow_up(self, ticket: Ticket, email: str, phone: str, now: datetime) -> Recovery | None:
        if self._open_ticket(ticket.review):
            return None
        review = ticket.review
        after = self.create_ticket(
            now, review.external_id if review else None, review.site if review else _SITE, ticket.name
        )
        return self._new_direct(after, email, phone, now)

    def _move(self, recovery: Recovery, trigger: str, now: datetime) -> None:
        ticket = self.ticket(recovery.name)
        _need_open(ticket)
        move(recovery, trigger, now)
        waiting.happened(ticket, now=now, by_person=True)


def new_message(ticket: Ticket, recovery: Recovery, text: str, now: datetime) -> Delivery:
    """Make a message to whoever the recovery brought, by the address that is known: of both, email."""
    channel = "EMAIL" if recovery.email else "SMS"
    name = f"{ticket.name}/messages/{uuid4()}"
    message = Delivery(name, text, channel, recovery.name, now, now + TRIED_FOR)
    ticket.messages.append(message)
    return message


def _need_open(ticket: Ticket) -> None:
    if ticket.status == "CLOSED":
        keys = {"ticket": ticket.name} | STATUS.keys(ticket.status)
        raise refused("TICKET_CLOSED", "The ticket is CLOSED; nothing leaves CLOSED.", keys)


def _need_chat(ticket: Ticket) -> Recovery:
    live = waiting.live(ticket)
    if live is None or live.state != "CHAT_UNLOCKED":
        state = live.state if live else NO_CONTACT
        keys = {"ticket": ticket.name} | RECOVERY.keys(state)
        raise refused("CHAT_LOCKED", "The chat with the customer is not open: it opens once a contact is known.", keys)
    return live


def _heard(ticket: Ticket, now: datetime) -> None:
    """The customer has said something."""
    if ticket.status == "RESOLVED":
        ticket.status, ticket.resolve_time = STATUS.fire(ticket.status, "reopen"), None
    waiting.happened(ticket, now=now, by_person=True)
