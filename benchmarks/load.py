"""The load generator: clients of grpc.aio in the process of the benchmark."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Awaitable, Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Final

from benchmarks.measure import cpu_seconds

CONCURRENCY: Final = 16
"""Calls in flight per server process."""

DESCRIPTION: Final = (
    f"grpc.aio {version('grpcio')} on Python {platform.python_version()}, {CONCURRENCY} calls in flight per process"
)

Call = Callable[[int], Awaitable[object]]
"""Makes the call with this index."""


async def run(call: Call, indices: Iterator[int], count: int, concurrency: int = CONCURRENCY) -> None:
    """Makes `count` calls with the next indices, `concurrency` at a time."""
    places = iter(range(count))

    async def work() -> None:
        for _ in places:
            await call(next(indices))

    await asyncio.gather(*(work() for _ in range(min(concurrency, count))))


async def cpu_per_call(
    pids: Sequence[int], call: Call, indices: Iterator[int], count: int, concurrency: int = CONCURRENCY
) -> float:
    """Makes `count` calls. Returns the CPU time that these processes used per call, in microseconds."""
    before = cpu_seconds(*pids)
    await run(call, indices, count, concurrency)
    return (cpu_seconds(*pids) - before) / count * 1e6
