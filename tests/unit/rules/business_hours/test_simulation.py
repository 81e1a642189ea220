"""Due times and working times of random business hours agree with a simulation and with each other."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from care_rules.business_hours import ALWAYS, HORIZON, BusinessHours, due_time, working_time
from tests.unit.rules.business_hours.hours import MICROSECOND, OFFICE, SPLIT
from tests.unit.rules.business_hours.simulation import CHANGES, Run, compare, draw_pauses, draw_run, intervals


@given(run=draw_run(days=4))
def test_results_around_clock_changes_equal_a_simulation_of_every_minute(run: Run) -> None:
    compare(run, days=4)


@given(run=draw_run(days=35))
@settings(max_examples=10)
def test_results_over_weeks_equal_a_simulation_of_every_minute(run: Run) -> None:
    compare(run, days=35)


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
def test_the_time_is_complete_at_the_due_time_and_not_a_microsecond_before(
    hours: BusinessHours | None, start: datetime, after: timedelta, data: st.DataObject
) -> None:
    pauses = data.draw(draw_pauses(start, 30 * 24 * 60))
    due = due_time(hours, start, after, pauses)
    if due is None:
        assert working_time(hours, start, start + HORIZON, pauses) < after
    elif due > start:
        assert working_time(hours, start, due, pauses) == after
        assert working_time(hours, start, due - MICROSECOND, pauses) == after - MICROSECOND
    else:
        assert (due, after) == (start, timedelta(0))


@given(hours=any_hours(), instants=st.tuples(INSTANTS, INSTANTS, INSTANTS).map(sorted), data=st.data())
def test_the_working_times_of_two_adjacent_stretches_add_up(
    hours: BusinessHours | None, instants: list[datetime], data: st.DataObject
) -> None:
    first, second, third = instants
    pauses = data.draw(draw_pauses(second, 30 * 24 * 60))
    parts = working_time(hours, first, second, pauses) + working_time(hours, second, third, pauses)
    assert parts == working_time(hours, first, third, pauses)
