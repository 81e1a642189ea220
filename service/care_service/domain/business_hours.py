"""Business hours, and the instants at which so much time of them is over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Interval:
    """Of a local day, in minutes since local midnight, half open: 0 <= start < end <= 1440."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """The hours of a week in a time zone."""

    zone: str
    week: tuple[tuple[Interval, ...], ...]
    holidays: frozenset[date] = frozenset()

    def check(self) -> Iterator[str]:
        """Yields what is wrong, in words that say what to do."""
        yield from ()


@dataclass(frozen=True, slots=True)
class Pause:
    """Half open; `end` None: goes on."""

    start: datetime
    end: datetime | None
