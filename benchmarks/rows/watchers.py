"""Many open streams: what they cost while idle, and one change that reaches all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Final, Self

from benchmarks.bench import Bench, Figures
from benchmarks.catalog import BARE, CARE, WATCHERS
from benchmarks.measure import Figure, alternate, cpu_seconds, resident_bytes
from benchmarks.rows.tickets import Team, open_bare, open_care
from benchmarks.servers import Keys, Server, connect, serve_bare, serve_care
from care.v1.conversation_service_pb2 import AddNoteRequest
from care.v1.ticket_service_pb2 import WatchTicketsRequest, WatchTicketsResponse
from care_client.client import CareClient
from care_dev.stack.secrets import Role

_CHANNELS: Final = 8
_TOGETHER: Final = 200
"""How many streams are opened at once. If more than a thousand calls wait, gRPC cancels some of them."""

Stream = AsyncIterator[WatchTicketsResponse]


@dataclass
class _Side:
    """One server with its streams."""

    server: Server
    team: Team
    clients: Sequence[CareClient]
    streams: list[Stream]

    @classmethod
    async def open(cls, stack: AsyncExitStack, server: Server, team: Team, keys: Keys | None) -> Self:
        """Opens the channels, without a stream."""
        token = keys.mint("bench", "alice", Role.AGENT) if keys else None
        clients = [await stack.enter_async_context(connect(server, token)) for _ in range(_CHANNELS)]
        await team.prepare(1)
        return cls(server, team, clients, [])

    async def watch(self, number: int) -> None:
        """Opens streams until there are `number`."""
        request = WatchTicketsRequest(parent=self.team.parent)
        while len(self.streams) < number:
            begin = len(self.streams)
            more: list[Stream] = [
                aiter(self.clients[at % _CHANNELS].tickets.WatchTickets(request))
                for at in range(begin, min(begin + _TOGETHER, number))
            ]
            for first in await asyncio.gather(*(anext(stream) for stream in more)):
                assert not first.HasField("activity")
            self.streams += more

    async def change(self) -> None:
        """Adds a note, and waits until each stream has it."""
        reads = asyncio.gather(*(_next_change(stream) for stream in self.streams))
        await asyncio.sleep(0)  # all reads start before the change
        request = AddNoteRequest(parent=self.team.taken[0], text="Called back.")
        added = (await self.team.agent.conversations.AddNote(request)).message.name
        assert set(await reads) == {added}


async def _next_change(stream: Stream) -> str:
    """Returns the name of the next change's message. Skips heartbeats."""
    while True:
        change = await anext(stream)
        if change.HasField("activity"):
            return change.message.name


async def measure(bench: Bench) -> AsyncIterator[tuple[str, Figures]]:
    """Measures the rows of watchers."""
    if not bench.wants(*(row.key for row in WATCHERS)):
        return
    if bench.wants("idle_watchers_memory", "idle_watchers_cpu"):
        bench.say("Idle watchers")
        async with _open_sides(bench, "idle") as sides:
            for row, figures in (await _idle(bench, sides)).items():
                if bench.wants(row):
                    yield row, figures
    if bench.wants("fan_out", "fan_out_time"):
        bench.say("One change to many watchers")
        async with _open_sides(bench, "fan_out") as sides:
            for row, figures in (await _fan_out(bench, sides)).items():
                if bench.wants(row):
                    yield row, figures


@asynccontextmanager
async def _open_sides(bench: Bench, name: str) -> AsyncIterator[dict[str, _Side]]:
    async with AsyncExitStack() as stack:
        bare = await stack.enter_async_context(serve_bare(bench.postgres.create_database(f"{name}_bare")))
        care = await stack.enter_async_context(serve_care(bench.postgres.create_database(name), bench.keys))
        care_team = await stack.enter_async_context(open_care(care, bench.keys))
        bare_team = await stack.enter_async_context(open_bare(bare))
        yield {
            CARE: await _Side.open(stack, care, care_team, bench.keys),
            BARE: await _Side.open(stack, bare, bare_team, None),
        }


async def _fan_out(bench: Bench, sides: dict[str, _Side]) -> dict[str, Figures]:
    times: dict[str, list[float]] = {side: [] for side in sides}
    for side in sides.values():
        await side.watch(bench.effort.watchers)
        await side.change()  # the streams began at different positions, and this change brings all to the same one

    async def milliseconds_of_cpu(name: str) -> float:
        side, changes = sides[name], bench.effort.changes
        before, start = cpu_seconds(side.server.pid), perf_counter()
        for _ in range(changes):
            await side.change()
        times[name].append((perf_counter() - start) / changes * 1e3)
        return (cpu_seconds(side.server.pid) - before) / changes * 1e3

    cpu = await alternate(bench.effort.rounds, {name: partial(milliseconds_of_cpu, name) for name in sides})
    return {"fan_out": cpu, "fan_out_time": {name: Figure.of(rounds) for name, rounds in times.items()}}


async def _idle(bench: Bench, sides: dict[str, _Side]) -> dict[str, Figures]:
    window, step = bench.effort.watch_window, bench.effort.idle_watchers // bench.effort.rounds

    async def kilobytes(name: str) -> float:
        """Opens the streams of one round. Returns the memory per stream in kilobytes."""
        side = sides[name]
        before = resident_bytes(side.server.pid)
        await side.watch(len(side.streams) + step)
        return (resident_bytes(side.server.pid) - before) / step / 1e3

    memory = await alternate(bench.effort.rounds, {name: partial(kilobytes, name) for name in sides})

    async def percent(name: str) -> float:
        """Returns the CPU of one window as a percentage of a core."""
        before = cpu_seconds(sides[name].server.pid)
        await asyncio.sleep(window)
        return (cpu_seconds(sides[name].server.pid) - before) / window * 100

    rounds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(bench.effort.rounds):
        # Both sides are idle at the same time.
        for name, found in zip(sides, await asyncio.gather(*(percent(name) for name in sides)), strict=True):
            rounds[name].append(found)
    cpu = {name: Figure.of(found) for name, found in rounds.items()}
    return {"idle_watchers_memory": memory, "idle_watchers_cpu": cpu}
