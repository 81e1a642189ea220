"""Plain values for the tests of the rules: people, a ticket, a recovery, all of one organization."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from care_rules.callers import Caller, Role
from care_rules.entities.activity import ActorKind
from care_rules.entities.agent import Agent
from care_rules.entities.contact import Contact
from care_rules.entities.recovery import Recovery, RecoveryKind
from care_rules.entities.review import Review
from care_rules.entities.ticket import Priority, Ticket
from care_rules.lifecycle import LIVE, RecoveryState, TicketStatus
from care_rules.new_entities import new_recovery
from care_rules.organizations import Location, Organization
from care_rules.settings import Layer, Settings
from care_rules.snapshot import TicketSnapshot
from care_rules.timing import Timing

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)
EARLIER = NOW - timedelta(days=1)
REVIEW_ID = UUID("0190a0a0-0000-7000-8000-000000000001")
RECOVERY_ID = UUID("0190a0a0-0000-7000-8000-000000000002")
CONTACT_ID = UUID("0190a0a0-0000-7000-8000-000000000003")
NEW_ID = UUID("0190a0a0-0000-7000-8000-000000000004")
OTHER_ID = UUID("0190a0a0-0000-7000-8000-000000000005")
REPLY = "We are sorry: {form_link}"

SETTINGS = Layer(
    Settings(consent_text="I agree.", chat_greeting="Hello! {chat_link}"), frozenset({"consent_text", "chat_greeting"})
)
ORGANIZATION = Organization("acme", "Acme", "", SETTINGS, 1, EARLIER, EARLIER)
LOCATION = Location("acme", "soho", "Acme Soho", "", Layer(), 0, EARLIER, EARLIER)
REVIEW = Review(
    organization="acme",
    id=REVIEW_ID,
    site="local",
    external_id="r1",
    location="soho",
    author_display_name="Robin P.",
    stars=1,
    text="Cold soup.",
    url="",
    create_time=EARLIER,
    update_time=EARLIER,
    ingest_time=EARLIER,
    delete_time=None,
    ticket_number=7,
    posting_attempts=0,
)
TICKET = Ticket(
    organization="acme",
    number=7,
    version=3,
    revision=5,
    subject="Cold soup",
    description="",
    location="soho",
    review_id=REVIEW_ID,
    reporter=None,
    assignee="alice",
    status=TicketStatus.OPEN,
    close_reason=None,
    priority=Priority.NORMAL,
    labels=(),
    external_reference="",
    contact_state=RecoveryState.NO_CONTACT,
    recovery_id=None,
    create_time=EARLIER,
    update_time=EARLIER,
    resolve_time=None,
    close_time=None,
    follow_up_of=None,
    follow_up=None,
    timing=Timing(active_time=EARLIER),
)


def agent_caller(name: str = "alice", *, supervisor: bool = False) -> Caller:
    roles = {Role.AGENT, Role.SUPERVISOR} if supervisor else {Role.AGENT}
    return Caller(ActorKind.AGENT, name, "acme", frozenset(roles), name.title())


ALICE = agent_caller()
SERVICE = Caller(ActorKind.SERVICE, "intake", "acme", frozenset({Role.SERVICE}), "intake")
WORKER = Caller(ActorKind.WORKFLOW, "worker", None, frozenset({Role.WORKER}), "")


def agent(name: str, *, can_be_assignee: bool = True, can_be_reporter: bool = True) -> Agent:
    return Agent("acme", name, name.title(), can_be_assignee, can_be_reporter, (), EARLIER, EARLIER)


def form(state: RecoveryState = RecoveryState.FORM_REQUESTED) -> Recovery:
    """Returns a form in `state`. It expires 29 days after NOW. No attempt to post its reply has begun."""
    return replace(
        new_recovery(TICKET, RECOVERY_ID, RecoveryKind.FORM, ALICE, EARLIER),
        state=state,
        reply_text=REPLY,
        key_id="k1",
        expire_time=EARLIER + timedelta(days=30),
        end_time=None if state in LIVE else EARLIER,
    )


def contact(contact_id: UUID = CONTACT_ID, email: str = "robin@example.com") -> Contact:
    return Contact("acme", 7, contact_id, RECOVERY_ID, 7, "Robin", email, "", "", "", None, EARLIER)


def snapshot(recovery: Recovery | None = None, ticket: Ticket = TICKET) -> TicketSnapshot:
    """Returns a snapshot of `ticket` in which `recovery` is the target of commands.

    If `recovery` is live, it is also the ticket's live recovery.
    """
    live = recovery if recovery is not None and recovery.state in LIVE else None
    if live is not None:
        ticket = replace(ticket, contact_state=live.state, recovery_id=live.id)
    has_review = ticket.review_id is not None
    return TicketSnapshot(
        ticket=ticket,
        organization=ORGANIZATION,
        location=LOCATION,
        review=REVIEW if has_review else None,
        live=live,
        target_recovery=recovery,
        agent=agent("alice"),
    )
