"""Business hours, and the instants at which so much time of them is over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta


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


def due_time(
    hours: BusinessHours | None, start: datetime, after: timedelta, pauses: Sequence[Pause] = ()
) -> datetime | None:
    """Returns the first instant at which so much time is over; None while a pause that goes on stands before it."""
    if hours is not None:
        raise NotImplementedError
    at = start
    for pause in sorted(pauses, key=lambda each: each.start):
        if pause.start >= at + after:
            break
        if pause.end is None:
            return None
        after -= max(pause.start - at, timedelta())
        at = max(at, pause.end)
    return at + after
