"""The texts that the random acts write, the people who may see each text, and the links of these people."""

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
"""The owner of texts that everybody may see: on a review site and in a form."""


class NothingFitsError(Exception):
    """There is nothing yet to which an act applies."""


@dataclass
class World:
    """The state of a run, as the module says."""

    tenant: Tenant
    rng: Random
    browser: httpx.AsyncClient
    """A client of the customer pages."""
    channel: grpc.aio.Channel
    """A channel to the service, without the error handling of care_client."""
    owners: dict[bytes, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The addresses of the people who may see a marker, by marker."""
    forms: dict[str, Recovery] = field(default_factory=dict)
    chats: dict[str, str] = field(default_factory=dict)
    """The address to which a private link was sent, by the token of the link."""
    places: dict[str, str] = field(default_factory=dict)
    """The ticket of the chat, by the token of the link."""
    sent: dict[str, str] = field(default_factory=dict)
    """The recipient of an email, by the message id that an answer refers to."""
    tickets: list[str] = field(default_factory=list)
    etags: dict[str, str] = field(default_factory=dict)
    """The etags of the tickets at the last look."""
    done: list[str] = field(default_factory=list)
    shown: int = 0
    """The number of markers that their owners have seen. A run without any would prove nothing."""

    def text(self, text: str, *owners: str) -> str:
        marker = f"zqm{len(self.owners)}x"
        self.owners[marker.encode()].update(owners)
        return f"{text} {marker}"

    def address(self) -> str:
        """Returns the address of a new person."""
        marker = f"zqm{len(self.owners)}x"
        self.owners[marker.encode()].add(f"{marker}@example.com")
        return f"{marker}@example.com"

    @contextmanager
    def only(self, ticket: Ticket) -> Iterator[None]:
        """All acts in the block choose this ticket."""
        everything, self.tickets = self.tickets, [ticket.name]
        try:
            yield
        finally:
            self.tickets = everything

    def choose(self, found: Sequence[T]) -> T:
        """Chooses one at random. Raises NothingFitsError if there is none."""
        if not found:
            raise NothingFitsError
        return self.rng.choice(found)

    def ticket(self) -> Ticket:
        return Ticket(name=self.choose(self.tickets))

    def one_of(self, known: dict[str, str]) -> tuple[str, str]:
        """Chooses mostly one of the latest items, because the contacts of earlier items may have been rejected."""
        items = list(known.items())
        return self.choose(items[-4:] if self.rng.random() < 0.7 else items)

    async def ticket_at(self, state: ContactState.ValueType) -> Ticket:
        """Chooses mostly a ticket in this contact state, otherwise any ticket with a recovery, for a refusal."""
        request = tickets.ListTicketsRequest(parent=self.tenant.name, page_size=1000)
        listed = (await self.tenant.agent(AGENTS[0]).tickets.ListTickets(request)).tickets
        found = [ticket for ticket in listed if ticket.name in self.tickets]
        fitting = [ticket for ticket in found if ticket.contact_state == state]
        live = [ticket for ticket in found if ticket.recovery]
        return self.choose(fitting if fitting and self.rng.random() < 0.8 else live)

    async def agent(self, ticket: Ticket) -> str:
        """Returns the assignee of the ticket. An unassigned ticket is taken first."""
        found = (await self.tenant.get(ticket, AGENTS[0])).assignee.rpartition("/")[2]
        if not found:
            found = self.rng.choice(AGENTS)
            await self.tenant.agent(found).tickets.TakeTicket(tickets.TakeTicketRequest(name=ticket.name))
        return found
