"""Due times that count every hour of the day, and the horizon of five years."""

from __future__ import annotations

from typing import Final

from care_rules.business_hours import ALWAYS
from tests.unit.rules.business_hours.hours import BERLIN, HOUR, MICROSECOND, MINUTE, Case, sundays

# Computed by hand. Starts, due times and pauses are in UTC. The module `hours` says when the clocks change.
EVERY_HOUR: Final = [
    # 72 h of elapsed time; the clock change makes no difference.
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
    # Five years are 1,826 days, with the leap day of 2028. The horizon has 4 days more.
    Case("all of five years", ALWAYS, "2025-03-03 09:00", 1830 * 24 * HOUR, "2030-03-07 09:00"),
    # 1,830 days are the horizon, and a microsecond is beyond it.
    Case("more than five years", ALWAYS, "2025-03-03 09:00", 1830 * 24 * HOUR + MICROSECOND, None),
]
