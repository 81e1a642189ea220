"""The bare TicketService: a read is one SELECT, and a write is a transaction of four statements."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, NoReturn

import grpc

from benchmarks.bare.methods import Context, add_service, stream, unary
from benchmarks.bare.tables import Pool, split_name, ticket_message
from benchmarks.bare.watchers import Watchers
from care.v1 import ticket_service_pb2 as pb
from care.v1.ticket_pb2 import TicketPriority

_GET: Final = "SELECT * FROM bare_tickets WHERE organization = $1 AND number = $2"
_LOCK: Final = f"{_GET} FOR UPDATE"
_LIST: Final = "SELECT * FROM bare_tickets WHERE organization = $1 ORDER BY number DESC LIMIT $2"
_UPDATE: Final = """
    UPDATE bare_tickets
    SET version = $3, subject = $4, description = $5, priority = $6, labels = $7, update_time = now()
    WHERE organization = $1 AND number = $2 RETURNING *
"""
_TAKE: Final = """
    UPDATE bare_tickets SET version = $3, assignee = $4, update_time = now()
    WHERE organization = $1 AND number = $2 RETURNING *
"""
_NUMBER: Final = "SELECT nextval('bare_numbers')"
_CREATE: Final = """
    INSERT INTO bare_tickets (organization, number, subject, description, location, contact_state, customer_name,
        customer_email, customer_phone)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *
"""


class Tickets:
    """The methods of TicketService that the benchmark calls."""

    def __init__(self, pool: Pool, watchers: Watchers) -> None:
        self._pool = pool
        self._watchers = watchers

    def add_to(self, server: grpc.aio.Server) -> None:
        """Registers the methods."""
        handlers = {
            "GetTicket": unary(self.get_ticket, pb.GetTicketRequest),
            "ListTickets": unary(self.list_tickets, pb.ListTicketsRequest),
            "CreateTicket": unary(self.create_ticket, pb.CreateTicketRequest),
            "UpdateTicket": unary(self.update_ticket, pb.UpdateTicketRequest),
            "TakeTicket": unary(self.take_ticket, pb.TakeTicketRequest),
            "WatchTickets": stream(self.watch_tickets, pb.WatchTicketsRequest),
        }
        add_service(server, "care.v1.TicketService", handlers)

    async def get_ticket(self, request: pb.GetTicketRequest, context: Context) -> pb.GetTicketResponse:
        """Reads the ticket."""
        row = await self._pool.fetchrow(_GET, *split_name(request.name))
        return pb.GetTicketResponse(ticket=ticket_message(row or await _not_found(context)))

    async def list_tickets(self, request: pb.ListTicketsRequest, _: Context) -> pb.ListTicketsResponse:
        """Reads the newest tickets, and one more to know whether there is a next page."""
        size = request.page_size
        rows = await self._pool.fetch(_LIST, request.parent.partition("/")[2], size + 1)
        token = str(rows[size - 1]["number"]) if len(rows) > size else ""
        return pb.ListTicketsResponse(tickets=map(ticket_message, rows[:size]), next_page_token=token)

    async def create_ticket(self, request: pb.CreateTicketRequest, _: Context) -> pb.CreateTicketResponse:
        """Takes a number, and inserts the ticket with its contact."""
        organization, given, contact = request.parent.partition("/")[2], request.ticket, request.contact
        values = (
            *(given.subject, given.description, given.location.rpartition("/")[2]),
            "CHAT_UNLOCKED" if contact.email else "NO_CONTACT",
            *(contact.display_name, contact.email, contact.phone),
        )
        async with self._pool.acquire() as connection, connection.transaction():
            number = await connection.fetchval(_NUMBER)
            row = await connection.fetchrow(_CREATE, organization, number, *values)
        assert row is not None
        return pb.CreateTicketResponse(ticket=ticket_message(row))

    async def update_ticket(self, request: pb.UpdateTicketRequest, context: Context) -> pb.UpdateTicketResponse:
        """Locks the ticket, and sets the fields of the mask."""
        given, paths = request.ticket, set(request.update_mask.paths)
        place = split_name(given.name)
        async with self._pool.acquire() as connection, connection.transaction():
            found = await connection.fetchrow(_LOCK, *place) or await _not_found(context)
            priority = TicketPriority.Name(given.priority).removeprefix("TICKET_PRIORITY_")
            row = await connection.fetchrow(
                *(_UPDATE, *place, found["version"] + 1),
                given.subject if "subject" in paths else found["subject"],
                given.description if "description" in paths else found["description"],
                priority if "priority" in paths else found["priority"],
                list(given.labels) if "labels" in paths else found["labels"],
            )
        assert row is not None
        return pb.UpdateTicketResponse(ticket=ticket_message(row))

    async def take_ticket(self, request: pb.TakeTicketRequest, context: Context) -> pb.TakeTicketResponse:
        """Locks the ticket, and assigns it to the only agent of the bare stack."""
        place = split_name(request.name)
        async with self._pool.acquire() as connection, connection.transaction():
            found = await connection.fetchrow(_LOCK, *place) or await _not_found(context)
            row = await connection.fetchrow(_TAKE, *place, found["version"] + 1, found["assignee"] or "alice")
        assert row is not None
        return pb.TakeTicketResponse(ticket=ticket_message(row))

    async def watch_tickets(
        self, request: pb.WatchTicketsRequest, _: Context
    ) -> AsyncIterator[pb.WatchTicketsResponse]:
        """Streams the changes of an organization from now on."""
        async for change in self._watchers.changes(request.parent):
            yield change


async def _not_found(context: Context) -> NoReturn:
    await context.abort(grpc.StatusCode.NOT_FOUND, "no such ticket")
    raise AssertionError("abort raises")
