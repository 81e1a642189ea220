"""Business hours for the tests, and a case of a due time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from care_rules.business_hours import BusinessHours, Interval, Pause

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
MICROSECOND: Final = timedelta(microseconds=1)

# The cases are computed by hand for these zones. In 2025, March 3 is a Monday.

BERLIN: Final = "Europe/Berlin"
"""UTC+1; UTC+2 from Sunday, March 30, 01:00 UTC (2:00 becomes 3:00) to Sunday, October 26, 01:00 UTC
(3:00 becomes 2:00)."""
NEW_YORK: Final = "America/New_York"
"""UTC-5; UTC-4 from Sunday, March 9, 07:00 UTC (2:00 becomes 3:00) to Sunday, November 2, 06:00 UTC
(2:00 becomes 1:00)."""
KOLKATA: Final = "Asia/Kolkata"
"""Always UTC+5:30."""
LORD_HOWE: Final = "Australia/Lord_Howe"
"""UTC+11; UTC+10:30 from local Sunday, April 6 (April 5, 15:00 UTC: 2:00 becomes 1:30) to local Sunday, October 5
(October 4, 15:30 UTC: 2:00 becomes 2:30)."""
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
    """Parses `9:00-12:00 13:00-17:00`."""
    return tuple(Interval(*map(minutes, each.split("-"))) for each in text.split())


def weekdays(zone: str, text: str, *, saturday: str = "", sunday: str = "", holidays: str = "") -> BusinessHours:
    """Returns hours that are the same from Monday to Friday."""
    week = (*[day(text)] * 5, day(saturday), day(sunday))
    return BusinessHours(zone, week, frozenset(map(date.fromisoformat, holidays.split())))


def sundays(zone: str, text: str) -> BusinessHours:
    """Returns hours on Sundays only. On Sundays clocks change."""
    return weekdays(zone, "", sunday=text)


OFFICE: Final = weekdays(BERLIN, "9:00-17:00")
SPLIT: Final = weekdays(BERLIN, "9:00-12:00 13:00-17:00", saturday="10:00-14:00")
AROUND_THE_CLOCK: Final = "0:00-24:00"


class Case(NamedTuple):
    """A due time: after `start`, the working time `after` is complete at `due`. None: not within the horizon."""

    what: str
    hours: BusinessHours | None
    start: str
    after: timedelta
    due: str | None
    pauses: Sequence[tuple[str, str | None]] = ()

    def read_pauses(self) -> list[Pause]:
        """Returns the pauses as instants."""
        return [Pause(utc(start), None if end is None else utc(end)) for start, end in self.pauses]
