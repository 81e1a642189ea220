"""The cost of a server without load: its imports, its start, and its memory after the first call."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from functools import partial
from time import perf_counter
from typing import Final

from benchmarks.bench import Bench, Figures
from benchmarks.catalog import BARE, CARE
from benchmarks.measure import Figure, alternate, resident_bytes
from benchmarks.rows.tickets import open_bare, open_care
from benchmarks.servers import serve_bare, serve_care
from care_dev.stack.processes import inherited_environment

_IMPORTS: Final = {CARE: "care_cli.app, care_service.running.main", BARE: "benchmarks.bare.__main__"}
_PROGRAM: Final = "import time; before = time.process_time(); import {}; print(time.process_time() - before)"


async def measure(bench: Bench) -> AsyncIterator[tuple[str, Figures]]:
    """Measures the rows of the start."""
    if bench.wants("import_time"):
        bench.say("Imports")
        for side in _IMPORTS:  # so that compiled modules are cached
            await _import(side)
        yield (
            "import_time",
            await alternate(bench.effort.rounds, {side: partial(_import, side) for side in _IMPORTS}),
        )
    if bench.wants("memory", "start_time"):
        bench.say("Starts")
        memory, times = await _start(bench)
        for row, found in (("memory", memory), ("start_time", times)):
            if bench.wants(row):
                yield row, {side: Figure.of(rounds) for side, rounds in found.items()}


async def _import(side: str) -> float:
    """Returns the CPU time in seconds of the imports in a new interpreter."""
    program = _PROGRAM.format(_IMPORTS[side])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program), env=inherited_environment(), stdout=PIPE
    )
    output, _ = await process.communicate()
    return float(output)


async def _start(bench: Bench) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Returns the memory in MB and the seconds of each start, by side.

    Care's tables exist before its first measured start. The bare stack creates its tables at each start.
    """
    memory: dict[str, list[float]] = {CARE: [], BARE: []}
    times: dict[str, list[float]] = {CARE: [], BARE: []}
    url = bench.postgres.create_database("start")
    async with serve_care(url, bench.keys):  # creates the tables
        pass
    for number in range(bench.effort.rounds):
        began = perf_counter()
        async with serve_care(url, bench.keys) as care:
            times[CARE].append(perf_counter() - began)
            async with open_care(care, bench.keys) as team:
                await team.create()
            memory[CARE].append(resident_bytes(care.pid) / 1e6)
        bare_url = bench.postgres.create_database(f"start_bare_{number}")
        began = perf_counter()
        async with serve_bare(bare_url) as bare:
            times[BARE].append(perf_counter() - began)
            async with open_bare(bare) as team:
                await team.create()
            memory[BARE].append(resident_bytes(bare.pid) / 1e6)
    return memory, times
