"""What the handlers need of the storage: protocols, so that neither knows the other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from care_rules.chat import ChatSnapshot
from care_rules.create import CreationSnapshot
from care_rules.delivery import DeliverySnapshot
from care_rules.entities import (
    Activity,
    Agent,
    Channel,
    Contact,
    Delivery,
    Inbound,
    Message,
    Recovery,
    Review,
    Ticket,
)
from care_rules.filters.conditions import Condition
from care_rules.finding import ReviewQuery, TicketCounts, TicketQuery
from care_rules.lifecycle import RecoveryState
from care_rules.names import MessageName, RecoveryName, TicketName
from care_rules.organizations import Location, Organization
from care_rules.reports import RecoverySnapshot
from care_rules.scheduling import ScheduledDecision
from care_rules.settings import AutoAssign, SettingsRevision
from care_rules.snapshot import TicketSnapshot
from care_rules.submit import FormSnapshot
from care_service.usecases.feed import ChangedTickets, FeedFilter, FeedPage, FeedPosition

REQUEST_ID_LIFETIME: Final = timedelta(hours=24)
"""For how long an answer is kept to be given again."""


class Clock(Protocol):
    """Where `now` comes from; tests hand in the Temporal test server's."""

    def now(self) -> datetime:
        """Returns the present time, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What a `request_id` is unique within (AIP-155)."""

    organization: str
    caller: str
    request_id: UUID
    oldest: datetime
    """An answer kept before then has had its time."""


def customer_key(organization: str, recovery: UUID, request_id: UUID, oldest: datetime) -> RequestKey:
    """Returns the key of a request that came through a form's link: whoever holds the link is one caller."""
    return RequestKey(organization, f"CUSTOMER/{recovery}", request_id, oldest)


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """An answer that was given to a request, kept to be given again."""

    fingerprint: bytes
    """SHA-256 over the method and the request's bytes."""
    body: bytes
    """The response's bytes."""


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """An answer to be kept, with its key."""

    key: RequestKey
    answer: StoredResponse
    time: datetime


class StaleError(Exception):
    """The commit found that somebody else was faster: load again and decide again."""


@dataclass(frozen=True, slots=True)
class InboundQuery:
    """Whom a message that came in belongs to: what it names, what it answers, or who sent it."""

    organization: str
    channel: Channel
    external_id: str
    sender: str
    in_reply_to: tuple[str, ...]
    ticket: int | None


@dataclass(frozen=True, slots=True)
class InboundSnapshot:
    """What a message that came in was loaded with."""

    known: Inbound | None
    """It, where it was taken in already."""
    chat: ChatSnapshot | None
    """The chat that it belongs to."""
    is_answer: bool = False
    """The chat was found by what the message answers."""
    named: Ticket | None = None
    """The ticket that the query names, no newer than the chat."""


class TicketStore(Protocol):
    """Loads and commits of DESIGN section 5: one query, one statement."""

    async def load(
        self,
        name: TicketName,
        *,
        agent: str | None,
        recovery: UUID | None = None,
        claim: UUID | None = None,
        request: RequestKey | None = None,
    ) -> tuple[TicketSnapshot, StoredResponse | None] | None:
        """Returns the ticket with the directory's entry, the recovery and the contact named; None if there is none."""
        ...

    async def load_new(
        self,
        organization: str,
        *,
        review: UUID | None,
        location: str | None,
        agent: str | None,
        request: RequestKey | None,
    ) -> tuple[CreationSnapshot, StoredResponse | None]:
        """Returns what a new ticket is decided on. Makes the organization's entry where it is missing."""
        ...

    async def load_form(
        self, recovery: UUID, request_id: UUID | None, oldest: datetime
    ) -> tuple[FormSnapshot, StoredResponse | None] | None:
        """Returns the ticket behind a form's link; None if there is none. `oldest` is as in `RequestKey`.

        Raises StaleError where the place that an answer goes to changed while it was looked for.
        """
        ...

    async def load_recovery(self, name: RecoveryName) -> RecoverySnapshot | None:
        """Returns the ticket of a recovery, for its workflow; None if there is none."""
        ...

    async def load_delivery(self, name: MessageName) -> DeliverySnapshot | None:
        """Returns the ticket of a message to a customer, for its workflow; None if there is none."""
        ...

    async def load_chat(
        self, contact: UUID, request_id: UUID | None, oldest: datetime
    ) -> tuple[ChatSnapshot, StoredResponse | None] | None:
        """Returns the ticket behind a chat's link; None if there is none. `oldest` is as in `RequestKey`.

        Raises StaleError where the place that a message goes to changed while it was looked for.
        """
        ...

    async def load_inbound(
        self, query: InboundQuery, request: RequestKey | None = None
    ) -> tuple[InboundSnapshot, StoredResponse | None]:
        """Returns what was taken in already with that id, and the chat that the message belongs to."""
        ...

    async def load_kept(self, name: TicketName, contact: Contact, limit: int) -> Sequence[Inbound]:
        """Returns what a contact sent while the ticket's chat was locked, the oldest first, at most `limit`."""
        ...

    async def keep_inbound(self, inbound: Inbound, record: IdempotencyRecord | None) -> None:
        """Keeps a message that found no ticket; raises StaleError where it was taken in already."""
        ...

    async def next_number(self, organization: str) -> int:
        """Takes the organization's next ticket number; one that is not used leaves a gap."""
        ...

    async def next_assignee(self, organization: str, location: str, how: AutoAssign) -> str | None:
        """Takes the turn of one of the location's assignees; None where it has none."""
        ...

    async def take_back_wake(self, name: RecoveryName, report_time: datetime) -> None:
        """Forgets the wake of a report, as its workflow has asked since; of none or of one that is out, nothing."""
        ...

    async def commit(self, scheduled: ScheduledDecision, record: IdempotencyRecord | None) -> None:
        """Writes a decision on an existing ticket in one statement; raises StaleError."""
        ...

    async def commit_new(self, scheduled: ScheduledDecision, record: IdempotencyRecord | None) -> None:
        """Writes a new ticket, and its link at the one it follows, in one statement; raises StaleError."""
        ...

    def exclusive(self, name: TicketName) -> AbstractAsyncContextManager[TicketStore]:
        """Locks the ticket's row for one load and one commit: the last resort of a call that keeps being overtaken."""
        ...


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket with what is shown beside it."""

    ticket: Ticket
    contact: Contact | None
    """The live recovery's."""


@dataclass(frozen=True, slots=True)
class RecoveryView:
    """A recovery with every contact that it brought, oldest first."""

    recovery: Recovery
    contacts: tuple[Contact, ...]


@dataclass(frozen=True, slots=True)
class MessageView:
    """An entry of the thread, with the state of its recovery, and how far it got."""

    message: Message
    recovery_state: RecoveryState | None
    delivery: Delivery | None = None


class Reader(Protocol):
    """Lists, by keyset: `after` is the last key of the page before, `limit` one more than the page's size."""

    async def tickets(self, query: TicketQuery) -> Sequence[TicketView]:
        """A page of tickets; organization by organization, in the direction of the first key, where none is given."""
        ...

    async def count_tickets(self, organization: str | None, condition: Condition) -> TicketCounts:
        """How many tickets a filter finds; of all organizations where none is given."""
        ...

    async def activities(self, name: TicketName, after: int | None, limit: int) -> Sequence[Activity]:
        """The highest number first."""
        ...

    async def recoveries(self, name: TicketName, after: int | None, limit: int) -> Sequence[tuple[int, RecoveryView]]:
        """The latest first, each with its position."""
        ...

    async def recovery(self, name: RecoveryName) -> RecoveryView | None:
        """One recovery."""
        ...

    async def contacts(self, name: TicketName, after: tuple[datetime, UUID] | None, limit: int) -> Sequence[Contact]:
        """The oldest first."""
        ...

    async def messages(
        self, name: TicketName, after: tuple[int, int] | None, limit: int, *, latest_first: bool = False
    ) -> Sequence[MessageView]:
        """The oldest first, or the latest."""
        ...

    async def message(self, name: TicketName, message: UUID) -> MessageView | None:
        """One entry of the thread."""
        ...

    async def chat_messages(self, chat: ChatSnapshot, before: tuple[int, int] | None, limit: int) -> Sequence[Message]:
        """What a contact and the business wrote to each other, the latest first."""
        ...

    async def chat_messages_after(
        self, chat: ChatSnapshot, after: tuple[int, int] | None, limit: int
    ) -> Sequence[Message]:
        """The same, the oldest first."""
        ...

    async def unmatched(
        self, organization: str, after: tuple[datetime, str, str] | None, limit: int
    ) -> Sequence[Inbound]:
        """Messages that came in and found no open chat, the latest first."""
        ...

    async def reviews(self, query: ReviewQuery) -> Sequence[Review]:
        """The latest written first; organization by organization where none is given."""
        ...

    async def review(self, organization: str, review_id: UUID) -> Review | None:
        """One review."""
        ...

    async def ticket_exists(self, name: TicketName) -> bool:
        """Whether there is such a ticket."""
        ...

    async def locations(self, organization: str, after: str | None, limit: int) -> Sequence[Location]:
        """By id."""
        ...

    async def agents(self, organization: str, after: str | None, limit: int) -> Sequence[Agent]:
        """By id."""
        ...

    async def organization(self, organization: str) -> Organization | None:
        """One organization."""
        ...

    async def location(self, organization: str, location: str) -> Location | None:
        """One location."""
        ...

    async def agent(self, organization: str, agent: str) -> Agent | None:
        """One agent."""
        ...

    async def settings_revisions(
        self, organization: str, location: str, before: int | None, limit: int
    ) -> Sequence[SettingsRevision]:
        """The latest first; of the organization's own settings where no location is named."""
        ...


class Directory(Protocol):
    """Writes of what is no ticket. Each is one transaction, together with the record of its answer."""

    async def answer(self, key: RequestKey) -> StoredResponse | None:
        """Returns the answer kept for a request."""
        ...

    async def see_organization(self, organization: str, now: datetime) -> None:
        """Makes the organization's entry where it is missing."""
        ...

    async def see_agent(self, organization: str, agent: str, display_name: str, now: datetime) -> None:
        """Makes the agent's entry, and the organization's, where they are missing."""
        ...

    async def put_organization(
        self,
        organization: Organization,
        changed: Collection[str],
        record: IdempotencyRecord | None,
        revision: SettingsRevision | None = None,
    ) -> None:
        """Writes the fields `changed` of an existing organization, so that others' changes of other fields stay.

        With a `revision` its settings as well; raises StaleError where they were changed since it was loaded.
        """
        ...

    async def put_location(
        self,
        location: Location,
        changed: Collection[str],
        record: IdempotencyRecord | None,
        revision: SettingsRevision | None = None,
    ) -> None:
        """Writes a location, new or not; of an existing one the fields `changed`. With a `revision` as above."""
        ...

    async def put_agent(self, agent: Agent, changed: Collection[str], record: IdempotencyRecord | None) -> None:
        """Writes the fields `changed` of an existing agent."""
        ...

    async def put_review(
        self,
        review: Review,
        record: IdempotencyRecord | None,
        *,
        is_new: bool,
        noted: ScheduledDecision | None = None,
        raised: ScheduledDecision | None = None,
    ) -> None:
        """Writes a review, what its ticket notes of that, the ticket that it raises, and its location's entry.

        Raises StaleError where a newer edit is stored, or the ticket has changed.
        """
        ...


class Feed(Protocol):
    """The activity log of all tickets. Nothing is ever added before a position that was returned."""

    async def end(self) -> FeedPosition:
        """Returns the present end of the feed: everything committed from now on comes after it."""
        ...

    async def changed_tickets(self, after: FeedPosition, limit: int) -> ChangedTickets:
        """Returns the tickets that changed after a position; reads at most `limit` activities."""
        ...

    async def changes(self, wanted: FeedFilter, after: FeedPosition, through: FeedPosition, limit: int) -> FeedPage:
        """Returns the next changes in order, at most `limit`. Those of one ticket come in the order of their numbers.

        `through` is a position that `end` or `changed_tickets` returned: what comes later may not be complete yet.
        """
        ...
