"""One organization for a test, with stores on the real database, and methods that bring a ticket into any state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TypeVar
from uuid import UUID

import pytest

from care_rules import names
from care_rules.callers import Caller, Role, customer_caller
from care_rules.commands import RecordPosted
from care_rules.entities.activity import ActorKind
from care_rules.entities.contact import Contact
from care_rules.entities.inbound import Inbound, IngestOutcome
from care_rules.entities.message import Channel
from care_rules.entities.recovery import Recovery
from care_rules.entities.review import Review
from care_rules.names import RecoveryName, TicketName
from care_rules.recovery_plan import RecoveryStep, SiteTiming
from care_rules.refusals import Reason, Refusal
from care_rules.settings import Layer, Settings
from care_rules.snapshot import TicketSnapshot
from care_service.rpc.settings_convert import json_values
from care_service.storage.database import Database
from care_service.storage.directory import PostgresDirectory
from care_service.storage.reader import PostgresReader
from care_service.storage.tickets import PostgresTickets
from care_service.usecases import conversation, forms, recoveries, recovery_steps, reviews, settings_updates, tickets
from care_service.usecases.forms import Submission
from care_service.usecases.links import Links
from care_service.usecases.ports.idempotency import StoredResponse
from care_service.usecases.request import Replayable, Request
from care_service.usecases.tickets import NewTicket

OutcomeT = TypeVar("OutcomeT")

START = datetime(2026, 5, 4, 9, tzinfo=UTC)
REPLY = "We are sorry. Please tell us how to reach you: {form_link}"
TIMING = SiteTiming(checks=(timedelta(minutes=10),), settle=timedelta(minutes=1))
WORKER = Caller(ActorKind.WORKFLOW, "worker", None, frozenset({Role.WORKER}), "")
STRANGER = customer_caller("")
_externals = count(1)


def encode(outcome: object) -> bytes:
    """Returns bytes that stand for the response: equal bytes mean equal outcomes."""
    return repr(outcome).encode()


def fresh(outcome: Replayable[OutcomeT]) -> OutcomeT:
    """Returns the outcome of a request that has no stored response."""
    assert not isinstance(outcome, StoredResponse)
    return outcome


async def refused(call: Awaitable[object]) -> Refusal:
    """Returns the refusal of a call, which must not succeed."""
    with pytest.raises(Refusal) as caught:
        await call
    return caught.value


async def assert_refused(call: Awaitable[object], reason: Reason) -> None:
    assert (await refused(call)).reason is reason


@dataclass
class Office:
    """The organization `organizations/{id}`. Only the test advances its time."""

    database: Database
    id: str
    now: datetime = START
    links: Links = field(default_factory=lambda: Links({"k1": b"k" * 32}, "k1", "https://care.example"))

    def __post_init__(self) -> None:
        self.store = PostgresTickets(self.database)
        self.reader = PostgresReader(self.database)
        self.directory = PostgresDirectory(self.database)

    async def open(self) -> None:
        """Creates the organization and two agents, as their first calls do."""
        for agent in ("alice", "bob"):
            await self.directory.ensure_agent(self.id, agent, agent.title(), self.now)

    def later(self, **how_long: float) -> None:
        """Advances the time. The arguments are those of timedelta."""
        self.now += timedelta(**how_long)

    # --- callers and requests -----------------------------------------------------------------------------------------

    def agent(self, name: str = "alice") -> Caller:
        return Caller(ActorKind.AGENT, name, self.id, frozenset({Role.AGENT}), name.title())

    @property
    def supervisor(self) -> Caller:
        return Caller(ActorKind.AGENT, "bob", self.id, frozenset({Role.AGENT, Role.SUPERVISOR}), "Bob")

    @property
    def service(self) -> Caller:
        return Caller(ActorKind.SERVICE, "intake", self.id, frozenset({Role.SERVICE}), "")

    def request(
        self,
        caller: Caller | None = None,
        *,
        id: UUID | None = None,  # noqa: A002 - the name in Request
        fingerprint: bytes = b"one request",
        etag: str = "",
        encode: Callable[[object], bytes] = encode,
    ) -> Request[OutcomeT]:
        """Returns a request of `caller`, alice by default."""
        return Request(
            caller=caller or self.agent(), now=self.now, id=id, fingerprint=fingerprint, encode=encode, etag=etag
        )

    # --- stored values ------------------------------------------------------------------------------------------------

    async def load(self, name: TicketName) -> TicketSnapshot:
        loaded = await self.store.load(name, agent=None)
        assert loaded is not None
        return loaded[0]

    async def log(self, name: TicketName) -> list[str]:
        """Returns the types of a ticket's activities, newest first."""
        return [entry.type.value for entry in await self.reader.activities(name, None, 1000)]

    async def thread(self, name: TicketName) -> list[tuple[str, str]]:
        """Returns the kinds and texts of a thread, oldest first."""
        views = await self.reader.messages(name, None, 1000)
        return [(view.message.kind.value, view.message.text) for view in views]

    async def wakes(self, workflow: str) -> int:
        """Returns the number of outbox rows of a workflow."""
        query = "SELECT count(*) FROM outbox WHERE organization = $1 AND workflow = $2"
        async with self.database.driver() as connection:
            return int(await connection.fetchval(query, self.id, workflow))

    async def set(self, settings: Settings, *fields: str) -> None:
        """Sets `fields` of the organization's settings."""
        name = names.Child(self.id, "")
        layer, paths = Layer(settings, frozenset(fields)), frozenset(fields)
        await settings_updates.update_settings(
            self.reader, self.directory, json_values, name, layer, paths, self.request(self.service)
        )

    # --- tickets in any state -----------------------------------------------------------------------------------------

    def review(self, *, stars: int = 1, text: str = "Cold soup.", external_id: str = "") -> Review:
        """Returns a review as a service ingests it."""
        external_id = external_id or f"r{next(_externals)}"
        return Review(
            organization=self.id,
            id=reviews.review_id(self.id, "local", external_id),
            site="local",
            external_id=external_id,
            location="soho",
            author_display_name="Robin P.",
            stars=stars,
            text=text,
            url="",
            create_time=self.now,
            update_time=self.now,
            ingest_time=self.now,
            delete_time=None,
            ticket_number=None,
            posting_attempts=0,
        )

    async def ingest(self, review: Review | None = None) -> Review:
        given = review or self.review()
        request: Request[Review] = self.request(self.service)
        return fresh(await reviews.ingest_review(self.store, self.reader, self.directory, given, request))

    def new_ticket(self, review: Review | None = None, *, email: str = "") -> NewTicket:
        return NewTicket(
            organization=self.id,
            review=review.id if review else None,
            location="" if review else "soho",
            subject="" if review else "Cold soup",
            description="",
            priority=None,
            labels=(),
            external_reference="",
            email=email,
            phone="",
            display_name="",
        )

    async def create(
        self, new: NewTicket, request: Request[TicketSnapshot] | None = None
    ) -> Replayable[TicketSnapshot]:
        return await tickets.create_ticket(self.store, self.directory, new, request or self.request(self.service))

    async def ticket(self, *, with_review: bool = True, taken: bool = True) -> TicketName:
        """Creates a ticket, by default with a review and taken by alice."""
        review = await self.ingest() if with_review else None
        created = fresh(await self.create(self.new_ticket(review)))
        name = TicketName(self.id, created.ticket.number)
        if taken:
            await tickets.take_ticket(self.store, name, self.request())
        return name

    async def form(self, name: TicketName) -> Recovery:
        sent = await recoveries.send_recovery_form(self.store, self.links, name, REPLY, self.request())
        return fresh(sent).recovery.recovery

    def token(self, recovery: Recovery) -> str:
        return self.links.form_token(recovery.id, recovery.key_id)

    async def submit(self, recovery: Recovery, email: str = "robin@example.com") -> str:
        submission = Submission(email=email, phone="", display_name="Robin", message="Please call.")
        submitted = await forms.submit_contact(
            self.store, self.links, self.token(recovery), submission, self.request(STRANGER)
        )
        return fresh(submitted)

    async def post(self, name: RecoveryName) -> None:
        """Begins the post of the reply and reports it as posted."""
        begun = await recovery_steps.begin_posting(
            self.store, self.links, TIMING, name, RecoveryStep.POST, WORKER, self.now
        )
        assert begun.grant is not None
        command = RecordPosted(begun.grant.attempt)
        await recovery_steps.report_posting(self.store, TIMING, name, command, WORKER, self.now)

    async def unlock(self, name: RecoveryName) -> None:
        await recovery_steps.unlock_chat(self.store, self.links, TIMING, name, WORKER, self.now)

    async def chat(self, name: TicketName) -> Contact:
        """Opens the chat of a ticket of alice. Returns the contact."""
        added = await recoveries.add_contact(
            self.store,
            name,
            recoveries.NewContact(email="robin@example.com", phone="", display_name="Robin", claim=None),
            self.request(),
        )
        await self.unlock(recovery_name(fresh(added).recovery.recovery))
        contact = (await self.load(name)).contact
        assert contact is not None
        return contact

    def chat_token(self, contact: Contact) -> str:
        return self.links.chat_token(contact.id, contact.key_id)

    def inbound(self, text: str = "Hello?", *, sender: str = "robin@example.com", automatic: bool = False) -> Inbound:
        """Returns an email as the intake ingests it."""
        return Inbound(
            organization=self.id,
            channel=Channel.EMAIL,
            external_id=f"<m{next(_externals)}@example.com>",
            sender=sender,
            subject="",
            text=text,
            in_reply_to=(),
            automatic=automatic,
            send_time=self.now,
            outcome=IngestOutcome.UNMATCHED,
            ticket_number=None,
            message_id=None,
            ingest_time=self.now,
        )

    async def note(self, name: TicketName, text: str = "Called.") -> None:
        await conversation.add_note(self.store, name, text, self.request())


def recovery_name(recovery: Recovery) -> RecoveryName:
    return RecoveryName(recovery.organization, recovery.ticket_number, recovery.id)
