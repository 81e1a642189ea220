"""Business hours: how much of a period lies within business hours, and when a deadline that counts only these is due.

Elapsed time counts, not wall-clock time. The rules of the time zone turn the hours of a local day into instants. A wall
time that the clock skips becomes the instant of the skip. If the clock shows a wall time twice, hours start at the
first occurrence and end at the second. So a day that is open around the clock has 23 or 25 hours when the clock
changes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

MAX_INTERVALS: Final = 8
"""The maximum number of intervals per day."""
MAX_HOLIDAYS: Final = 400
"""The maximum number of holidays: sixteen a year for 25 years."""
HORIZON: Final = timedelta(days=5 * 366)
"""The longest time from the start of a deadline until it is due: at least five years, with or without leap days.

A deadline that is not due by then is never due.
"""

_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MIDNIGHT: Final = 24 * 60
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(weeks=1)
_SECOND: Final = timedelta(seconds=1)
_NOTHING: Final = timedelta(0)


@dataclass(frozen=True, slots=True)
class Interval:
    """Hours of a local day, in minutes since midnight. `start` is included, `end` is not."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.start // 60:02}:{self.start % 60:02}–{self.end // 60:02}:{self.end % 60:02}"


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """The business hours of an organization or a location. Use them only if `check` yields nothing."""

    zone: str
    """The name of a time zone in the IANA database."""
    week: tuple[tuple[Interval, ...], ...]
    """Seven days, Monday first. The intervals of a day are sorted and don't overlap."""
    holidays: frozenset[date] = frozenset()
    """Local dates without any hours."""

    def check(self) -> Iterator[str]:
        """Yields each problem as a text that follows the setting's name and says what to do."""
        if self.zone not in _zones():
            yield "names an unknown time zone; use a name of the IANA database, like Europe/Berlin"
        if len(self.week) != len(_WEEKDAYS):
            yield f"has {len(self.week)} days in its week; give seven, Monday first, and leave days off empty"
        elif not any(self.week):
            yield "has no hours on any day; give at least one interval, or leave business hours out to count every hour"
        for name, intervals in zip(_WEEKDAYS, self.week, strict=False):
            yield from _check_day(name, intervals)
        if len(self.holidays) > MAX_HOLIDAYS:
            yield f"has {len(self.holidays)} holidays; give at most {MAX_HOLIDAYS}: remove past ones"


ALWAYS: Final[BusinessHours | None] = None
"""Every hour of every day."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A period that doesn't count, from `start` until just before `end`. A pause without an end is still running."""

    start: datetime
    end: datetime | None


def working_time(
    hours: BusinessHours | None, start: datetime, end: datetime, pauses: Sequence[Pause] = ()
) -> timedelta:
    """Returns how much time from `start` to `end` lies within the hours and outside all pauses.

    This function is the inverse of `due_time`. Only the tests call it, to check `due_time`.
    """
    counted = _NOTHING
    for opens, closes in _unpaused(start.astimezone(UTC), end.astimezone(UTC), pauses):
        counted += _count(hours, opens, closes, timedelta.max)[0]
    return counted


def due_time(
    hours: BusinessHours | None, start: datetime, after: timedelta, pauses: Sequence[Pause] = ()
) -> datetime | None:
    """Returns the first instant, in UTC, at which `after` (zero or more) of working time has passed since `start`.

    Returns None if a running pause begins before that instant, or if the instant lies beyond `HORIZON`.
    """
    start = start.astimezone(UTC)
    if after <= _NOTHING:
        return start
    for opens, closes in _unpaused(start, start + HORIZON, pauses):
        counted, due = _count(hours, opens, closes, after)
        if due is not None:
            return due
        after -= counted
    return None


def _unpaused(start: datetime, end: datetime, pauses: Sequence[Pause]) -> Iterator[tuple[datetime, datetime]]:
    """Yields the periods from `start` to `end` that no pause covers, in order."""
    real = (pause for pause in pauses if pause.end is None or pause.end > pause.start)
    for pause in sorted(real, key=lambda pause: pause.start):
        if pause.start >= end:
            break
        if start < pause.start:
            yield start, pause.start
        if pause.end is None:
            return
        start = max(start, pause.end)
    if start < end:
        yield start, end


def _count(
    hours: BusinessHours | None, start: datetime, end: datetime, enough: timedelta
) -> tuple[timedelta, datetime | None]:
    """Returns the working time from `start` to `end`, at most `enough`, and the instant at which `enough` is reached.

    The instant is None if the working time is less than `enough`.
    """
    if hours is None:
        return (end - start, None) if end - start < enough else (enough, start + enough)
    zone = ZoneInfo(hours.zone)
    usual = timedelta(minutes=sum(each.end - each.start for intervals in hours.week for each in intervals))
    counted, at = _NOTHING, start
    # If the clock goes back over midnight, hours of the days before and after can lie in the period, too.
    day, last = start.astimezone(zone).date() - _DAY, end.astimezone(zone).date() + _DAY
    while day <= last:
        if (
            day.weekday() == 0
            and counted + usual < enough
            and (whole := _week_without_clock_change(hours.zone, day)) is not None
        ):
            monday, next_monday = whole
            if at <= monday and next_monday <= end and hours.holidays.isdisjoint(_days(day)):
                counted, day = counted + usual, day + _WEEK
                continue
        for opens, closes in () if day in hours.holidays else _spans(hours.zone, hours.week[day.weekday()], day):
            # If the clock goes back, adjacent hours overlap in elapsed time. They count once.
            opening, closing = max(opens, at), min(closes, end)
            if opening < closing:
                if counted + (closing - opening) >= enough:
                    return enough, opening + (enough - counted)
                counted, at = counted + (closing - opening), closing
        day += _DAY
    return counted, None


def _days(monday: date) -> Iterator[date]:
    """Yields the days of a week."""
    return (monday + timedelta(days=days) for days in range(7))


@lru_cache(maxsize=4096)
def _week_without_clock_change(zone: str, monday: date) -> tuple[datetime, datetime] | None:
    """Returns the instants at which a week begins and ends; None if the clock changes in it or at its ends."""
    midnights = [datetime.combine(monday + timedelta(days=days), time(), ZoneInfo(zone)) for days in range(8)]
    offsets = {each.replace(fold=fold).utcoffset() for each in midnights for fold in (0, 1)}
    return (midnights[0].astimezone(UTC), midnights[-1].astimezone(UTC)) if len(offsets) == 1 else None


@lru_cache(maxsize=4096)
def _spans(zone: str, intervals: tuple[Interval, ...], day: date) -> tuple[tuple[datetime, datetime], ...]:
    """Returns the hours of a day as instants. Starts and ends are both in order, but periods may overlap."""
    rules, midnight = ZoneInfo(zone), datetime.combine(day, time())
    return tuple(
        (
            _instant(rules, midnight + timedelta(minutes=each.start), second=False),
            _instant(rules, midnight + timedelta(minutes=each.end), second=True),
        )
        for each in intervals
    )


def _instant(zone: ZoneInfo, wall: datetime, *, second: bool) -> datetime:
    """Returns the instant at which the clock shows `wall`; the instant of the skip if the clock skips `wall`.

    If the clock shows `wall` twice, `second` selects the second instant.
    """
    former, latter = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if former <= latter:
        return latter if second else former
    # PEP 495 gives a skipped wall time one instant on each side of the skip, the later one first. The skip lies
    # between them, where the clock first shows `wall` or later. Time zone rules use whole seconds.
    tried = range((former - latter) // _SECOND + 1)
    passed = bisect_left(tried, wall, key=lambda each: (latter + each * _SECOND).astimezone(zone).replace(tzinfo=None))
    return latter + passed * _SECOND


def _check_day(name: str, intervals: tuple[Interval, ...]) -> Iterator[str]:
    """Yields the problems of one day of the week."""
    if len(intervals) > MAX_INTERVALS:
        yield f"has {len(intervals)} intervals on {name}; give at most {MAX_INTERVALS}"
    for each in intervals:
        if not 0 <= each.start < each.end <= _MIDNIGHT:
            yield f"has {each} on {name}; an interval must end after its start, and lie between 00:00 and 24:00"
    for former, latter in pairwise(intervals):
        if latter.start < former.end:
            yield f"has {former} before {latter} on {name}; sort the intervals, and join those that overlap"


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    """Returns the names of all zones. They come from the package `tzdata`, so they are the same on every system."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())
