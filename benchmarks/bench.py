"""What the measurements of one run share."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.measure import Figure
from benchmarks.servers import Keys
from care_dev.stack.postgres import Server as Postgres

Figures = Mapping[str, Figure]
"""The figures of one row, by side."""

Group = Callable[["Bench"], AsyncIterator[tuple[str, Figures]]]
"""Measures some rows. Yields the key and the figures of each row that is wanted."""


@dataclass(frozen=True)
class Bench:
    """One run."""

    effort: Effort
    postgres: Postgres
    """The PostgreSQL server of this run. Each group creates its own databases."""
    folder: Path
    """A temporary folder for this run. The data of `postgres` is in it, too."""
    wanted: frozenset[str]
    """The keys of the rows to measure."""
    keys: Keys = field(default_factory=Keys)

    def wants(self, *keys: str) -> bool:
        """Returns whether any of these rows is wanted."""
        return not self.wanted.isdisjoint(keys)

    def say(self, what: str) -> None:
        """Shows on standard error what happens now."""
        print(f"  {what} …", file=sys.stderr, flush=True)
