"""The tickets that the calls are about, on both sides."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from benchmarks import load
from benchmarks.servers import Keys, Server, connect
from care.v1 import ticket_service_pb2 as tickets
from care.v1.ticket_pb2 import CONTACT_STATE_CHAT_UNLOCKED, Ticket
from care.v1.ticket_service_pb2 import NewContact
from care.v1.worker_service_pb2 import UnlockChatRequest
from care_client.client import CareClient
from care_dev.stack.secrets import Role

_ORGANIZATION: Final = "bench"


@dataclass
class Team:
    """An organization on one server, and its agent alice."""

    agent: CareClient
    worker: CareClient | None
    """The client that unlocks chats. None for the bare stack, which unlocks the chat when it creates the ticket."""
    parent: str = f"organizations/{_ORGANIZATION}"
    taken: list[str] = field(default_factory=list)
    """The names of tickets that alice has taken. Each has an unlocked chat."""
    unassigned: list[str] = field(default_factory=list)
    """The names of tickets without an assignee."""

    async def create(self, contact: NewContact | None = None) -> Ticket:
        """Creates a ticket."""
        ticket = Ticket(subject="Cold soup", location=f"{self.parent}/locations/soho")
        request = tickets.CreateTicketRequest(parent=self.parent, ticket=ticket, contact=contact)
        return (await self.agent.tickets.CreateTicket(request)).ticket

    async def prepare(self, number: int) -> None:
        """Adds this number of tickets to `taken`."""

        async def add(index: int) -> None:
            contact = NewContact(email=f"customer-{index}@example.com", display_name="A customer")
            ticket = await self.create(contact)
            if self.worker is not None:
                await self.worker.workers.UnlockChat(UnlockChatRequest(name=ticket.recovery))
            ticket = (await self.agent.tickets.TakeTicket(tickets.TakeTicketRequest(name=ticket.name))).ticket
            assert ticket.contact_state == CONTACT_STATE_CHAT_UNLOCKED
            self.taken.append(ticket.name)

        await load.run(add, count(), number)

    async def create_unassigned(self, number: int) -> None:
        """Adds this number of tickets to `unassigned`."""

        async def add(_: int) -> None:
            self.unassigned.append((await self.create()).name)

        await load.run(add, count(), number)


@asynccontextmanager
async def open_care(server: Server, keys: Keys) -> AsyncIterator[Team]:
    """Connects to Care."""
    async with (
        connect(server, keys.mint(_ORGANIZATION, "alice", Role.AGENT)) as agent,
        connect(server, keys.mint(None, "worker", Role.WORKER)) as worker,
    ):
        yield Team(agent, worker)


@asynccontextmanager
async def open_bare(server: Server) -> AsyncIterator[Team]:
    """Connects to the bare stack."""
    async with connect(server) as agent:
        yield Team(agent, None)
