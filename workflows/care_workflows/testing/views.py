"""The public records of the kit, kept up to date with the stored entities."""

from typing import Final
from uuid import UUID

from care_rules import names
from care_rules.entities.delivery import Delivery as StoredDelivery
from care_rules.entities.recovery import Recovery as StoredRecovery
from care_rules.entities.recovery import RecoveryKind
from care_rules.timing import DeadlineKind
from care_workflows.testing.memory import Memory
from care_workflows.testing.records import Delivery, Recovery, Review, Ticket

_PAGES: Final = "https://care.example"


def form_link(recovery: UUID) -> str:
    """Returns the link to a form."""
    return f"{_PAGES}/f/{recovery}"


def chat_link(contact: UUID) -> str:
    """Returns the link to the chat with a contact."""
    return f"{_PAGES}/c/{contact}"


class Views:
    """One record for each ticket, recovery and message to a customer. A resource keeps the same record."""

    def __init__(self, memory: Memory) -> None:
        """Begins without records."""
        self._memory = memory
        self.tickets: dict[int, Ticket] = {}
        self.recoveries: dict[UUID, Recovery] = {}
        self.messages: dict[UUID, Delivery] = {}
        self._reviews: dict[UUID, Review] = {}

    def record_deadline(self, number: int, kind: DeadlineKind) -> None:
        """Adds a fired deadline to the record of a ticket."""
        self.tickets[number].fired_deadlines.append(kind.value)

    def refresh(self, number: int) -> None:
        """Updates the records of a ticket, its recoveries and its messages."""
        stored = self._memory.tickets[number]
        timing = stored.timing
        review = self._review(stored.review_id) if stored.review_id else None
        if number not in self.tickets:
            self.tickets[number] = Ticket(stored.name, review, stored.create_time, timing.active_time)
        ticket = self.tickets[number]
        ticket.active_time, ticket.warn_time, ticket.waits_since = (
            timing.active_time,
            timing.warn_time,
            timing.waits_since,
        )
        ticket.status, ticket.close_reason = stored.status.value, stored.close_reason or ""
        ticket.reminders, ticket.resolve_time = timing.reminders, stored.resolve_time
        ticket.follow_up_of = names.ticket(stored.organization, stored.follow_up_of) if stored.follow_up_of else ""
        recoveries = [each for each in self._memory.recoveries.values() if each.ticket_number == number]
        deliveries = [each for each in self._memory.deliveries.values() if each.ticket_number == number]
        ticket.recoveries[:] = [self._recovery(each) for each in recoveries]
        ticket.messages[:] = [self._message(each) for each in deliveries]

    def _review(self, review_id: UUID) -> Review:
        stored = self._memory.reviews[review_id]
        review = self._reviews.setdefault(review_id, Review(stored.site, stored.external_id))
        review.attempts = stored.posting_attempts
        return review

    def _recovery(self, stored: StoredRecovery) -> Recovery:
        if stored.id not in self.recoveries:
            recovery = Recovery(
                stored.name, len(self.recoveries) + 1, stored.kind.value, stored.state.value, stored.create_time
            )
            recovery.reply_text = stored.reply_text
            recovery.link = form_link(stored.id) if stored.kind is RecoveryKind.FORM else ""
            self.recoveries[stored.id] = recovery
        recovery = self.recoveries[stored.id]
        recovery.state, recovery.reply_state = stored.state.value, stored.reply_state.value
        recovery.refusal_reason, recovery.refusal_message = stored.refusal_reason or "", stored.refusal_message
        recovery.attempt, recovery.retract_refusals = stored.attempt, stored.retract_refusals
        recovery.hand_out_time, recovery.unsettled_until = stored.hand_out_time, stored.unsettled_until
        recovery.retract_after, recovery.read_time = stored.retract_after, stored.read_time
        recovery.post_time, recovery.expire_time, recovery.end_time = (
            stored.post_time,
            stored.expire_time,
            stored.end_time,
        )
        contacts = [each for each in self._memory.contacts.values() if each.recovery_id == stored.id]
        for contact in contacts:
            if contact.id == stored.contact_id:
                recovery.email, recovery.phone = contact.email, contact.phone
        recovery.claims[:] = [(each.email, each.phone) for each in contacts if each.id != stored.contact_id]
        return recovery

    def _message(self, stored: StoredDelivery) -> Delivery:
        place = (stored.organization, stored.ticket_number)
        if stored.message_id not in self.messages:
            contact, text = self._memory.contacts[stored.contact_id], self._memory.messages[stored.message_id].text
            self.messages[stored.message_id] = Delivery(
                names.message(*place, stored.message_id),
                text,
                stored.channel.value,
                names.recovery(*place, contact.recovery_id),
                stored.create_time,
                stored.give_up_time,
            )
        message = self.messages[stored.message_id]
        message.state, message.attempt, message.attempts = stored.state.value, stored.attempt, stored.attempts
        message.failure_reason, message.failure_message = stored.failure_reason or "", stored.failure_message
        message.provider_id, message.checks, message.check_time = (
            stored.provider_id,
            stored.checks,
            stored.check_time,
        )
        return message
