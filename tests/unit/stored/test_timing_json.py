"""The stored timing of a ticket: values of other releases are kept, and never prevent the load of the ticket."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from care_rules.business_hours import Pause
from care_rules.timing import DeadlineKind, Timing
from care_service.storage import timing_json

NOW = datetime(2026, 5, 4, 9, 0, 0, 250_000, tzinfo=UTC)
LATER = NOW + timedelta(hours=3)
WHOLE = Timing(
    active_time=NOW,
    warn_time=LATER,
    first_response_time=NOW,
    waits_since=LATER,
    pauses=(Pause(NOW, LATER), Pause(LATER, None)),
    first_response_due_time=LATER,
    resolution_due_time=LATER,
    first_response_missed=True,
    resolution_missed=True,
    reminders=2,
    next_kind=DeadlineKind.RESOLUTION,
    next_time=LATER,
    watch_time=NOW,
)
STORED: dict[str, Any] = json.loads(timing_json.encode(WHOLE))


@pytest.mark.parametrize("timing", [WHOLE, Timing(active_time=NOW)])
def test_a_timing_is_read_as_written(timing: Timing) -> None:
    text = timing_json.encode(timing)
    assert timing_json.decode(text) == timing


def test_only_values_that_differ_from_the_initial_ones_are_stored() -> None:
    assert timing_json.encode(Timing(active_time=NOW)) == '{"active_time":"2026-05-04T09:00:00.250000Z"}'


@pytest.mark.parametrize("name", ["snoozed_until", "unknown"])
def test_an_unknown_part_is_kept_by_every_write(name: str) -> None:
    stored = STORED | {name: {"until": "2027", "by": ["ü", 1.5, None]}}
    timing = timing_json.decode(json.dumps(stored))
    assert replace(timing, unknown=()) == WHOLE
    after = replace(timing, reminders=3, next_kind=None)
    expected = stored | {"reminders": 3}
    del expected["next_kind"]
    assert json.loads(timing_json.encode(after)) == expected
    assert timing_json.decode(timing_json.encode(after)) == after


@pytest.mark.parametrize(
    ("name", "value"),
    [("next_kind", "ESCALATION"), ("pauses", [{"begin": 1}]), ("reminders", "two"), ("warn_time", 1e99)],
)
def test_an_unreadable_part_has_its_initial_value(name: str, value: object) -> None:
    with capture_logs() as lines:
        timing = timing_json.decode(json.dumps(STORED | {name: value}))
    assert timing == replace(WHOLE, **{name: getattr(Timing(active_time=NOW), name)})
    assert [(line["log_level"], line["field"]) for line in lines] == [("warning", name)]


def test_unknown_parts_of_a_pause_are_ignored() -> None:
    pauses = [each | {"reason": "holiday"} for each in STORED["pauses"]]
    assert timing_json.decode(json.dumps(STORED | {"pauses": pauses})) == WHOLE
