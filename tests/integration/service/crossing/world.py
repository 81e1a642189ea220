"""What was written while everything is done to tickets, whose it is, and who holds which link."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Final, TypeVar

import grpc
import httpx

from care.v1 import ticket_service_pb2 as tickets
from care.v1.recovery_pb2 import Recovery
from care.v1.ticket_pb2 import ContactState, Ticket
from tests.support.tenant import Tenant

T = TypeVar("T")

AGENTS: Final = ("zqalice", "zqbob")
PUBLIC: Final = "everybody"
"""Who may see what a review site shows, and what the form says."""


class NothingFitsError(Exception):
    """There is nothing yet that this could be done to."""


@dataclass
class World:
    """What was written, whose it is, and who holds which link."""

    tenant: Tenant
    rng: Random
    browser: httpx.AsyncClient
    """At the customers' pages."""
    channel: grpc.aio.Channel
    """To the service, without any error handling of a client's."""
    owners: dict[bytes, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By marker: the addresses of those who may see it."""
    forms: dict[str, Recovery] = field(default_factory=dict)
    chats: dict[str, str] = field(default_factory=dict)
    """By the token of a private link, the address that it was sent to."""
    places: dict[str, str] = field(default_factory=dict)
    """By that token, the ticket of the chat."""
    sent: dict[str, str] = field(default_factory=dict)
    """By what an email can say that it answers, the address that that was sent to."""
    tickets: list[str] = field(default_factory=list)
    etags: dict[str, str] = field(default_factory=dict)
    """Of the tickets, as they were last looked at."""
    done: list[str] = field(default_factory=list)
    shown: int = 0
    """How many markers their owners were shown: a run that shows nothing would prove nothing."""

    def text(self, words: str, *owners: str) -> str:
        marker = f"zqm{len(self.owners)}x"
        self.owners[marker.encode()].update(owners)
        return f"{words} {marker}"

    def address(self) -> str:
        """A new person's."""
        marker = f"zqm{len(self.owners)}x"
        self.owners[marker.encode()].add(f"{marker}@example.com")
        return f"{marker}@example.com"

    @contextmanager
    def only(self, ticket: Ticket) -> Iterator[None]:
        """Lets all acts of the block concern this ticket."""
        everything, self.tickets = self.tickets, [ticket.name]
        try:
            yield
        finally:
            self.tickets = everything

    def choose(self, found: Sequence[T]) -> T:
        """One of them. Raises NothingFitsError where there is none."""
        if not found:
            raise NothingFitsError
        return self.rng.choice(found)

    def ticket(self) -> Ticket:
        return Ticket(name=self.choose(self.tickets))

    def one_of(self, known: dict[str, str]) -> tuple[str, str]:
        """One of the latest, mostly: the contacts of earlier ones may have been rejected."""
        items = list(known.items())
        return self.choose(items[-4:] if self.rng.random() < 0.7 else items)

    async def ticket_at(self, state: ContactState.ValueType) -> Ticket:
        """One whose contact is at `state`, mostly; or else any that has a recovery, to be refused."""
        request = tickets.ListTicketsRequest(parent=self.tenant.name, page_size=1000)
        listed = (await self.tenant.agent(AGENTS[0]).tickets.ListTickets(request)).tickets
        found = [ticket for ticket in listed if ticket.name in self.tickets]
        fitting = [ticket for ticket in found if ticket.contact_state == state]
        live = [ticket for ticket in found if ticket.recovery]
        return self.choose(fitting if fitting and self.rng.random() < 0.8 else live)

    async def agent(self, ticket: Ticket) -> str:
        """The ticket's assignee, or the agent who takes it now."""
        found = (await self.tenant.get(ticket, AGENTS[0])).assignee.rpartition("/")[2]
        if not found:
            found = self.rng.choice(AGENTS)
            await self.tenant.agent(found).tickets.TakeTicket(tickets.TakeTicketRequest(name=ticket.name))
        return found
