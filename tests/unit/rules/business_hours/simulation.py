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


class Shown(NamedTuple):
    """What a clock on the wall shows at a minute, has shown at most until then, and will show at least from then on."""

    wall: datetime
    highest: datetime
    lowest_later: datetime


@lru_cache
def dial(zone: str, start: datetime, count: int) -> tuple[Shown, ...]:
    """Reads the clock every minute."""
    walls = [(start + minute * MINUTE).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for minute in range(count + 1)]
    lowest = list(accumulate(reversed(walls), min))[::-1]
    return tuple(map(Shown, walls[:-1], accumulate(walls[:-1], max), lowest[1:]))


def is_open(hours: BusinessHours, shown: Shown) -> bool:
    """Tells whether an interval has started, as the clock has shown its start or more, and is not over.

    It is over once the clock shows its end or more, and will not show its end or less again.
    """
    for days in (-1, 0, 1):
        day = shown.wall.date() + timedelta(days=days)
        if day in hours.holidays:
            continue
        midnight = datetime.combine(day, time())
        for each in hours.week[day.weekday()]:
            start, end = midnight + each.start * MINUTE, midnight + each.end * MINUTE
            if shown.highest >= start and (shown.wall < end or shown.lowest_later <= end):
                return True
    return False


def simulate(hours: BusinessHours, start: datetime, change: datetime, days: int, pauses: Sequence[Pause]) -> list[int]:
    """Returns how many minutes were worked until each minute of the days from `start`."""
    margin = 3 * 24 * 60  # of which all intervals are over, or have not begun
    first = change - timedelta(days=days) - margin * MINUTE
    clock = dial(hours.zone, first, 2 * (days * 24 * 60 + margin))
    skipped = (start - first) // MINUTE
    counted = [0]
    for minute in range(days * 24 * 60):
        now = start + minute * MINUTE
        paused = any(pause.start <= now and (pause.end is None or now < pause.end) for pause in pauses)
        counted.append(counted[-1] + (not paused and is_open(hours, clock[skipped + minute])))
    return counted


def intervals() -> st.SearchStrategy[tuple[Interval, ...]]:
    """Makes the hours of a day: stretches between some minutes, often those at which clocks are changed."""
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
def paused(draw: st.DrawFn, start: datetime, most: int) -> list[Pause]:
    """Makes up to four pauses, which may overlap, and of which the last may go on."""
    moment = some_minutes(most, -60).map(lambda offset: start + offset)
    pauses = [Pause(begun, begun + draw(some_minutes(most // 8))) for begun in draw(st.lists(moment, max_size=3))]
    return pauses + draw(st.just([]) | st.lists(st.builds(Pause, moment, st.none()), max_size=1))


@st.composite
def runs(draw: st.DrawFn, days: int) -> Run:
    """Makes a start up to `days` before a change of the clock, and hours, pauses and durations around it."""
    zone = draw(st.sampled_from(sorted(CHANGES)))
    change = draw(st.sampled_from(CHANGES[zone]))
    most = days * 24 * 60
    start = change - draw(some_minutes(most))
    near = st.integers(-days, days).map(lambda days: change.date() + timedelta(days=days))
    week = st.tuples(*[intervals()] * 7).filter(any)
    hours = BusinessHours(zone, draw(week), draw(st.frozensets(near, max_size=3)))
    after, end = draw(some_minutes(most // 3)), start + draw(some_minutes(most))
    return Run(hours, change, start, after, end, draw(paused(start, most)))


def compare(run: Run, days: int) -> None:
    """Asserts that both functions say what the simulation says."""
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
