"""Business hours: due times computed by hand, and the same as a clock on the wall that is read every minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care_rules.business_hours import (
    ALWAYS,
    HORIZON,
    MAX_HOLIDAYS,
    MAX_INTERVALS,
    BusinessHours,
    Interval,
    Pause,
    due_time,
    working_time,
)

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
MICROSECOND: Final = timedelta(microseconds=1)

BERLIN: Final = "Europe/Berlin"
NEW_YORK: Final = "America/New_York"
KOLKATA: Final = "Asia/Kolkata"
LORD_HOWE: Final = "Australia/Lord_Howe"
HAVANA: Final = "America/Havana"
ST_JOHNS: Final = "America/St_Johns"
JERUSALEM: Final = "Asia/Jerusalem"
APIA: Final = "Pacific/Apia"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def minutes(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def day(text: str) -> tuple[Interval, ...]:
    """Reads `9:00-12:00 13:00-17:00`."""
    return tuple(Interval(*map(minutes, each.split("-"))) for each in text.split())


def weekdays(zone: str, text: str, *, saturday: str = "", sunday: str = "", holidays: str = "") -> BusinessHours:
    """Makes hours that are the same from Monday to Friday."""
    week = (*[day(text)] * 5, day(saturday), day(sunday))
    return BusinessHours(zone, week, frozenset(map(date.fromisoformat, holidays.split())))


def sundays(zone: str, text: str) -> BusinessHours:
    """Makes hours of Sundays alone, when clocks are changed."""
    return weekdays(zone, "", sunday=text)


OFFICE: Final = weekdays(BERLIN, "9:00-17:00")
SPLIT: Final = weekdays(BERLIN, "9:00-12:00 13:00-17:00", saturday="10:00-14:00")
AROUND_THE_CLOCK: Final = "0:00-24:00"


class Case(NamedTuple):
    what: str
    hours: BusinessHours | None
    start: str
    after: timedelta
    due: str | None
    pauses: Sequence[tuple[str, str | None]] = ()

    def paused(self) -> list[Pause]:
        return [Pause(utc(start), None if end is None else utc(end)) for start, end in self.pauses]


# Computed by hand; starts, due times and pauses are in UTC. Of 2025, where March 3 is a Monday:
# - Berlin is at +1; from Sunday, March 30, 01:00 UTC (2:00 becomes 3:00), until Sunday, October 26, 01:00 UTC (3:00
#   becomes 2:00), at +2.
# - New York is at -5; from Sunday, March 9, 07:00 UTC (2:00 becomes 3:00), until Sunday, November 2, 06:00 UTC (2:00
#   becomes 1:00), at -4.
# - Kolkata is at +5:30, always.
# - Lord Howe is at +11; from Sunday, April 6 there, which is April 5, 15:00 UTC (2:00 becomes 1:30), until Sunday,
#   October 5 there, which is October 4, 15:30 UTC (2:00 becomes 2:30), at +10:30.
CASES: Final = [
    # Monday 10:00 there; 10:00 + 2 h = 12:00.
    Case("within one day", OFFICE, "2025-03-03 09:00", 2 * HOUR, "2025-03-03 11:00"),
    # Monday 16:00; 1 h until 17:00, 2 h from Tuesday 9:00 = 11:00.
    Case("over a night", OFFICE, "2025-03-03 15:00", 3 * HOUR, "2025-03-04 10:00"),
    # Monday 9:00; 8 h are full at 17:00 already, not at Tuesday's 9:00.
    Case("to the last instant of a day", OFFICE, "2025-03-03 08:00", 8 * HOUR, "2025-03-03 16:00"),
    # Monday 6:00; from 9:00, 1 h = 10:00.
    Case("from before the hours", OFFICE, "2025-03-03 05:00", HOUR, "2025-03-03 09:00"),
    # Monday 20:00; from Tuesday 9:00, 1 h = 10:00.
    Case("from after the hours", OFFICE, "2025-03-03 19:00", HOUR, "2025-03-04 09:00"),
    # Sunday 13:00; from Monday 9:00, 1 h = 10:00.
    Case("from a day that is off", OFFICE, "2025-03-02 12:00", HOUR, "2025-03-03 09:00"),
    # Nothing is over at once, also on a Sunday.
    Case("nothing", OFFICE, "2025-03-02 12:00", timedelta(0), "2025-03-02 12:00"),
    # Friday 17:00 sharp is no working time any more; Monday 9:00 plus the microsecond.
    Case("a microsecond from the end", OFFICE, "2025-03-07 16:00", MICROSECOND, "2025-03-10 08:00:00.000001"),
    # Monday 16:59:59.5; half a second until 17:00, half a second from Tuesday 9:00.
    Case("a second over a night", OFFICE, "2025-03-03 15:59:59.5", HOUR / 3600, "2025-03-04 08:00:00.5"),
    # Monday 9:00; 120 h = 3 weeks of 5 * 8 h, full on Friday, March 21, 17:00.
    Case("three weeks", OFFICE, "2025-03-03 08:00", 120 * HOUR, "2025-03-21 16:00"),
    # Monday 9:00; 201 h = 5 weeks and 1 h: Monday, April 7, 10:00 at +2.
    Case("five weeks over a change", OFFICE, "2025-03-03 08:00", 201 * HOUR, "2025-04-07 08:00"),
    # Monday 11:00; 1 h until 12:00, 2 h from 13:00 = 15:00.
    Case("over lunch", SPLIT, "2025-03-03 10:00", 3 * HOUR, "2025-03-03 14:00"),
    # Monday 9:00; 3 h are full at 12:00.
    Case("until lunch", SPLIT, "2025-03-03 08:00", 3 * HOUR, "2025-03-03 11:00"),
    # Friday 16:00; 1 h until 17:00, 4 h Saturday 10:00 to 14:00, 1 h from Monday 9:00 = 10:00.
    Case("over a short Saturday", SPLIT, "2025-03-07 15:00", 6 * HOUR, "2025-03-10 09:00"),
    # Friday 18:00; 6 h are full at 24:00.
    Case("to midnight", weekdays(BERLIN, "18:00-24:00"), "2025-03-07 17:00", 6 * HOUR, "2025-03-07 23:00"),
    # Friday 23:00; 1 h until midnight, which is where Saturday's hours start, 1 h more = 1:00.
    Case(
        "over midnight",
        weekdays(BERLIN, "18:00-24:00", saturday="0:00-2:00"),
        "2025-03-07 22:00",
        2 * HOUR,
        "2025-03-08 00:00",
    ),
    # Wednesday, April 30, 16:00 at +2; 1 h until 17:00, May 1 is off, 1 h from Friday 9:00 = 10:00.
    Case(
        "over a holiday",
        weekdays(BERLIN, "9:00-17:00", holidays="2025-05-01"),
        "2025-04-30 14:00",
        2 * HOUR,
        "2025-05-02 08:00",
    ),
    # Monday, April 14, 9:00 at +2; 32 h until Thursday, April 17, 17:00; Good Friday and Easter Monday are off, 8 h on
    # Tuesday, April 22, 4 h on Wednesday, April 23, from 9:00 = 13:00.
    Case(
        "over two weeks with holidays",
        weekdays(BERLIN, "9:00-17:00", holidays="2025-04-18 2025-04-21"),
        "2025-04-14 07:00",
        44 * HOUR,
        "2025-04-23 11:00",
    ),
    # Saturday, July 5; 24 h on Sunday, July 6; July 13 is off; 1 h on Sunday, July 20, from 0:00 at +2, which is
    # 22:00 UTC the day before.
    Case(
        "over a week that ends with a holiday",
        replace(sundays(BERLIN, AROUND_THE_CLOCK), holidays=frozenset({date(2025, 7, 13)})),
        "2025-07-05 12:00",
        25 * HOUR,
        "2025-07-19 23:00",
    ),
    # Friday, March 28, 16:00 at +1; 1 h until 17:00, 1 h from Monday 9:00 = 10:00 at +2.
    Case("over the weekend that is an hour short", OFFICE, "2025-03-28 15:00", 2 * HOUR, "2025-03-31 08:00"),
    # Friday, October 24, 16:00 at +2; 1 h until 17:00, 1 h from Monday 9:00 = 10:00 at +1.
    Case("over the weekend that is an hour long", OFFICE, "2025-10-24 14:00", 2 * HOUR, "2025-10-27 09:00"),
    # Sunday 0:00 at +1 is 23:00 UTC, Monday 0:00 at +2 is 22:00 UTC: 23 h.
    Case(
        "a day of 23 hours",
        sundays(BERLIN, AROUND_THE_CLOCK),
        "2025-03-29 12:00",
        23 * HOUR,
        "2025-03-30 22:00",
    ),
    # 23 h as above, 1 h from Sunday, April 6, 0:00 at +2, which is 22:00 UTC.
    Case(
        "an hour more than a day of 23 hours",
        sundays(BERLIN, AROUND_THE_CLOCK),
        "2025-03-29 12:00",
        24 * HOUR,
        "2025-04-05 23:00",
    ),
    # Sunday 0:00 at +2 is 22:00 UTC, Monday 0:00 at +1 is 23:00 UTC: 25 h.
    Case(
        "a day of 25 hours",
        sundays(BERLIN, AROUND_THE_CLOCK),
        "2025-10-25 12:00",
        25 * HOUR,
        "2025-10-26 23:00",
    ),
    # There is no 2:30; from the change, 01:00 UTC, half an hour.
    Case(
        "from a start that does not exist",
        sundays(BERLIN, "2:30-4:00"),
        "2025-03-29 12:00",
        HOUR / 2,
        "2025-03-30 01:30",
    ),
    # 1:00 is 00:00 UTC, 2:30 does not exist, so that 1 h until the change; half an hour from Sunday, April 6, 1:00 at
    # +2, which is 23:00 UTC the day before.
    Case(
        "to an end that does not exist",
        sundays(BERLIN, "1:00-2:30"),
        "2025-03-29 12:00",
        HOUR * 3 / 2,
        "2025-04-05 23:30",
    ),
    # The first 2:30, at +2, is 00:30 UTC; 3:30 at +1 is 02:30 UTC: 2 h.
    Case(
        "from a start that exists twice",
        sundays(BERLIN, "2:30-3:30"),
        "2025-10-25 12:00",
        2 * HOUR,
        "2025-10-26 02:30",
    ),
    # 1:00 at +2 is 23:00 UTC the day before; the second 2:30, at +1, is 01:30 UTC: 2.5 h.
    Case(
        "to an end that exists twice",
        sundays(BERLIN, "1:00-2:30"),
        "2025-10-25 12:00",
        HOUR * 5 / 2,
        "2025-10-26 01:30",
    ),
    # 0:00 at +2 is 22:00 UTC the day before, 4:00 at +1 is 03:00 UTC: 5 h, although the first ends at the second 2:00,
    # and the second starts at the first.
    Case(
        "intervals that overlap by the change",
        sundays(BERLIN, "0:00-2:00 2:00-4:00"),
        "2025-10-25 12:00",
        5 * HOUR,
        "2025-10-26 03:00",
    ),
    # Friday, March 7, 16:00 at -5; 1 h until 17:00, 8 h on Monday until 17:00 at -4.
    Case(
        "over New York's weekend that is an hour short",
        weekdays(NEW_YORK, "9:00-17:00"),
        "2025-03-07 21:00",
        9 * HOUR,
        "2025-03-10 21:00",
    ),
    # From 2:00, which does not exist, to 3:00 is no time. 2:00 on March 16 at -4 is 06:00 UTC, plus half an hour.
    Case(
        "an interval that does not exist",
        sundays(NEW_YORK, "2:00-3:00"),
        "2025-03-08 12:00",
        HOUR / 2,
        "2025-03-16 06:30",
    ),
    # The first 1:00, at -4, is 05:00 UTC; 2:00 is 07:00 UTC; 1.5 h from the start is 06:30 UTC.
    Case(
        "an interval that exists twice",
        sundays(NEW_YORK, "1:00-2:00"),
        "2025-11-01 12:00",
        HOUR * 3 / 2,
        "2025-11-02 06:30",
    ),
    # Sunday 0:00 at -4 is 04:00 UTC, Monday 0:00 at -5 is 05:00 UTC: 25 h.
    Case(
        "New York's day of 25 hours",
        sundays(NEW_YORK, AROUND_THE_CLOCK),
        "2025-11-01 12:00",
        25 * HOUR,
        "2025-11-03 05:00",
    ),
    # Monday 9:00 at +5:30; 8 h, 2 h from Tuesday 9:00 = 11:00.
    Case("a zone of half an hour", weekdays(KOLKATA, "9:00-17:00"), "2025-03-03 03:30", 10 * HOUR, "2025-03-04 05:30"),
    # Friday, October 17, 16:30; half an hour until 17:00, Monday is off, half an hour from Tuesday 9:00 = 9:30.
    Case(
        "a holiday in a zone of half an hour",
        weekdays(KOLKATA, "9:00-17:00", holidays="2025-10-20"),
        "2025-10-17 11:00",
        HOUR,
        "2025-10-21 04:00",
    ),
    # Sunday 0:00 at +11 is 13:00 UTC the day before, Monday 0:00 at +10:30 is 13:30 UTC: 24.5 h.
    Case(
        "a day that is half an hour long",
        sundays(LORD_HOWE, AROUND_THE_CLOCK),
        "2025-04-05 00:00",
        HOUR * 49 / 2,
        "2025-04-06 13:30",
    ),
    # Sunday 0:00 at +10:30 is 13:30 UTC the day before, Monday 0:00 at +11 is 13:00 UTC: 23.5 h.
    Case(
        "a day that is half an hour short",
        sundays(LORD_HOWE, AROUND_THE_CLOCK),
        "2025-10-04 00:00",
        HOUR * 47 / 2,
        "2025-10-05 13:00",
    ),
    # The first 1:30, at +11, is 14:30 UTC the day before; the second 1:45, at +10:30, is 15:15 UTC: 45 min.
    Case(
        "a quarter that is an hour less a quarter",
        sundays(LORD_HOWE, "1:30-1:45"),
        "2025-04-05 00:00",
        45 * MINUTE,
        "2025-04-05 15:15",
    ),
    # There is no 2:15; from the change, 15:30 UTC the day before, until 3:00 at +11, which is 16:00 UTC: half an hour.
    Case(
        "from a start within the missing half hour",
        sundays(LORD_HOWE, "2:15-3:00"),
        "2025-10-04 00:00",
        HOUR / 2,
        "2025-10-04 16:00",
    ),
    # Havana, November 2, 05:00 UTC: 1:00 at -4 becomes 0:00 at -5. Saturday 22:00 at -4 is 02:00 UTC; it ends at the
    # second midnight, 05:00 UTC, an hour after Sunday's hours start, which end at 1:00 at -5, 06:00 UTC: 4 h.
    Case(
        "over a midnight that exists twice",
        weekdays(HAVANA, "", saturday="22:00-24:00", sunday="0:00-1:00"),
        "2025-11-01 12:00",
        4 * HOUR,
        "2025-11-02 06:00",
    ),
    # Half an hour before that second midnight, which ends Saturday, the clock shows Sunday, 0:30.
    Case(
        "from an instant of which the clock shows the day after",
        weekdays(HAVANA, "", saturday="22:00-24:00"),
        "2025-11-02 04:30",
        HOUR / 2,
        "2025-11-02 05:00",
    ),
    # Jerusalem, Monday, September 24, 2001, 22:00 UTC the day before: 1:00 at +3 becomes 0:00 at +2.
    # Sunday, September 16, has 24 h; Sunday, September 23, ends at the second midnight and has 25 h.
    Case(
        "over a week whose last midnight exists twice",
        sundays(JERUSALEM, AROUND_THE_CLOCK),
        "2001-09-15 12:00",
        49 * HOUR,
        "2001-09-23 22:00",
    ),
    # Havana, March 9, 05:00 UTC: 0:00 at -5 becomes 1:00 at -4. Sunday's hours start there and end at 2:00, 06:00 UTC.
    Case(
        "from a midnight that does not exist",
        sundays(HAVANA, "0:00-2:00"),
        "2025-03-08 12:00",
        HOUR,
        "2025-03-09 06:00",
    ),
    # St. John's, November 7, 2010, 02:31 UTC: 0:01 at -2:30 becomes 23:01 of Saturday at -3:30. Sunday's hours start at
    # its first minute, 02:30 UTC, and half an hour later the clock shows Saturday, 23:30.
    Case(
        "to an instant of which the clock shows the day before",
        sundays(ST_JOHNS, "0:00-1:00"),
        "2010-11-07 02:00",
        HOUR / 2,
        "2010-11-07 03:00",
    ),
    # They go on until Sunday 1:00 at -3:30, 04:30 UTC.
    Case(
        "from an instant of which the clock shows the day before",
        sundays(ST_JOHNS, "0:00-1:00"),
        "2010-11-07 03:00",
        HOUR * 3 / 2,
        "2010-11-07 04:30",
    ),
    # Apia had no Friday, December 30, 2011: at 10:00 UTC, when Thursday was over at -10, Saturday began at +14.
    # Thursday 9:00 is 19:00 UTC; 8 h until 17:00, 1 h from Monday, January 2, 9:00, which is 19:00 UTC the day before.
    Case(
        "over a day that does not exist", weekdays(APIA, "9:00-17:00"), "2011-12-29 19:00", 9 * HOUR, "2012-01-01 20:00"
    ),
    # 7:00 to 8:00 UTC is over at 9:00.
    Case(
        "a pause before the start",
        OFFICE,
        "2025-03-03 09:00",
        HOUR,
        "2025-03-03 10:00",
        [("2025-03-03 07:00", "2025-03-03 08:00")],
    ),
    # Counts from 10:00 on.
    Case(
        "a pause over the start",
        OFFICE,
        "2025-03-03 09:00",
        HOUR,
        "2025-03-03 11:00",
        [("2025-03-03 08:00", "2025-03-03 10:00")],
    ),
    # 0.5 h until 9:30, 1.5 h from 10:30.
    Case(
        "a pause within",
        OFFICE,
        "2025-03-03 09:00",
        2 * HOUR,
        "2025-03-03 12:00",
        [("2025-03-03 09:30", "2025-03-03 10:30")],
    ),
    # 1 h until 15:00, 1 h from 09:00 the next day.
    Case(
        "a pause over a night",
        OFFICE,
        "2025-03-03 14:00",
        2 * HOUR,
        "2025-03-04 10:00",
        [("2025-03-03 15:00", "2025-03-04 09:00")],
    ),
    # Berlin's Saturday takes nothing from 2 h over the weekend.
    Case(
        "a pause outside of the hours",
        OFFICE,
        "2025-03-07 15:00",
        2 * HOUR,
        "2025-03-10 09:00",
        [("2025-03-08 00:00", "2025-03-09 00:00")],
    ),
    # 0.5 h until 9:30, nothing until 11:00, half an hour more.
    Case(
        "pauses that overlap, in no order",
        OFFICE,
        "2025-03-03 09:00",
        HOUR,
        "2025-03-03 11:30",
        [("2025-03-03 10:00", "2025-03-03 11:00"), ("2025-03-03 09:30", "2025-03-03 10:30")],
    ),
    # 8:00 to 12:00 covers 9:00 to 9:30.
    Case(
        "a pause within a pause",
        OFFICE,
        "2025-03-03 08:00",
        HOUR,
        "2025-03-03 13:00",
        [("2025-03-03 08:00", "2025-03-03 12:00"), ("2025-03-03 09:00", "2025-03-03 09:30")],
    ),
    # A pause that ends where it starts, or before, is none.
    Case(
        "a pause of no length",
        OFFICE,
        "2025-03-03 09:00",
        HOUR,
        "2025-03-03 10:00",
        [("2025-03-03 09:30", "2025-03-03 09:30"), ("2025-03-03 09:40", "2025-03-03 09:20")],
    ),
    # 1 h is full at 10:00, when the pause starts.
    Case(
        "a pause that goes on from the due time",
        OFFICE,
        "2025-03-03 09:00",
        HOUR,
        "2025-03-03 10:00",
        [("2025-03-03 10:00", None)],
    ),
    # A microsecond is missing at 10:00.
    Case(
        "a pause that goes on from before the due time",
        OFFICE,
        "2025-03-03 09:00",
        HOUR + MICROSECOND,
        None,
        [("2025-03-03 10:00", None), ("2025-03-03 11:00", "2025-03-03 12:00")],
    ),
    # Nothing is over at once, also in a pause.
    Case(
        "nothing in a pause", OFFICE, "2025-03-03 09:00", timedelta(0), "2025-03-03 09:00", [("2025-03-03 08:00", None)]
    ),
    # 72 h, whatever clocks show.
    Case("every hour", ALWAYS, "2025-03-28 12:00", 72 * HOUR, "2025-03-31 12:00"),
    # 24 h are full when the pause starts.
    Case(
        "every hour, with a pause that goes on from the due time",
        ALWAYS,
        "2025-03-28 12:00",
        24 * HOUR,
        "2025-03-29 12:00",
        [("2025-03-29 12:00", None)],
    ),
    # 12 h until March 29, 0:00, 60 h from March 30, 0:00.
    Case(
        "every hour, with a pause",
        ALWAYS,
        "2025-03-28 12:00",
        72 * HOUR,
        "2025-04-01 12:00",
        [("2025-03-29 00:00", "2025-03-30 00:00")],
    ),
    # Five years have at most 262 Sundays, of a minute each.
    Case("too much for five years", sundays(BERLIN, "9:00-9:01"), "2025-03-03 09:00", 263 * MINUTE, None),
    # 5 years are 1,826 days, with 2028's leap day; 4 days more.
    Case("all of five years", ALWAYS, "2025-03-03 09:00", 1830 * 24 * HOUR, "2030-03-07 09:00"),
    # 1,830 days are the horizon, and a microsecond is beyond it.
    Case("more than five years", ALWAYS, "2025-03-03 09:00", 1830 * 24 * HOUR + MICROSECOND, None),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_what_is_due_when(case: Case) -> None:
    due = None if case.due is None else utc(case.due)
    assert due_time(case.hours, utc(case.start), case.after, case.paused()) == due


@pytest.mark.parametrize("case", [case for case in CASES if case.due is not None], ids=lambda case: case.what)
def test_until_it_is_due_just_that_was_worked(case: Case) -> None:
    assert case.due is not None
    assert working_time(case.hours, utc(case.start), utc(case.due), case.paused()) == case.after


def test_nothing_is_worked_in_a_stretch_that_ends_before_it_starts() -> None:
    assert working_time(OFFICE, utc("2025-03-03 10:00"), utc("2025-03-03 09:00")) == timedelta(0)
    assert working_time(ALWAYS, utc("2025-03-03 10:00"), utc("2025-03-03 09:00")) == timedelta(0)


def test_instants_may_be_written_in_any_zone() -> None:
    start = datetime(2025, 3, 28, 16, tzinfo=ZoneInfo(BERLIN))
    due = due_time(OFFICE, start, 2 * HOUR, [Pause(start + HOUR / 2, start + HOUR)])
    # 0.5 h on Friday, 1.5 h from Monday, March 31, 9:00 at +2.
    assert due == utc("2025-03-31 08:30")
    assert due.tzinfo is UTC
    # Sunday 0:00 to 12:00 there is 11 h.
    midnight = datetime(2025, 3, 30, tzinfo=ZoneInfo(BERLIN))
    assert working_time(ALWAYS, midnight, midnight.replace(hour=12)) == 11 * HOUR
    assert due_time(ALWAYS, midnight, 11 * HOUR) == utc("2025-03-30 10:00")


# --- against a clock on the wall --------------------------------------------------------------------------------------

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


@given(run=runs(days=4))
def test_around_changes_of_the_clock_it_is_as_in_a_simulation_of_every_minute(run: Run) -> None:
    compare(run, days=4)


@given(run=runs(days=35))
@settings(max_examples=10)
def test_over_weeks_it_is_as_in_a_simulation_of_every_minute(run: Run) -> None:
    compare(run, days=35)


# --- against each other -----------------------------------------------------------------------------------------------

INSTANTS: Final = st.datetimes(datetime(2005, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
DURATIONS: Final = st.timedeltas(timedelta(0), timedelta(days=30))


def any_hours() -> st.SearchStrategy[BusinessHours | None]:
    made = st.builds(
        BusinessHours,
        st.sampled_from(sorted(CHANGES)),
        st.tuples(*[intervals()] * 7).filter(any),
        st.frozensets(st.dates(date(2005, 1, 1), date(2035, 1, 1)), max_size=5),
    )
    return made | st.sampled_from([ALWAYS, OFFICE, SPLIT])


@given(hours=any_hours(), start=INSTANTS, after=DURATIONS, data=st.data())
def test_what_is_due_was_worked_and_a_moment_before_was_not(
    hours: BusinessHours | None, start: datetime, after: timedelta, data: st.DataObject
) -> None:
    pauses = data.draw(paused(start, 30 * 24 * 60))
    due = due_time(hours, start, after, pauses)
    if due is None:
        assert working_time(hours, start, start + HORIZON, pauses) < after
    elif due > start:
        assert working_time(hours, start, due, pauses) == after
        assert working_time(hours, start, due - MICROSECOND, pauses) == after - MICROSECOND
    else:
        assert (due, after) == (start, timedelta(0))


@given(hours=any_hours(), instants=st.tuples(INSTANTS, INSTANTS, INSTANTS).map(sorted), data=st.data())
def test_what_is_worked_in_two_stretches_is_what_is_worked_in_both(
    hours: BusinessHours | None, instants: list[datetime], data: st.DataObject
) -> None:
    first, second, third = instants
    pauses = data.draw(paused(second, 30 * 24 * 60))
    parts = working_time(hours, first, second, pauses) + working_time(hours, second, third, pauses)
    assert parts == working_time(hours, first, third, pauses)


# --- what can't be used -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hours",
    [
        OFFICE,
        SPLIT,
        weekdays(BERLIN, AROUND_THE_CLOCK, saturday=AROUND_THE_CLOCK, sunday=AROUND_THE_CLOCK),
        weekdays(BERLIN, "9:00-12:00 12:00-17:00"),
        weekdays("UTC", " ".join(f"{hour}:00-{hour}:30" for hour in range(MAX_INTERVALS))),
        replace(OFFICE, holidays=frozenset(date(2025, 1, 1) + timedelta(days=days) for days in range(MAX_HOLIDAYS))),
    ],
)
def test_hours_that_can_be_used_have_nothing_wrong(hours: BusinessHours) -> None:
    assert list(hours.check()) == []


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (replace(OFFICE, zone="Europe/Atlantis"), "unknown time zone; use a name of the IANA database"),
        (replace(OFFICE, zone=""), "unknown time zone; use a name of the IANA database"),
        (replace(OFFICE, zone="localtime"), "unknown time zone; use a name of the IANA database"),
        (replace(OFFICE, zone="../Europe/Berlin"), "unknown time zone; use a name of the IANA database"),
        (replace(OFFICE, week=OFFICE.week[:6]), "6 days in its week; give seven"),
        (replace(OFFICE, week=(*OFFICE.week, ())), "8 days in its week; give seven"),
        (weekdays(BERLIN, ""), "no hours on any day; give at least one"),
        (
            weekdays(BERLIN, "9:00-17:00", saturday="9:00-12:00 11:59-13:00"),
            "has 09:00–12:00 before 11:59–13:00 on Saturday",
        ),
        (
            weekdays(BERLIN, "9:00-17:00", sunday="13:00-14:00 9:00-10:00"),
            "has 13:00–14:00 before 09:00–10:00 on Sunday",
        ),
        (sundays(BERLIN, "9:00-9:00"), "has 09:00–09:00 on Sunday; an interval must end after its start"),
        (sundays(BERLIN, "22:00-2:00"), "has 22:00–02:00 on Sunday; an interval must end after its start"),
        (sundays(BERLIN, "22:00-24:01"), "has 22:00–24:01 on Sunday; an interval must end after its start"),
        (replace(OFFICE, week=(*OFFICE.week[:6], (Interval(-1, 60),))), "lie between 00:00 and 24:00"),
        (
            sundays(BERLIN, " ".join(f"{hour}:00-{hour}:30" for hour in range(9))),
            "has 9 intervals on Sunday; give at most 8",
        ),
        (
            replace(OFFICE, holidays=frozenset(date(2025, 1, 1) + timedelta(days=days) for days in range(401))),
            "401 holidays; give at most 400",
        ),
    ],
)
def test_hours_that_cannot_be_used_are_told_what_to_do(hours: BusinessHours, words: str) -> None:
    (wrong,) = hours.check()
    assert words in wrong


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert len(list(BusinessHours("Nowhere", (day("9:00-8:00"),)).check())) == 3
