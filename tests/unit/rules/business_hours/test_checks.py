"""The check of business hours names each mistake, and what to do about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from care_rules.business_hours import MAX_HOLIDAYS, MAX_INTERVALS, BusinessHours, Interval
from tests.unit.rules.business_hours.hours import AROUND_THE_CLOCK, BERLIN, OFFICE, SPLIT, day, sundays, weekdays


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
def test_valid_hours_have_no_mistakes(hours: BusinessHours) -> None:
    assert list(hours.check()) == []


@pytest.mark.parametrize(
    ("hours", "message"),
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
def test_a_mistake_in_hours_is_named_with_what_to_do(hours: BusinessHours, message: str) -> None:
    (wrong,) = hours.check()
    assert message in wrong


def test_all_mistakes_are_reported_at_once() -> None:
    assert len(list(BusinessHours("Nowhere", (day("9:00-8:00"),)).check())) == 3
