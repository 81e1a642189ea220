"""The rows that need Temporal: the idle stack, recoveries, and the start of a workflow after a commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from benchmarks.bench import Bench, Figures
from benchmarks.catalog import CARE, STACK
from benchmarks.measure import alternate, cpu_seconds
from benchmarks.rows import recoveries, workflow_starts
from care_dev.stack.ports import PORT_COUNT
from care_dev.stack.processes import Part, Silent
from care_dev.stack.stack import running
from tools import ports

_EXTERNAL: Final = frozenset({"postgres", "temporal"})
"""The parts that are not Care's."""


class _Pids(Silent):
    """Remembers the process of each part."""

    def __init__(self) -> None:
        self.pids: dict[str, int] = {}

    def healthy(self, part: Part, pid: int) -> None:
        self.pids[part.name] = pid


async def measure(bench: Bench) -> AsyncIterator[tuple[str, Figures]]:
    """Starts the whole stack and measures the rows that need it."""
    if not bench.wants(*(row.key for row in STACK)):
        return
    bench.say("Starting the stack")
    pids = _Pids()
    async with running(bench.folder / "stack", ports.first_free(PORT_COUNT), pids) as stack:
        if bench.wants("idle_stack"):
            bench.say("The idle stack")
            yield "idle_stack", await _idle(bench, [pid for name, pid in pids.pids.items() if name not in _EXTERNAL])
        if bench.wants(*recoveries.KEYS):
            bench.say("Recoveries")
            for key, figures in (await recoveries.compare(bench, stack, pids.pids)).items():
                if bench.wants(key):
                    yield key, figures
        if bench.wants("workflow_start"):
            bench.say("Starts of workflows")
            yield "workflow_start", await workflow_starts.compare(bench, stack.urls.temporal)


async def _idle(bench: Bench, pids: list[int]) -> Figures:
    window = bench.effort.window

    async def percent() -> float:
        before = cpu_seconds(*pids)
        await asyncio.sleep(window)
        return (cpu_seconds(*pids) - before) / window * 100

    await asyncio.sleep(window)  # the work that runs once after the start does not count
    return await alternate(bench.effort.rounds, {CARE: percent})
