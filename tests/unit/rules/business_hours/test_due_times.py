"""Due times and working times of business hours are those that were computed by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from care_rules.business_hours import ALWAYS, Pause, due_time, working_time
from tests.unit.rules.business_hours.clock_changes import CLOCK_CHANGES
from tests.unit.rules.business_hours.every_hour import EVERY_HOUR
from tests.unit.rules.business_hours.hours import BERLIN, HOUR, OFFICE, Case, utc
from tests.unit.rules.business_hours.pauses import PAUSES
from tests.unit.rules.business_hours.working_days import WORKING_DAYS

CASES = [*WORKING_DAYS, *CLOCK_CHANGES, *PAUSES, *EVERY_HOUR]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_the_due_time_is_as_computed_by_hand(case: Case) -> None:
    due = None if case.due is None else utc(case.due)
    assert due_time(case.hours, utc(case.start), case.after, case.read_pauses()) == due


@pytest.mark.parametrize("case", [case for case in CASES if case.due is not None], ids=lambda case: case.what)
def test_the_working_time_until_the_due_time_is_the_given_time(case: Case) -> None:
    assert case.due is not None
    assert working_time(case.hours, utc(case.start), utc(case.due), case.read_pauses()) == case.after


def test_a_stretch_that_ends_before_it_starts_has_no_working_time() -> None:
    assert working_time(OFFICE, utc("2025-03-03 10:00"), utc("2025-03-03 09:00")) == timedelta(0)
    assert working_time(ALWAYS, utc("2025-03-03 10:00"), utc("2025-03-03 09:00")) == timedelta(0)


def test_instants_may_be_in_any_time_zone() -> None:
    start = datetime(2025, 3, 28, 16, tzinfo=ZoneInfo(BERLIN))
    due = due_time(OFFICE, start, 2 * HOUR, [Pause(start + HOUR / 2, start + HOUR)])
    # 0.5 h on Friday, 1.5 h from Monday, March 31, 9:00 at +2.
    assert due == utc("2025-03-31 08:30")
    assert due.tzinfo is UTC
    # Sunday 0:00 to 12:00 in Berlin is 11 h.
    midnight = datetime(2025, 3, 30, tzinfo=ZoneInfo(BERLIN))
    assert working_time(ALWAYS, midnight, midnight.replace(hour=12)) == 11 * HOUR
    assert due_time(ALWAYS, midnight, 11 * HOUR) == utc("2025-03-30 10:00")
