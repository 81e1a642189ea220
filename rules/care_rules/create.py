"""Decisions on new tickets."""

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
    """Everything that the decision on a new ticket needs."""

    organization: Organization
    location: Location | None
    """The location's entry; None if there is none yet."""
    review: Review | None
    open_ticket: int | None
    """The review's ticket that is not CLOSED."""
    reporter: Agent | None
    """The caller's entry, if the caller is an agent."""

    @property
    def settings(self) -> Settings:
        """The settings that apply to the ticket."""
        return effective_settings(self.organization, self.location)


def create_ticket(
    snapshot: CreationSnapshot,
    number: int,
    command: CreateTicket,
    caller: Caller,
    now: datetime,
    request_id: UUID | None = None,
) -> Decision:
    """Returns what to write for a new ticket, OPEN and unassigned.

    Refuses with INVALID_FIELD if the phone number is invalid or the location is not the review's. Refuses with
    REPORTER_NOT_ALLOWED if the caller can't be a reporter, and with TICKET_EXISTS if the review already has a ticket
    that is not CLOSED.
    """
    organization = snapshot.organization
    region = (snapshot.location and snapshot.location.default_phone_region) or organization.default_phone_region
    phone = addresses.normalize_phone(command.phone, region, "contact.phone")
    command = _fill_from_review(replace(command, phone=phone), snapshot.review, snapshot.location)
    if snapshot.reporter is not None and not snapshot.reporter.can_be_reporter:
        agent = names.agent(organization.id, snapshot.reporter.id)
        raise Refusal(
            Reason.REPORTER_NOT_ALLOWED,
            f"{agent} is not allowed to create tickets, because can_be_reporter is false.",
            {"agent": agent},
        )
    if snapshot.review is not None and snapshot.open_ticket is not None:
        raise ticket_exists(organization.id, snapshot.review.id, snapshot.open_ticket)
    ticket = new_ticket(snapshot, number, command, now)
    contact = None
    if command.email or command.phone:
        contact = new_contact(ticket, command, now)
    return decide_new_ticket(ticket, snapshot.review, contact, command.message_id, caller, now, request_id)


def new_ticket(snapshot: CreationSnapshot, number: int, command: CreateTicket, now: datetime) -> Ticket:
    """Returns a ticket that is OPEN and unassigned and has no recovery."""
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
    """Returns what to write for a new ticket: its first activity, its review in the thread, and a known contact."""
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
    """Returns the entry of the thread that shows the current review, with the time of its last edit at the site."""
    reviewer = Caller(ActorKind.CUSTOMER, "", None, frozenset(), review.author_display_name)
    entry = new_message(ticket, message_id, MessageKind.REVIEW, reviewer, review.text)
    return replace(entry, create_time=review.update_time)


def ticket_exists(organization: str, review_id: UUID, number: int) -> Refusal:
    """Returns the refusal for a review whose ticket `number` is not CLOSED."""
    ticket = names.ticket(organization, number)
    metadata = {"ticket": ticket, "review": names.review(organization, review_id)}
    return Refusal(
        Reason.TICKET_EXISTS, f"The review already has {ticket}, which is not CLOSED. Use that ticket.", metadata
    )


def assign_new_ticket(decision: Decision, agent: str) -> Decision:
    """Returns the decision on a new ticket with `agent` as its assignee."""
    ticket = replace(decision.ticket, assignee=agent)
    entry = decision.activity
    if entry is None:
        raise AssertionError("the decision on the new ticket has no activity; decide_new_ticket must add one")
    return replace(decision, ticket=ticket, activity=replace(entry, changes=ticket_changes(None, ticket)))


def _default_priority(snapshot: CreationSnapshot) -> Priority:
    return snapshot.settings.priority(snapshot.review.stars) if snapshot.review else Priority.NORMAL


def review_subject(review: Review, location: Location | None) -> str:
    """Returns the default subject of a ticket, such as `1-star review at Google, Soho`.

    It does not contain the reviewer's name, because subjects appear in lists and are copied into follow-ups.
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
