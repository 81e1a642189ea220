"""Serves the bare stack until the process is terminated.

python -m benchmarks.bare DATABASE_URL    prints the port of the server
"""

from __future__ import annotations

import asyncio
import sys

import asyncpg
import grpc

from benchmarks.bare.conversation import Conversation
from benchmarks.bare.echo import add_echo
from benchmarks.bare.tables import SCHEMA
from benchmarks.bare.tickets import Tickets
from benchmarks.bare.watchers import Watchers


async def main(url: str) -> None:
    """Creates the tables and serves."""
    async with asyncpg.create_pool(url, min_size=10, max_size=20) as pool:
        await pool.execute(SCHEMA)
        server = grpc.aio.server()
        watchers = Watchers()
        Tickets(pool, watchers).add_to(server)
        Conversation(pool, watchers).add_to(server)
        add_echo(server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        print(port, flush=True)
        await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
