"""The CPU time per call when several service processes share a database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import count
from typing import Final

from benchmarks import load
from benchmarks.bench import Bench, Figures
from benchmarks.catalog import ONE, PROCESSES
from benchmarks.measure import Round, alternate
from benchmarks.rows.tickets import Team, open_care
from benchmarks.servers import Server, serve_care
from care.v1.conversation_service_pb2 import AddNoteRequest
from care.v1.ticket_service_pb2 import GetTicketRequest

_COUNTS: Final = {"two_processes": 2, "four_processes": 4}
_TICKETS: Final = 128
"""More tickets than calls in flight with four processes."""
_POOL: Final = {"CARE_DATABASE_POOL_SIZE": "10"}
"""With these pools, all processes together use fewer connections than PostgreSQL allows by default."""


async def measure(bench: Bench) -> AsyncIterator[tuple[str, Figures]]:
    """Measures one process beside two and beside four."""
    rows = [row for row in PROCESSES if bench.wants(row.key)]
    if not rows:
        return
    bench.say("Several processes")
    url = bench.postgres.create_database("processes")
    async with AsyncExitStack() as stack:
        servers: list[Server] = []
        teams: list[Team] = []
        for _ in range(max(_COUNTS[row.key] for row in rows)):
            servers.append(await stack.enter_async_context(serve_care(url, bench.keys, variables=_POOL)))
            teams.append(await stack.enter_async_context(open_care(servers[-1], bench.keys)))
        await teams[0].prepare(_TICKETS)
        for row in rows:
            number = _COUNTS[row.key]
            sides = {
                row.sides[0]: await _begin(bench, servers[:number], teams[:number]),
                ONE: await _begin(bench, servers[:1], teams[:1]),
            }
            yield row.key, await alternate(bench.effort.rounds, sides)


async def _begin(bench: Bench, servers: list[Server], teams: list[Team]) -> Round:
    """Warms the processes up, and returns their round."""
    tickets = teams[0].taken

    async def call(index: int) -> None:
        """Reads a ticket, or adds a note, at the process whose turn it is."""
        team, ticket = teams[index // 2 % len(teams)], tickets[index % _TICKETS]
        if index % 2:
            await team.agent.conversations.AddNote(AddNoteRequest(parent=ticket, text="Called back."))
        else:
            await team.agent.tickets.GetTicket(GetTicketRequest(name=ticket))

    indices, concurrency = count(), load.CONCURRENCY * len(servers)
    await load.run(call, indices, bench.effort.calls // 4, concurrency)
    pids = [server.pid for server in servers]
    return lambda: load.cpu_per_call(pids, call, indices, bench.effort.calls, concurrency)
