"""A new ticket: what it needs, and what is written with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from care_rules import addresses, names
from care_rules.callers import Caller
from care_rules.commands import CreateTicket
from care_rules.decision import Decision, new_activity, ticket_changes
from care_rules.entities.activity import ActivityType, ActorKind
from care_rules.entities.agent import Agent
from care_rules.entities.contact import Contact
from care_rules.entities.message import Message, MessageKind
from care_rules.entities.review import Review
from care_rules.entities.ticket import Priority, Ticket
from care_rules.lifecycle import STATUS, RecoveryState
from care_rules.new_entities import new_contact, new_direct_recovery, new_message
from care_rules.organizations import Location, Organization, effective_settings
from care_rules.refusals import Reason, Refusal, Violation, invalid
from care_rules.settings import Settings
from care_rules.timing import Timing


@dataclass(frozen=True, slots=True)
class CreationSnapshot:
    """What a new ticket is decided on."""

    organization: Organization
    location: Location | None
    """Its entry, if there is one already."""
    review: Review | None
    open_ticket: int | None
    """The review's ticket that is not CLOSED."""
    reporter: Agent | None
    """The caller's entry, where the caller is an agent."""

    @property
    def settings(self) -> Settings:
        """What the location and the organization want of the ticket."""
        return effective_settings(self.organization, self.location)


def create_ticket(
    snapshot: CreationSnapshot,
    number: int,
    command: CreateTicket,
    caller: Caller,
    now: datetime,
    request_id: UUID | None = None,
) -> Decision:
    """Returns the new ticket, OPEN and unassigned, with everything that comes with it; raises Refusal."""
    organization = snapshot.organization
    region = (snapshot.location and snapshot.location.default_phone_region) or organization.default_phone_region
    phone = addresses.normalize_phone(command.phone, region, "contact.phone")
    command = _fill_from_review(replace(command, phone=phone), snapshot.review, snapshot.location)
    if snapshot.reporter is not None and not snapshot.reporter.can_be_reporter:
        agent = names.agent(organization.id, snapshot.reporter.id)
        raise Refusal(Reason.NOT_REPORTABLE, f"{agent} may not raise tickets.", {"agent": agent})
    if snapshot.review is not None and snapshot.open_ticket is not None:
        raise ticket_exists(organization.id, snapshot.review.id, snapshot.open_ticket)
    ticket = new_ticket(snapshot, number, command, now)
    contact = None
    if command.email or command.phone:
        contact = new_contact(ticket, command, now)
    return decide_new_ticket(ticket, snapshot.review, contact, command.message_id, caller, now, request_id)


def new_ticket(snapshot: CreationSnapshot, number: int, command: CreateTicket, now: datetime) -> Ticket:
    """Makes the ticket, OPEN and unassigned, without a recovery."""
    return Ticket(
        organization=snapshot.organization.id,
        number=number,
        version=1,
        revision=1,
        subject=command.subject,
        description=command.description,
        location=command.location,
        review_id=snapshot.review.id if snapshot.review else None,
        reporter=snapshot.reporter.id if snapshot.reporter else None,
        assignee=None,
        status=STATUS.initial,
        close_reason=None,
        priority=command.priority or _default_priority(snapshot),
        labels=command.labels,
        external_reference=command.external_reference,
        contact_state=RecoveryState.NO_CONTACT,
        recovery_id=None,
        create_time=now,
        update_time=now,
        resolve_time=None,
        close_time=None,
        follow_up_of=None,
        follow_up=None,
        timing=Timing(active_time=now),
    )


def decide_new_ticket(
    ticket: Ticket,
    review: Review | None,
    contact: Contact | None,
    message_id: UUID,
    caller: Caller,
    now: datetime,
    request_id: UUID | None,
) -> Decision:
    """Returns what is written with a new ticket: its first activity, its review in the thread, a known contact."""
    recovery = None
    if contact is not None:
        recovery = new_direct_recovery(ticket, contact, caller, now)
        ticket = replace(ticket, contact_state=recovery.state, recovery_id=recovery.id)
    messages: tuple[Message, ...] = ()
    if review is not None:
        messages = (new_review_entry(ticket, review, message_id),)
    log = new_activity(
        ActivityType.CREATED,
        caller,
        None,
        ticket,
        recovery=(RecoveryState.NO_CONTACT, recovery) if recovery else None,
        message_id=messages[0].id if messages else None,
        request_id=request_id,
    )
    return Decision(
        ticket, log, new_recovery=recovery, contact=contact, messages=messages, wakes=(recovery.id,) if recovery else ()
    )


def new_review_entry(ticket: Ticket, review: Review, message_id: UUID) -> Message:
    """Makes the entry of the thread that shows the review as it is, dated as its site dates it."""
    reviewer = Caller(ActorKind.CUSTOMER, "", None, frozenset(), review.author_display_name)
    entry = new_message(ticket, message_id, MessageKind.REVIEW, reviewer, review.text)
    return replace(entry, create_time=review.update_time)


def ticket_exists(organization: str, review_id: UUID, number: int) -> Refusal:
    """Makes the refusal for a review whose ticket `number` is not CLOSED."""
    ticket = names.ticket(organization, number)
    metadata = {"ticket": ticket, "review": names.review(organization, review_id)}
    return Refusal(Reason.TICKET_EXISTS, f"The review has {ticket}, which is not CLOSED: use that one.", metadata)


def assign_new_ticket(decision: Decision, agent: str) -> Decision:
    """Returns the decision on a new ticket, with its assignee."""
    ticket = replace(decision.ticket, assignee=agent)
    entry = decision.activity
    if entry is None:
        raise AssertionError("a new ticket has its first activity")
    return replace(decision, ticket=ticket, activity=replace(entry, changes=ticket_changes(None, ticket)))


def _default_priority(snapshot: CreationSnapshot) -> Priority:
    return snapshot.settings.priority(snapshot.review.stars) if snapshot.review else Priority.NORMAL


def review_subject(review: Review, location: Location | None) -> str:
    """Returns the subject of a ticket that is given none, such as `1-star review at Google, Soho`; nothing personal.

    A subject is shown in lists and copied into follow-ups, so the reviewer's name has no place in it.
    """
    site = review.site.replace("-", " ").capitalize()
    place = (location and location.display_name) or review.location
    return f"{review.stars}-star review at {site}, {place}"[:200]


def _fill_from_review(command: CreateTicket, review: Review | None, location: Location | None) -> CreateTicket:
    if review is None:
        return command
    if command.location and command.location != review.location:
        raise invalid(Violation("ticket.location", "is not the review's location; leave it out"))
    return replace(command, subject=command.subject or review_subject(review, location), location=review.location)
