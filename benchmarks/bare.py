"""The bare stack: a gRPC server that only reads and writes with asyncpg.

It has no tokens, rules, logs, activities or outbox, so its cost is that of gRPC, protobuf and PostgreSQL alone.

    python -m benchmarks.bare DATABASE_URL    prints its port
"""

from __future__ import annotations

import asyncio
import sys

import asyncpg
import grpc
from google.protobuf.message import Message

from care.v1.conversation_service_pb2 import AddNoteRequest, AddNoteResponse
from care.v1.message_pb2 import Message as ThreadMessage
from care.v1.ticket_pb2 import Ticket
from care.v1.ticket_service_pb2 import GetTicketRequest, GetTicketResponse

Context = grpc.aio.ServicerContext[Message, Message]

_TABLES = """
    CREATE TABLE bare_tickets (number bigint PRIMARY KEY, version bigint NOT NULL, subject text NOT NULL);
    CREATE TABLE bare_notes (ticket bigint NOT NULL, number bigint NOT NULL, text text NOT NULL);
    INSERT INTO bare_tickets SELECT n, 1, 'Cold soup' FROM generate_series(1, 64) n;
"""


class Handlers:
    """GetTicket as one SELECT, and AddNote as a transaction of locking, updating and inserting."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def get_ticket(self, request: GetTicketRequest, context: Context) -> GetTicketResponse:
        """Reads the ticket."""
        number = int(request.name.rpartition("/")[2])
        row = await self._pool.fetchrow("SELECT version, subject FROM bare_tickets WHERE number = $1", number)
        if row is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such ticket")
        ticket = Ticket(name=request.name, number=number, subject=row["subject"], etag=str(row["version"]))
        return GetTicketResponse(ticket=ticket)

    async def add_note(self, request: AddNoteRequest, _: Context) -> AddNoteResponse:
        """Locks the ticket, increments its version and inserts the note."""
        number = int(request.parent.rpartition("/")[2])
        async with self._pool.acquire() as connection, connection.transaction():
            version = await connection.fetchval("SELECT version FROM bare_tickets WHERE number = $1 FOR UPDATE", number)
            await connection.execute("UPDATE bare_tickets SET version = $2 WHERE number = $1", number, version + 1)
            await connection.execute("INSERT INTO bare_notes VALUES ($1, $2, $3)", number, version + 1, request.text)
        return AddNoteResponse(message=ThreadMessage(text=request.text))

    def add_to(self, server: grpc.aio.Server) -> None:
        """Registers the two methods under the names of the contract."""
        get = grpc.unary_unary_rpc_method_handler(
            self.get_ticket, GetTicketRequest.FromString, GetTicketResponse.SerializeToString
        )
        add = grpc.unary_unary_rpc_method_handler(
            self.add_note, AddNoteRequest.FromString, AddNoteResponse.SerializeToString
        )
        server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler("care.v1.TicketService", {"GetTicket": get}),
                grpc.method_handlers_generic_handler("care.v1.ConversationService", {"AddNote": add}),
            )
        )


async def main(url: str) -> None:
    """Serves until the process is terminated."""
    async with asyncpg.create_pool(url, min_size=10, max_size=20) as pool:
        await pool.execute(_TABLES)
        server = grpc.aio.server()
        Handlers(pool).add_to(server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        print(port, flush=True)
        await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
