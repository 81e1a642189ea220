"""Due times over nights, weekends and holidays."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from tests.unit.rules.business_hours.hours import (
    AROUND_THE_CLOCK,
    BERLIN,
    HOUR,
    MICROSECOND,
    OFFICE,
    SPLIT,
    Case,
    sundays,
    weekdays,
)

# Computed by hand. Starts, due times and pauses are in UTC. The module `hours` says when the clocks change.
WORKING_DAYS: Final = [
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
    # A time of zero is due at once, even on a Sunday.
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
]
