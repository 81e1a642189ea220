"""What the use cases need from the storage, as protocols: neither knows the other."""

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
"""How long a response is stored for repeats of its request."""


class Clock(Protocol):
    """The source of the present time; tests pass the Temporal test server's."""

    def now(self) -> datetime:
        """Returns the present time, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What a response is stored under: a `request_id` is unique per organization and caller (AIP-155)."""

    organization: str
    caller: str
    request_id: UUID
    oldest: datetime
    """Responses that were stored before this time have expired."""


def customer_key(organization: str, recovery: UUID, request_id: UUID, oldest: datetime) -> RequestKey:
    """Returns the key of a request through a link: everybody who holds the link counts as one caller."""
    return RequestKey(organization, f"CUSTOMER/{recovery}", request_id, oldest)


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The response to a request, stored for repeats of it."""

    fingerprint: bytes
    """SHA-256 over the method and the request's bytes."""
    body: bytes
    """The response's bytes."""


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """A response to store, with its key."""

    key: RequestKey
    answer: StoredResponse
    time: datetime


class StaleError(Exception):
    """The commit found that another call was faster: load again, and decide again."""


@dataclass(frozen=True, slots=True)
class InboundQuery:
    """How to find the chat of a message that came in: by the ticket it names, what it replies to, or its sender."""

    organization: str
    channel: Channel
    external_id: str
    sender: str
    in_reply_to: tuple[str, ...]
    ticket: int | None


@dataclass(frozen=True, slots=True)
class InboundSnapshot:
    """What is loaded for a message that came in."""

    known: Inbound | None
    """The message as it was taken in before, if it was."""
    chat: ChatSnapshot | None
    """The chat that the message belongs to."""
    is_answer: bool = False
    """Whether the chat was found by what the message replies to."""
    named: Ticket | None = None
    """The ticket that the query names, loaded before the chat."""


class TicketStore(Protocol):
    """Loads and commits of tickets: each command costs one query and one statement."""

    async def load(
        self,
        name: TicketName,
        *,
        agent: str | None,
        recovery: UUID | None = None,
        claim: UUID | None = None,
        request: RequestKey | None = None,
    ) -> tuple[TicketSnapshot, StoredResponse | None] | None:
        """Returns a ticket with the agent, recovery and contact (`claim`) named; None if it does not exist."""
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
        """Returns what a new ticket is decided from."""
        ...

    async def load_form(
        self, recovery: UUID, request_id: UUID | None, oldest: datetime
    ) -> tuple[FormSnapshot, StoredResponse | None] | None:
        """Returns the ticket behind a form's link; None if it does not exist. `oldest` is as in `RequestKey`.

        Raises StaleError where the ticket that receives a submission changed during the load.
        """
        ...

    async def load_recovery(self, name: RecoveryName) -> RecoverySnapshot | None:
        """Returns a recovery for its workflow; None if it does not exist."""
        ...

    async def load_delivery(self, name: MessageName) -> DeliverySnapshot | None:
        """Returns a message to a customer for its workflow; None if it does not exist."""
        ...

    async def load_chat(
        self, contact: UUID, request_id: UUID | None, oldest: datetime
    ) -> tuple[ChatSnapshot, StoredResponse | None] | None:
        """Returns the ticket behind a chat's link; None if it does not exist. `oldest` is as in `RequestKey`.

        Raises StaleError where the ticket that receives a message changed during the load.
        """
        ...

    async def load_inbound(
        self, query: InboundQuery, request: RequestKey | None = None
    ) -> tuple[InboundSnapshot, StoredResponse | None]:
        """Returns the message if it was taken in before; else the chat that it belongs to."""
        ...

    async def load_kept(self, name: TicketName, contact: Contact, limit: int) -> Sequence[Inbound]:
        """Returns what a contact sent while the ticket's chat was locked, the oldest first, at most `limit`."""
        ...

    async def keep_inbound(self, inbound: Inbound, record: IdempotencyRecord | None) -> None:
        """Stores a message that found no ticket. Raises StaleError where it was taken in before."""
        ...

    async def next_number(self, organization: str) -> int:
        """Takes the organization's next ticket number. A number that is not used leaves a gap."""
        ...

    async def next_assignee(self, organization: str, location: str, how: AutoAssign) -> str | None:
        """Takes the turn of an agent whom tickets of the location can be assigned to; None if there is none."""
        ...

    async def take_back_wake(self, name: RecoveryName, report_time: datetime) -> None:
        """Deletes the wake of the report that a workflow made at `report_time`, if it still waits."""
        ...

    async def commit(self, scheduled: ScheduledDecision, record: IdempotencyRecord | None) -> None:
        """Writes a decision on an existing ticket in one statement. Raises StaleError."""
        ...

    async def commit_new(self, scheduled: ScheduledDecision, record: IdempotencyRecord | None) -> None:
        """Writes a new ticket, and its link in the ticket that it follows, in one statement. Raises StaleError."""
        ...

    def exclusive(self, name: TicketName) -> AbstractAsyncContextManager[TicketStore]:
        """Locks the ticket's row for one load and one commit: for a call that others overtook several times."""
        ...


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket with what is shown beside it."""

    ticket: Ticket
    contact: Contact | None
    """The live recovery's."""


@dataclass(frozen=True, slots=True)
class RecoveryView:
    """A recovery with all its contacts, the oldest first."""

    recovery: Recovery
    contacts: tuple[Contact, ...]


@dataclass(frozen=True, slots=True)
class MessageView:
    """An entry of the thread, with the state of its recovery and of its delivery."""

    message: Message
    recovery_state: RecoveryState | None
    delivery: Delivery | None = None


class Reader(Protocol):
    """Reads. Lists go by keyset: `after` is the last key of the previous page; `limit` is its size and one more."""

    async def tickets(self, query: TicketQuery) -> Sequence[TicketView]:
        """Returns a page of tickets; without an organization, one organization after the other."""
        ...

    async def count_tickets(self, organization: str | None, condition: Condition) -> TicketCounts:
        """Returns how many tickets a filter finds; without an organization, in all of them."""
        ...

    async def activities(self, name: TicketName, after: int | None, limit: int) -> Sequence[Activity]:
        """Returns a ticket's activities, the latest first."""
        ...

    async def recoveries(self, name: TicketName, after: int | None, limit: int) -> Sequence[tuple[int, RecoveryView]]:
        """Returns a ticket's recoveries, the latest first, each with its position."""
        ...

    async def recovery(self, name: RecoveryName) -> RecoveryView | None:
        """Returns a recovery with its contacts; None if it does not exist."""
        ...

    async def contacts(self, name: TicketName, after: tuple[datetime, UUID] | None, limit: int) -> Sequence[Contact]:
        """The oldest first."""
        ...

    async def messages(
        self, name: TicketName, after: tuple[int, int] | None, limit: int, *, latest_first: bool = False
    ) -> Sequence[MessageView]:
        """Returns a ticket's thread, the oldest entry first or the latest."""
        ...

    async def message(self, name: TicketName, message: UUID) -> MessageView | None:
        """Returns an entry of the thread; None if it does not exist."""
        ...

    async def chat_messages(self, chat: ChatSnapshot, before: tuple[int, int] | None, limit: int) -> Sequence[Message]:
        """Returns what a contact and the business wrote to each other, the latest first."""
        ...

    async def chat_messages_after(
        self, chat: ChatSnapshot, after: tuple[int, int] | None, limit: int
    ) -> Sequence[Message]:
        """Returns the same, the oldest first."""
        ...

    async def unmatched(
        self, organization: str, after: tuple[datetime, str, str] | None, limit: int
    ) -> Sequence[Inbound]:
        """Returns messages that came in and found no open chat, the latest first."""
        ...

    async def reviews(self, query: ReviewQuery) -> Sequence[Review]:
        """Returns reviews, the latest written first; without an organization, one organization after the other."""
        ...

    async def review(self, organization: str, review_id: UUID) -> Review | None:
        """Returns a review; None if it does not exist."""
        ...

    async def ticket_exists(self, name: TicketName) -> bool:
        """Tells whether a ticket exists."""
        ...

    async def locations(self, organization: str, after: str | None, limit: int) -> Sequence[Location]:
        """Returns locations in the order of their ids."""
        ...

    async def agents(self, organization: str, after: str | None, limit: int) -> Sequence[Agent]:
        """Returns agents in the order of their ids."""
        ...

    async def organization(self, organization: str) -> Organization | None:
        """Returns an organization; None if it does not exist."""
        ...

    async def location(self, organization: str, location: str) -> Location | None:
        """Returns a location; None if it does not exist."""
        ...

    async def agent(self, organization: str, agent: str) -> Agent | None:
        """Returns an agent; None if it does not exist."""
        ...

    async def settings_revisions(
        self, organization: str, location: str, before: int | None, limit: int
    ) -> Sequence[SettingsRevision]:
        """Returns changes of settings, the latest first; an empty location means the organization's own."""
        ...


class Directory(Protocol):
    """Writes of everything but tickets. Each is one transaction, together with the stored response."""

    async def answer(self, key: RequestKey) -> StoredResponse | None:
        """Returns the response that is stored for a request; None if there is none."""
        ...

    async def see_organization(self, organization: str, now: datetime) -> None:
        """Makes the organization's entry if it does not exist."""
        ...

    async def see_agent(self, organization: str, agent: str, display_name: str, now: datetime) -> None:
        """Makes the agent's entry, and the organization's, if they do not exist."""
        ...

    async def put_organization(
        self,
        organization: Organization,
        changed: Collection[str],
        record: IdempotencyRecord | None,
        revision: SettingsRevision | None = None,
    ) -> None:
        """Writes the fields `changed` of an existing organization; changes of other fields by other calls stay.

        With a `revision`, writes its settings too. Raises StaleError where those changed since the load.
        """
        ...

    async def put_location(
        self,
        location: Location,
        changed: Collection[str],
        record: IdempotencyRecord | None,
        revision: SettingsRevision | None = None,
    ) -> None:
        """Writes a new location, or the fields `changed` of an existing one. `revision` is as above."""
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
        """Writes a review and its location's entry; what its ticket notes about an edit; the ticket that it raises.

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
