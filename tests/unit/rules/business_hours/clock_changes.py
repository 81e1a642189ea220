"""Due times where clocks change: hours and whole days that do not exist or exist twice."""

from __future__ import annotations

from typing import Final

from tests.unit.rules.business_hours.hours import (
    APIA,
    AROUND_THE_CLOCK,
    BERLIN,
    HAVANA,
    HOUR,
    JERUSALEM,
    KOLKATA,
    LORD_HOWE,
    MINUTE,
    NEW_YORK,
    OFFICE,
    ST_JOHNS,
    Case,
    sundays,
    weekdays,
)

# Computed by hand. Starts, due times and pauses are in UTC. The module `hours`, or the comment of a case, says when the
# clocks change.
CLOCK_CHANGES: Final = [
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
    # 1:00 is 00:00 UTC. 2:30 does not exist, so there is 1 h until the change; half an hour from Sunday, April 6, 1:00
    # at +2, which is 23:00 UTC the day before.
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
    # 0:00 at +2 is 22:00 UTC the day before, 4:00 at +1 is 03:00 UTC: 5 h. The intervals overlap: the first one ends at
    # the second 2:00, and the second one starts at the first 2:00.
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
    # Havana, November 2, 05:00 UTC: 1:00 at -4 becomes 0:00 at -5. Saturday's hours start at 22:00 at -4, 02:00 UTC,
    # and end at the second midnight, 05:00 UTC. Sunday's hours start at the first midnight, 04:00 UTC, and end at 1:00
    # at -5, 06:00 UTC: 4 h.
    Case(
        "over a midnight that exists twice",
        weekdays(HAVANA, "", saturday="22:00-24:00", sunday="0:00-1:00"),
        "2025-11-01 12:00",
        4 * HOUR,
        "2025-11-02 06:00",
    ),
    # Saturday's hours end at the second midnight. Half an hour earlier, the clock shows Sunday, 0:30.
    Case(
        "from an instant whose local date is a day later",
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
        "to an instant whose local date is a day earlier",
        sundays(ST_JOHNS, "0:00-1:00"),
        "2010-11-07 02:00",
        HOUR / 2,
        "2010-11-07 03:00",
    ),
    # The hours of the case above go on until Sunday 1:00 at -3:30, 04:30 UTC.
    Case(
        "from an instant whose local date is a day earlier",
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
]
