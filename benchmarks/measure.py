"""Measures in alternating rounds, so that other load on the machine affects all sides equally."""

from __future__ import annotations

import platform
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import psutil

Round = Callable[[], Awaitable[float]]
"""Measures one side once, and returns the figure in the unit of its row."""


@dataclass(frozen=True, slots=True)
class Figure:
    """The result of all rounds of one side."""

    median: float
    low: float
    """The lowest round."""
    high: float
    """The highest round."""

    @classmethod
    def of(cls, rounds: Sequence[float]) -> Figure:
        """Returns the figure of at least one round."""
        return cls(median(rounds), min(rounds), max(rounds))


async def alternate(count: int, sides: Mapping[str, Round]) -> dict[str, Figure]:
    """Runs `count` rounds of each side, alternately, and returns each side's figure."""
    found: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(count):
        for side, measure in sides.items():
            found[side].append(await measure())
    return {side: Figure.of(rounds) for side, rounds in found.items()}


def cpu_seconds(*pids: int) -> float:
    """Returns the CPU time in seconds that these processes have used so far."""
    if platform.system() == "Linux":
        # This is the CPU clock of another process, see clock_getcpuclockid(3). psutil counts hundredths of a second.
        return sum(time.clock_gettime(~pid << 3 | 2) for pid in pids)
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(each.user + each.system for each in times)


def resident_bytes(pid: int) -> int:
    """Returns the resident memory of a process in bytes."""
    return int(psutil.Process(pid).memory_info().rss)
