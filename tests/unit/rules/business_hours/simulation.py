"""A simulation of business hours that reads a wall clock every minute, and strategies for its runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from care_rules.business_hours import BusinessHours, Interval, Pause, due_time, working_time
from tests.unit.rules.business_hours.hours import (
    APIA,
    BERLIN,
    HAVANA,
    KOLKATA,
    LORD_HOWE,
    MINUTE,
    NEW_YORK,
    ST_JOHNS,
    utc,
)

CHANGES: Final = {
    BERLIN: [utc("2025-03-30 01:00"), utc("2025-10-26 01:00")],
    NEW_YORK: [utc("2025-03-09 07:00"), utc("2025-11-02 06:00")],
    KOLKATA: [utc("2025-06-01 00:00")],
    LORD_HOWE: [utc("2025-04-05 15:00"), utc("2025-10-04 15:30")],
    HAVANA: [utc("2025-03-09 05:00"), utc("2025-11-02 05:00")],
    ST_JOHNS: [utc("2010-03-14 03:31"), utc("2010-11-07 02:31")],
    APIA: [utc("2011-12-30 10:00")],
}


class Reading(NamedTuple):
    """What a wall clock shows at a minute, the latest time it has shown so far, and the earliest it will show later."""

    wall: datetime
    highest: datetime
    lowest_later: datetime


@lru_cache
def read_clock(zone: str, start: datetime, count: int) -> tuple[Reading, ...]:
    """Reads the wall clock of `zone` every minute."""
    walls = [(start + minute * MINUTE).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for minute in range(count + 1)]
    lowest = list(accumulate(reversed(walls), min))[::-1]
    return tuple(map(Reading, walls[:-1], accumulate(walls[:-1], max), lowest[1:]))


def is_open(hours: BusinessHours, reading: Reading) -> bool:
    """Returns whether an interval has started and not ended.

    It has started once the clock has shown its start or a later time. It has ended once the clock shows its end or a
    later time, and will never show its end or an earlier time again.
    """
    for days in (-1, 0, 1):
        day = reading.wall.date() + timedelta(days=days)
        if day in hours.holidays:
            continue
        midnight = datetime.combine(day, time())
        for each in hours.week[day.weekday()]:
            start, end = midnight + each.start * MINUTE, midnight + each.end * MINUTE
            if reading.highest >= start and (reading.wall < end or reading.lowest_later <= end):
                return True
    return False


def simulate(hours: BusinessHours, start: datetime, change: datetime, days: int, pauses: Sequence[Pause]) -> list[int]:
    """Returns the number of working minutes from `start` to each of the following minutes, for `days` days."""
    margin = 3 * 24 * 60  # in minutes; no interval reaches over the margin
    first = change - timedelta(days=days) - margin * MINUTE
    clock = read_clock(hours.zone, first, 2 * (days * 24 * 60 + margin))
    skipped = (start - first) // MINUTE
    counted = [0]
    for minute in range(days * 24 * 60):
        now = start + minute * MINUTE
        paused = any(pause.start <= now and (pause.end is None or now < pause.end) for pause in pauses)
        counted.append(counted[-1] + (not paused and is_open(hours, clock[skipped + minute])))
    return counted


def intervals() -> st.SearchStrategy[tuple[Interval, ...]]:
    """Draws the hours of a day. Intervals often start or end at a time at which clocks change."""
    bounds = st.lists(
        st.integers(0, 1440) | st.sampled_from([0, 1, 60, 90, 120, 150, 180, 1380, 1410, 1440]), max_size=5, unique=True
    ).map(sorted)
    return st.builds(
        lambda bounds, kept: tuple(Interval(*each) for each, keep in zip(pairwise(bounds), kept, strict=False) if keep),
        bounds,
        st.lists(st.booleans(), min_size=4, max_size=4),
    )


class Run(NamedTuple):
    hours: BusinessHours
    change: datetime
    start: datetime
    after: timedelta
    end: datetime
    pauses: list[Pause]


def some_minutes(most: int, least: int = 0) -> st.SearchStrategy[timedelta]:
    return st.integers(least, most).map(lambda count: count * MINUTE)


@st.composite
def draw_pauses(draw: st.DrawFn, start: datetime, most: int) -> list[Pause]:
    """Draws up to four pauses. They may overlap, and the last may have no end."""
    moment = some_minutes(most, -60).map(lambda offset: start + offset)
    pauses = [Pause(begin, begin + draw(some_minutes(most // 8))) for begin in draw(st.lists(moment, max_size=3))]
    return pauses + draw(st.just([]) | st.lists(st.builds(Pause, moment, st.none()), max_size=1))


@st.composite
def draw_run(draw: st.DrawFn, days: int) -> Run:
    """Draws a start up to `days` days before a clock change, and hours, pauses and durations around it."""
    zone = draw(st.sampled_from(sorted(CHANGES)))
    change = draw(st.sampled_from(CHANGES[zone]))
    most = days * 24 * 60
    start = change - draw(some_minutes(most))
    near = st.integers(-days, days).map(lambda days: change.date() + timedelta(days=days))
    week = st.tuples(*[intervals()] * 7).filter(any)
    hours = BusinessHours(zone, draw(week), draw(st.frozensets(near, max_size=3)))
    after, end = draw(some_minutes(most // 3)), start + draw(some_minutes(most))
    return Run(hours, change, start, after, end, draw(draw_pauses(start, most)))


def compare(run: Run, days: int) -> None:
    """Checks that `working_time` and `due_time` agree with the simulation."""
    assert list(run.hours.check()) == []
    counted = simulate(run.hours, run.start, run.change, days, run.pauses)
    passed = (run.end - run.start) // MINUTE
    assert working_time(run.hours, run.start, run.end, run.pauses) == counted[passed] * MINUTE
    due = due_time(run.hours, run.start, run.after, run.pauses)
    needed = run.after // MINUTE
    if needed <= counted[-1]:
        assert due == run.start + counted.index(needed) * MINUTE
    else:
        assert due is None or due > run.start + timedelta(days=days)
