"""The rows of the benchmark: what each measures, how its sides compare, and its goal.

The keys are those of `results.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from benchmarks.measure import Figure

CARE: Final = "care"
BARE: Final = "bare"
SMALL: Final = "1,000 tickets"
LARGE: Final = "1,000,000 tickets"
MINIMAL: Final = "minimal workflow"
DIRECT: Final = "direct start"
ONE: Final = "one process"

_CALL: Final = "µs of CPU per call"


class Bound(StrEnum):
    """Whether a goal is a minimum or a maximum."""

    AT_LEAST = "≥"
    AT_MOST = "≤"


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound of a row's ratio, or of one side's figure."""

    bound: Bound
    value: float
    side: str = ""
    """The side whose figure the goal bounds. If empty, the goal bounds the row's ratio."""

    def is_met(self, value: float) -> bool:
        """Returns whether a ratio or a figure meets the goal."""
        return value >= self.value if self.bound is Bound.AT_LEAST else value <= self.value


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

    key: str
    title: str
    unit: str
    sides: tuple[str, ...]
    """The sides in the order of the table. The first is the subject of the row."""
    divided: tuple[str, str] | None = None
    """The sides whose medians make the ratio: the first divided by the second. None for a row without a ratio."""
    goal: Goal | None = None
    digits: int = 0
    """The decimal places that the table shows."""

    def ratio(self, figures: Mapping[str, Figure]) -> float | None:
        """Returns the ratio of the medians; None if the row has no ratio or the divisor is not positive."""
        if self.divided is None:
            return None
        numerator, denominator = (figures[side].median for side in self.divided)
        return numerator / denominator if denominator > 0 else None

    def judged(self, figures: Mapping[str, Figure]) -> float | None:
        """Returns the value that the goal bounds; None for a row without a goal or without this value."""
        if self.goal is None:
            return None
        return figures[self.goal.side].median if self.goal.side else self.ratio(figures)


def _call(key: str, title: str, goal: float) -> Row:
    return Row(key, title, _CALL, (CARE, BARE), (BARE, CARE), Goal(Bound.AT_LEAST, goal))


def _at_scale(key: str, title: str, goal: Goal) -> Row:
    return Row(key, title, "ms", (LARGE, SMALL), (LARGE, SMALL), goal, digits=1)


CALLS: Final = (
    _call("get_ticket", "GetTicket", 0.9),
    _call("update_ticket", "UpdateTicket", 0.9),
    _call("add_note", "AddNote", 0.9),
    _call("send_message", "SendMessage", 0.8),
    _call("take_ticket", "TakeTicket", 0.8),
    _call("create_ticket", "CreateTicket", 0.8),
    _call("list_tickets", "ListTickets, 25 tickets", 0.7),
    Row("grpc_echo", "gRPC echo alone", _CALL, (BARE,)),
)
PROCESSES: Final = tuple(
    Row(
        f"{count}_processes",
        f"Reads and notes, {count} processes",
        _CALL,
        (f"{count} processes", ONE),
        (f"{count} processes", ONE),
        Goal(Bound.AT_MOST, 1.05),
    )
    for count in ("two", "four")
)
SCALE: Final = (
    _at_scale("count_tickets", "CountTickets, all", Goal(Bound.AT_MOST, 10, LARGE)),
    _at_scale("page", "A page of 50 tickets", Goal(Bound.AT_MOST, 1.1)),
    _at_scale("page_with_total_size", "The same with include_total_size", Goal(Bound.AT_MOST, 15, LARGE)),
)
START: Final = (
    Row("memory", "Memory after the first call", "MB", (CARE, BARE), goal=Goal(Bound.AT_MOST, 110, CARE)),
    Row(
        *("import_time", "Importing the service", "s of CPU", (CARE, BARE)),
        goal=Goal(Bound.AT_MOST, 0.6, CARE),
        digits=2,
    ),
    Row("start_time", "Starting until SERVING", "s", (CARE, BARE), digits=2),
)
STACK: Final = (
    Row(
        *("idle_stack", "The idle stack, Care's parts alone", "% of a core", (CARE,)),
        goal=Goal(Bound.AT_MOST, 0.5, CARE),
        digits=2,
    ),
    Row(
        *("recoveries", "Recoveries", "per second", (CARE, MINIMAL), (CARE, MINIMAL), Goal(Bound.AT_LEAST, 0.7)),
        digits=1,
    ),
    Row("recovery_worker_cpu", "Worker's CPU per recovery", "ms", (CARE, MINIMAL), (CARE, MINIMAL), digits=1),
    Row("recovery_temporal_cpu", "Temporal's CPU per recovery", "ms", (CARE, MINIMAL), (CARE, MINIMAL), digits=1),
    Row(
        *("workflow_start", "From commit to workflow start", "ms", (CARE, DIRECT), (CARE, DIRECT)),
        Goal(Bound.AT_MOST, 1.5),
        digits=2,
    ),
)
WATCHERS: Final = (
    Row("idle_watchers_memory", "Memory per idle watcher, of 5,000", "KB", (CARE, BARE), (CARE, BARE), digits=1),
    Row("idle_watchers_cpu", "5,000 idle watchers", "% of a core", (CARE, BARE), (CARE, BARE), digits=1),
    Row(
        *("fan_out", "One change to 1,000 watchers", "ms of CPU", (CARE, BARE), (CARE, BARE)),
        Goal(Bound.AT_MOST, 1.5),
        digits=1,
    ),
    Row("fan_out_time", "The same until the last watcher has it", "ms", (CARE, BARE), (CARE, BARE)),
)

ROWS: Final = (*CALLS, *PROCESSES, *SCALE, *START, *STACK, *WATCHERS)
"""All rows, in the order of the table."""
