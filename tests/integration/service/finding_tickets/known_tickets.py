"""Seven known tickets, and short calls that find them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from care.v1 import ticket_service_pb2 as tickets
from care.v1.ticket_pb2 import (
    TICKET_PRIORITY_HIGH,
    TICKET_PRIORITY_LOW,
    TICKET_PRIORITY_URGENT,
    Ticket,
    TicketPriority,
)
from tests.integration.service.clocks import SettableClock
from tests.support.tenant import Tenant


@dataclass
class World:
    """Seven tickets, named A to G. Each was created an hour after the one before."""

    tenant: Tenant
    clock: SettableClock
    start: datetime
    letters: dict[str, str] = field(default_factory=dict)
    """The letter of each ticket, by the name of the ticket."""
    reference: str = ""

    def names(self) -> dict[str, str]:
        """The values of the placeholders in filters: {o}, {A} to {G}, {reference}, and the hours {t0} to {t9}."""
        hours = {f"t{hour}": (self.start + timedelta(hours=hour)).isoformat() for hour in range(10)}
        own = {letter: name for name, letter in self.letters.items()}
        return {"o": self.tenant.name, "reference": self.reference, **own, **hours}

    async def page(
        self, text: str = "", order: str = "", size: int = 0, token: str = ""
    ) -> tickets.ListTicketsResponse:
        request = tickets.ListTicketsRequest(
            parent=self.tenant.name,
            filter=text.format_map(self.names()),
            order_by=order,
            page_size=size,
            page_token=token,
            include_total_size=True,
        )
        return await self.tenant.service.tickets.ListTickets(request)

    async def find(self, text: str, order: str = "") -> str:
        page = await self.page(text, order)
        return "".join(self.letters[ticket.name] for ticket in page.tickets)


async def _raise(
    tenant: Tenant,
    *,
    stars: int = 0,
    text: str = "",
    by: str | None = None,
    priority: TicketPriority.ValueType = TicketPriority.TICKET_PRIORITY_NORMAL,
    labels: tuple[str, ...] = (),
    location: str = "soho",
    subject: str = "",
    description: str = "",
    external_reference: str = "",
) -> Ticket:
    review = (await tenant.review(stars, text)).name if stars else ""
    place = "" if review else f"{tenant.name}/locations/{location}"
    given = Ticket(
        review=review,
        location=place,
        subject=subject,
        description=description,
        priority=priority,
        labels=labels,
        external_reference=external_reference,
    )
    client = tenant.agent(by) if by else tenant.service
    return (await client.tickets.CreateTicket(tickets.CreateTicketRequest(parent=tenant.name, ticket=given))).ticket


async def _take(tenant: Tenant, ticket: Ticket, agent: str) -> None:
    await tenant.agent(agent).tickets.TakeTicket(tickets.TakeTicketRequest(name=ticket.name))


async def make_tickets(world: World) -> None:
    tenant, alice = world.tenant, world.tenant.agent("alice").tickets

    async def known(letter: str, ticket: Ticket) -> Ticket:
        world.letters[ticket.name] = letter
        return ticket

    await known("A", await _raise(tenant, stars=1, text="Cold soup.", priority=TICKET_PRIORITY_HIGH, labels=("vip",)))
    world.clock.advance(hours=1)
    given = await _raise(
        tenant,
        by="bob",
        location="camden",
        subject="Late pizza",
        description="Waited an hour: the soup was hot, the pizza cold.",
        priority=TICKET_PRIORITY_LOW,
        labels=("vip", "food"),
        external_reference="ORD-1042",
    )
    ticket = await known("B", given)
    await _take(tenant, ticket, "alice")
    await alice.StartTicket(tickets.StartTicketRequest(name=ticket.name))
    world.clock.advance(hours=1)
    ticket = await known("C", await _raise(tenant, stars=3, text="Слишком холодный СУП, don't go"))
    await _take(tenant, ticket, "alice")
    await alice.ResolveTicket(tickets.ResolveTicketRequest(name=ticket.name))
    world.clock.advance(hours=1)
    ticket = await known("D", await _raise(tenant, stars=5, text="Great pizza", priority=TICKET_PRIORITY_URGENT))
    await _take(tenant, ticket, "alice")
    await alice.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
    world.clock.advance(hours=1)
    ticket = await known("E", await _raise(tenant, by="alice", subject="Lost umbrella", external_reference="ORD-1042"))
    await _take(tenant, ticket, "bob")
    world.clock.advance(hours=1)
    ticket = await known("F", await _raise(tenant, stars=2, text="The waiter's late"))
    await _take(tenant, ticket, "alice")
    recovery = await tenant.form(ticket)
    await tenant.posted(recovery)
    world.reference = recovery.name[-8:].upper()
    world.clock.advance(hours=1)
    ticket = await known("G", await _raise(tenant, by="bob", subject="Old question", external_reference="X 7: ümlaut"))
    async with tenant.care.database.driver() as connection:
        # Closes the ticket for inactivity, without the wait.
        await connection.execute(
            "UPDATE tickets SET status = 'CLOSED', close_reason = 'INACTIVITY'"
            " WHERE organization = $1 AND subject = 'Old question'",
            tenant.id,
        )
    world.clock.advance(hours=1)
    # An hour after the last ticket was created, B changes.
    note = tickets.UpdateTicketRequest(ticket=Ticket(name=_of(world, "B"), subject="Late cold pizza"))
    await alice.UpdateTicket(note)


def _of(world: World, letter: str) -> str:
    return next(name for name, found in world.letters.items() if found == letter)
