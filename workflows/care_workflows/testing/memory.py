"""The fake service's storage: the entities of the rules, in memory. It loads snapshots and commits decisions."""

from collections import deque
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from care_rules import names
from care_rules.create import CreationSnapshot
from care_rules.decision import Decision
from care_rules.delivery import DeliverySnapshot, cancel_delivery
from care_rules.entities.agent import Agent
from care_rules.entities.contact import Contact
from care_rules.entities.delivery import Delivery
from care_rules.entities.message import Message
from care_rules.entities.recovery import Recovery
from care_rules.entities.review import Review
from care_rules.entities.ticket import Ticket
from care_rules.lifecycle import RecoveryState, TicketStatus
from care_rules.organizations import Organization
from care_rules.recovery_plan import Sibling
from care_rules.refusals import not_found
from care_rules.reports import RecoverySnapshot
from care_rules.scheduling import ScheduledDecision
from care_rules.settings import FIELDS, Layer
from care_rules.snapshot import TicketSnapshot
from care_rules.submit import FormSnapshot
from care_workflows.testing.policy import Policy

LOCATION: Final = "main"
ASSIGNEE: Final = "alice"
_BEGIN: Final = datetime(2020, 1, 1, tzinfo=UTC)


class Memory:
    """The tickets of one organization. All of them are assigned to ``alice``."""

    def __init__(self, organization: str, policy: Policy) -> None:
        """Begins without tickets."""
        settings = Layer(policy.settings(), frozenset(FIELDS))
        self.organization: Final = Organization(organization, organization, "", settings, 0, _BEGIN, _BEGIN)
        self.alice: Final = Agent(organization, ASSIGNEE, "Alice", True, True, (), _BEGIN, _BEGIN)
        self.site_timing: Final = policy.site_timing()
        self.tickets: dict[int, Ticket] = {}
        self.reviews: dict[UUID, Review] = {}
        self.recoveries: dict[UUID, Recovery] = {}
        """In the order of creation. The other entities are in this order too."""
        self.contacts: dict[UUID, Contact] = {}
        self.messages: dict[UUID, Message] = {}
        self.deliveries: dict[UUID, Delivery] = {}
        self.to_wake: deque[str] = deque()
        """The names of the recoveries, messages and tickets whose workflows are to be woken."""

    # --- loading ------------------------------------------------------------------------------------------------------

    def new_ticket(self, site: str, review: str | None, now: datetime) -> CreationSnapshot:
        """Loads the state that the decision on a new ticket needs, and stores the review if it is new."""
        found = self._review(site, review, now) if review is not None else None
        number = self._open_number(found.id) if found else None
        return CreationSnapshot(self.organization, None, found, number, self.alice)

    def ticket(self, number: int, named: Recovery | None = None) -> TicketSnapshot:
        """Loads a ticket; raises RESOURCE_NOT_FOUND."""
        if number not in self.tickets:
            raise not_found(names.ticket(self.organization.id, number))
        ticket = self.tickets[number]
        live = self.recoveries[ticket.recovery_id] if ticket.recovery_id else None
        return TicketSnapshot(
            ticket,
            self.organization,
            None,
            review=self.reviews[ticket.review_id] if ticket.review_id else None,
            live=live,
            contact=self.contacts[live.contact_id] if live and live.contact_id else None,
            target_recovery=named,
            agent=self.alice,
        )

    def recovery(self, name: names.RecoveryName) -> RecoverySnapshot:
        """Loads a recovery for its workflow; raises RESOURCE_NOT_FOUND."""
        recovery = self.recoveries.get(name.id)
        if recovery is None or (recovery.organization, recovery.ticket_number) != (name.organization, name.number):
            raise not_found(str(name))
        return RecoverySnapshot(self.ticket(name.number, recovery), recovery, self._siblings(recovery))

    def delivery(self, name: names.MessageName) -> DeliverySnapshot:
        """Loads a message to the customer for its workflow; raises RESOURCE_NOT_FOUND."""
        delivery = self.deliveries.get(name.id)
        if delivery is None or (delivery.organization, delivery.ticket_number) != (name.organization, name.number):
            raise not_found(str(name))
        contact = self.contacts[delivery.contact_id]
        recovery = self.recoveries[contact.recovery_id]
        is_rejected = recovery.state is RecoveryState.REJECTED
        return DeliverySnapshot(self.ticket(name.number), self.messages[name.id], delivery, contact, is_rejected)

    def form(self, name: names.RecoveryName) -> FormSnapshot:
        """Loads the state that the decision on an answer to a form needs; raises RESOURCE_NOT_FOUND."""
        loaded = self.recovery(name)
        form = FormSnapshot(loaded.base, loaded.recovery, ())
        ticket = loaded.base.ticket
        if ticket.status is TicketStatus.CLOSED:
            if (number := self._open_number(ticket.review_id)) is not None:
                form = replace(form, open=self.ticket(number))
            else:
                form = replace(form, last=self.ticket(self._end_of_chain(ticket)))
        number = form.target.ticket.number
        return replace(form, submitted=[each for each in self.contacts.values() if each.ticket_number == number])

    # --- committing ---------------------------------------------------------------------------------------------------

    def commit(self, scheduled: ScheduledDecision) -> None:
        """Stores a decision, and records which workflows it wakes."""
        decision = scheduled.decision
        ticket = decision.ticket
        self.recoveries |= {each.id: each for each in (decision.recovery, decision.new_recovery) if each}
        self.tickets |= {each.number: each for each in (decision.ticket, decision.followed_ticket) if each}
        self.contacts |= {each.id: each for each in (decision.contact, decision.changed_contact) if each}
        self.messages |= {each.id: each for each in decision.messages}
        self.deliveries |= {each.message_id: each for each in (*decision.new_deliveries, decision.delivery) if each}
        if decision.cancel_deliveries_to is not None:
            self._cancel_deliveries(decision.cancel_deliveries_to, ticket.update_time)
        if decision.review_attempt is not None and ticket.review_id is not None:
            review = self.reviews[ticket.review_id]
            self.reviews[review.id] = replace(review, posting_attempts=decision.review_attempt)
        self._record_wakes(decision)

    def expire_now(self, recovery: Recovery, now: datetime) -> None:
        """Sets a form's expiry to now, and wakes the recovery's workflow, which ends the form."""
        self.recoveries[recovery.id] = replace(recovery, expire_time=now)
        self.to_wake.append(recovery.name)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _review(self, site: str, external_id: str, now: datetime) -> Review:
        for review in self.reviews.values():
            if (review.site, review.external_id) == (site, external_id):
                return review
        review = Review(
            organization=self.organization.id,
            id=uuid4(),
            site=site,
            external_id=external_id,
            location=LOCATION,
            author_display_name="",
            stars=1,
            text="",
            url="",
            create_time=now,
            update_time=now,
            ingest_time=now,
            delete_time=None,
            ticket_number=None,
            posting_attempts=0,
        )
        self.reviews[review.id] = review
        return review

    def _open_number(self, review_id: UUID | None) -> int | None:
        """Returns the number of the review's ticket that is not CLOSED; None if there is none."""
        numbers = (
            ticket.number
            for ticket in self.tickets.values()
            if ticket.review_id == review_id and ticket.status is not TicketStatus.CLOSED
        )
        return next(numbers, None) if review_id is not None else None

    def _end_of_chain(self, ticket: Ticket) -> int:
        while ticket.follow_up is not None:
            ticket = self.tickets[ticket.follow_up]
        return ticket.number

    def _siblings(self, recovery: Recovery) -> list[Sibling]:
        found, is_newer = [], False
        for each in self.recoveries.values():
            if each.id == recovery.id:
                is_newer = True
            elif each.review_id is not None and each.review_id == recovery.review_id:
                found.append(Sibling(is_newer, each.reply_state, each.unsettled_until))
        return found

    def _cancel_deliveries(self, contact: UUID, now: datetime) -> None:
        for delivery in self.deliveries.values():
            if delivery.contact_id == contact:
                self.deliveries[delivery.message_id] = cancel_delivery(delivery, now)

    def _record_wakes(self, decision: Decision) -> None:
        place = (decision.ticket.organization, decision.ticket.number)
        # The workflow that made a report gets its next step in the response, so it needs no wake.
        if decision.report_time is None:
            self.to_wake += [names.recovery(*place, recovery) for recovery in decision.wakes]
        if decision.wakes_ticket:
            self.to_wake.append(decision.ticket.name)
        self.to_wake += [names.message(*place, delivery.message_id) for delivery in decision.new_deliveries]
