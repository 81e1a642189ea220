"""The port through which commands load and commit tickets."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from care_rules.chat import ChatSnapshot
from care_rules.create import CreationSnapshot
from care_rules.delivery import DeliverySnapshot
from care_rules.entities.contact import Contact
from care_rules.entities.inbound import Inbound
from care_rules.entities.message import Channel
from care_rules.entities.ticket import Ticket
from care_rules.names import MessageName, RecoveryName, TicketName
from care_rules.reports import RecoverySnapshot
from care_rules.scheduling import ScheduledDecision
from care_rules.settings import AutoAssign
from care_rules.snapshot import TicketSnapshot
from care_rules.submit import FormSnapshot
from care_service.usecases.ports.idempotency import (
    IdempotencyRecord,
    RequestKey,
    StoredResponse,
)


class StaleError(Exception):
    """Another call committed first. Load and decide again."""


@dataclass(frozen=True, slots=True)
class InboundQuery:
    """How to find the chat of an inbound message: by the requested ticket, the answered message, or the sender."""

    organization: str
    channel: Channel
    external_id: str
    sender: str
    in_reply_to: tuple[str, ...]
    ticket: int | None


@dataclass(frozen=True, slots=True)
class InboundSnapshot:
    """The state that ingesting an inbound message needs."""

    known: Inbound | None
    """The stored message, if it was ingested before."""
    chat: ChatSnapshot | None
    """The chat that the message belongs to."""
    is_answer: bool = False
    """Whether the chat was found by a message that the inbound message answers."""
    addressed_ticket: Ticket | None = None
    """The ticket that the query names. It was loaded no later than the chat."""


class TicketStore(Protocol):
    """Loads and commits tickets. Most loads are one query, and each commit is one statement."""

    async def load(
        self,
        name: TicketName,
        *,
        agent: str | None,
        recovery: UUID | None = None,
        claim: UUID | None = None,
        request: RequestKey | None = None,
    ) -> tuple[TicketSnapshot, StoredResponse | None] | None:
        """Returns a ticket with the given agent, recovery and claim, and the stored response to `request`.

        Returns None if the ticket does not exist.
        """
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
        """Returns the state that the decision on a new ticket needs. The organization must be stored already."""
        ...

    async def load_form(
        self, recovery: UUID, request_id: UUID | None, oldest: datetime
    ) -> tuple[FormSnapshot, StoredResponse | None] | None:
        """Returns the state behind a form's link; None if there is no such form. `oldest` is as in `RequestKey`.

        Raises StaleError if the ticket that receives an answer changed during the load.
        """
        ...

    async def load_recovery(self, name: RecoveryName) -> RecoverySnapshot | None:
        """Returns the state that the workflow of a recovery needs; None if the recovery does not exist."""
        ...

    async def load_delivery(self, name: MessageName) -> DeliverySnapshot | None:
        """Returns the state that the workflow of a delivery needs; None if the delivery does not exist."""
        ...

    async def load_chat(
        self, contact: UUID, request_id: UUID | None, oldest: datetime
    ) -> tuple[ChatSnapshot, StoredResponse | None] | None:
        """Returns the state behind a chat's link; None if there is no such chat. `oldest` is as in `RequestKey`.

        Raises StaleError if the ticket that receives a message changed during the load.
        """
        ...

    async def load_inbound(
        self, query: InboundQuery, request: RequestKey | None = None
    ) -> tuple[InboundSnapshot, StoredResponse | None]:
        """Returns the stored message with the same id, or else the chat that the message belongs to.

        Raises StaleError if the ticket that receives the message changed during the load.
        """
        ...

    async def load_waiting_inbound(self, name: TicketName, contact: Contact, limit: int) -> Sequence[Inbound]:
        """Returns what a contact sent while the ticket's chat was locked, the oldest first, at most `limit`."""
        ...

    async def store_inbound(self, inbound: Inbound, record: IdempotencyRecord | None) -> None:
        """Stores a message that matched no ticket. Raises StaleError if it was ingested before."""
        ...

    async def next_number(self, organization: str) -> int:
        """Takes and returns the organization's next ticket number. An unused number leaves a gap."""
        ...

    async def next_assignee(self, organization: str, location: str, how: AutoAssign) -> str | None:
        """Returns the agent who gets a location's new ticket; None if nobody can. With ROUND_ROBIN, ends their turn."""
        ...

    async def cancel_wake(self, name: RecoveryName, report_time: datetime) -> None:
        """Deletes the wake that a report caused, if it exists. The workflow has called since, so it needs no wake."""
        ...

    async def commit(self, scheduled: ScheduledDecision, record: IdempotencyRecord | None) -> None:
        """Writes a decision on an existing ticket. Raises StaleError if another call committed first."""
        ...

    async def commit_new(self, scheduled: ScheduledDecision, record: IdempotencyRecord | None) -> None:
        """Writes a new ticket. If it is a follow-up, also links it from the ticket that it follows.

        Raises StaleError if another call committed first.
        """
        ...

    def exclusive(self, name: TicketName) -> AbstractAsyncContextManager[TicketStore]:
        """Locks the ticket's row for one load and one commit: the last resort after several failed commits.

        Raises StaleError if another transaction holds the lock for too long.
        """
        ...
