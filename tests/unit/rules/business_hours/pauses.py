"""Due times with pauses."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from tests.unit.rules.business_hours.hours import HOUR, MICROSECOND, OFFICE, Case

# Computed by hand. Starts, due times and pauses are in UTC. The module `hours` says when the clocks change.
PAUSES: Final = [
    # The pause from 7:00 to 8:00 UTC has ended at 9:00.
    Case(
        "a pause before the start",
        OFFICE,
        "2025-03-03 09:00",
        HOUR,
        "2025-03-03 10:00",
        [("2025-03-03 07:00", "2025-03-03 08:00")],
    ),
    # The time counts from 10:00 on.
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
    # The pause is on a Saturday, which has no hours.
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
    # A pause that ends when it starts, or earlier, has no effect.
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
    # A time of zero is due at once, even in a pause.
    Case(
        "nothing in a pause", OFFICE, "2025-03-03 09:00", timedelta(0), "2025-03-03 09:00", [("2025-03-03 08:00", None)]
    ),
]
