"""The port for lists and for reads of single resources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from care_rules.chat import ChatSnapshot
from care_rules.entities.activity import Activity
from care_rules.entities.agent import Agent
from care_rules.entities.contact import Contact
from care_rules.entities.delivery import Delivery
from care_rules.entities.inbound import Inbound
from care_rules.entities.message import Message
from care_rules.entities.recovery import Recovery
from care_rules.entities.review import Review
from care_rules.entities.ticket import Ticket
from care_rules.filters.conditions import Condition
from care_rules.lifecycle import RecoveryState
from care_rules.names import RecoveryName, TicketName
from care_rules.organizations import Location, Organization
from care_rules.queries import ReviewQuery, TicketCounts, TicketQuery, TotalSize
from care_rules.settings import SettingsRevision


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket and its contact, for a caller who reads the ticket."""

    ticket: Ticket
    contact: Contact | None
    """The contact of the live recovery."""
    agent: Agent | None = None
    """The directory entry of the agent who reads the ticket. Lists do not contain it."""


@dataclass(frozen=True, slots=True)
class RecoveryView:
    """A recovery with all its contacts, the oldest first."""

    recovery: Recovery
    contacts: tuple[Contact, ...]


@dataclass(frozen=True, slots=True)
class MessageView:
    """An entry of the thread, with the state of its recovery and with its delivery."""

    message: Message
    recovery_state: RecoveryState | None
    delivery: Delivery | None = None


class Reader(Protocol):
    """Reads single resources, and lists by keyset pages.

    `after` or `before` is the last key of the previous page. `limit` is the maximum number of results.
    """

    async def ticket(self, name: TicketName, agent: str | None) -> TicketView | None:
        """Returns a ticket, with the directory entry of `agent`, an agent's id; None if the ticket does not exist."""
        ...

    async def tickets(self, query: TicketQuery) -> Sequence[TicketView]:
        """Returns a page of tickets.

        Without an organization, sorts by organization first, in the same direction as the first key of the order.
        """
        ...

    async def count_tickets(self, organization: str | None, condition: Condition) -> TicketCounts:
        """Counts the tickets that match a filter, in all organizations if none is given."""
        ...

    async def total_size(self, organization: str | None, condition: Condition) -> TotalSize:
        """Returns how many tickets match a filter, in all organizations if none is given.

        If the tickets must be read one by one, stops at `LARGEST_TOTAL`: see `TotalSize`.
        """
        ...

    async def activities(self, name: TicketName, after: int | None, limit: int) -> Sequence[Activity]:
        """Returns the activities of a ticket, the highest number first."""
        ...

    async def recoveries(self, name: TicketName, after: int | None, limit: int) -> Sequence[tuple[int, RecoveryView]]:
        """Returns the recoveries of a ticket with their positions, the latest first."""
        ...

    async def recovery(self, name: RecoveryName) -> RecoveryView | None:
        """Returns a recovery with its contacts; None if it does not exist."""
        ...

    async def contacts(self, name: TicketName, after: tuple[datetime, UUID] | None, limit: int) -> Sequence[Contact]:
        """Returns the contacts of a ticket, the oldest first."""
        ...

    async def messages(
        self, name: TicketName, after: tuple[int, int] | None, limit: int, *, latest_first: bool = False
    ) -> Sequence[MessageView]:
        """Returns a ticket's thread: the oldest entry first, or the latest first."""
        ...

    async def message(self, name: TicketName, message: UUID) -> MessageView | None:
        """Returns an entry of the thread; None if it does not exist."""
        ...

    async def chat_messages(self, chat: ChatSnapshot, before: tuple[int, int] | None, limit: int) -> Sequence[Message]:
        """Returns the messages between a contact and the business, the latest first."""
        ...

    async def chat_messages_after(
        self, chat: ChatSnapshot, after: tuple[int, int] | None, limit: int
    ) -> Sequence[Message]:
        """Returns the messages between a contact and the business, the oldest first."""
        ...

    async def unmatched(
        self, organization: str, after: tuple[datetime, str, str] | None, limit: int
    ) -> Sequence[Inbound]:
        """Returns the inbound messages that matched no open chat, the latest first."""
        ...

    async def reviews(self, query: ReviewQuery) -> Sequence[Review]:
        """Returns reviews, the latest written first. Without an organization, sorts by organization first."""
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
        """Returns settings revisions, the latest first. An empty `location` means the organization's own settings."""
        ...
