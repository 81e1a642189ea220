"""Stored settings: values of other releases are kept unchanged and never prevent the load of a ticket."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from care_rules.entities.ticket import Priority
from care_rules.settings import (
    FIELDS,
    AutoAssign,
    Deadlines,
    Layer,
    PriorityDeadlines,
    Settings,
    merge_layers,
)
from care_service.storage import settings_json
from tests.support.sample_settings import EVERY_SETTING


def read(stored: dict[str, object]) -> Layer:
    return settings_json.decode(json.dumps(stored))


def write(layer: Layer) -> object:
    return json.loads(settings_json.encode(layer))


def grace_of(days: int) -> Layer:
    return Layer(Settings(grace_days=days), frozenset({"grace_days"}))


def test_each_setting_is_read_as_written() -> None:
    assert [name for name in FIELDS if getattr(EVERY_SETTING, name) == getattr(Settings(), name)] == []
    layer = Layer(EVERY_SETTING, frozenset(FIELDS))
    text = settings_json.encode(layer)
    again = settings_json.decode(text)
    assert (again.values, again.names) == (layer.values, layer.names)
    assert json.loads(settings_json.encode(again)) == json.loads(text)


def test_an_unknown_setting_is_ignored_and_kept_when_another_is_written() -> None:
    stored = {"grace_days": 3, "snooze": {"days": [1, 2.5, None], "text": '\u00fc\u2028"\\'}, "x": None}
    with capture_logs() as lines:
        layer = read(stored)
    assert (layer.names, layer.values.grace_days) == (frozenset({"grace_days"}), 3)
    assert [(line["log_level"], line["setting"]) for line in lines] == [("info", "snooze"), ("info", "x")]
    assert merge_layers(layer, read({"snooze": 1})) == Settings(grace_days=3)
    assert write(layer.with_changes(grace_of(4), frozenset({"grace_days"}))) == stored | {"grace_days": 4}
    assert write(layer.with_changes(Layer(), frozenset({"grace_days"}))) == {"snooze": stored["snooze"], "x": None}


def test_unknown_parts_of_a_setting_are_kept_until_that_setting_is_written() -> None:
    deadlines = {
        "priorities": [{"priority": "HIGH", "first_response": "PT6H", "resolution": None, "escalate_to": "sue"}],
        "paused_while_waiting": True,
        "starts_at": "first_message",
    }
    layer = read({"deadlines": deadlines})
    assert layer.values.deadlines == Deadlines(
        (PriorityDeadlines(Priority.HIGH, timedelta(hours=6), None),), paused_while_waiting=True
    )
    after = layer.with_changes(grace_of(4), frozenset({"grace_days"}))
    assert write(after) == {"deadlines": deadlines, "grace_days": 4}
    given = Layer(Settings(deadlines=Deadlines()), frozenset({"deadlines"}))
    assert write(after.with_changes(given, frozenset({"deadlines"}))) == {
        "deadlines": {"priorities": [], "paused_while_waiting": False},
        "grace_days": 4,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("auto_assign", "BY_SKILL"),
        ("preferred_channel", "WHATSAPP"),
        ("star_priorities", [{"stars": 1, "priority": "CRITICAL"}]),
        ("deadlines", {"priorities": "none"}),
        ("form_lifetime", "a while"),
        ("grace_days", {"working": 3}),
        ("grace_days", None),
        ("business_hours", {"zone": "Mars/Olympus", "week": [[{"start": 0, "end": 60}], [], [], [], [], [], []]}),
        ("business_hours", {"zone": "UTC", "week": []}),
    ],
)
def test_an_unreadable_setting_counts_as_not_set_and_stays_stored(name: str, value: object) -> None:
    stored = {name: value, "inactivity_days": 20}
    with capture_logs() as lines:
        layer = read(stored)
    assert layer.names == {"inactivity_days"}
    assert merge_layers(read({name: value}), None) == Settings()
    assert [(line["log_level"], line["setting"]) for line in lines] == [("warning", name)]
    change = Layer(Settings(warn_customer=True), frozenset({"warn_customer"}))
    assert write(layer.with_changes(change, frozenset({"warn_customer"}))) == stored | {"warn_customer": True}
    given = Layer(EVERY_SETTING, frozenset({name}))
    mended = read(json.loads(settings_json.encode(layer.with_changes(given, frozenset({name})))))
    assert mended.names == {name, "inactivity_days"}
    assert getattr(mended.values, name) == getattr(EVERY_SETTING, name)


def test_a_location_with_an_unreadable_value_has_the_one_of_its_organization() -> None:
    organization, location = read({"auto_assign": "LEAST_LOADED"}), read({"auto_assign": "BY_SKILL"})
    assert merge_layers(organization, location).auto_assign is AutoAssign.LEAST_LOADED


def test_a_change_writes_only_the_settings_that_it_names() -> None:
    before = read({"grace_days": 3, "inactivity_days": 20})
    given = Layer(Settings(grace_days=4, inactivity_days=50), frozenset({"grace_days", "inactivity_days"}))
    assert write(before.with_changes(given, frozenset({"grace_days"}))) == {"grace_days": 4, "inactivity_days": 20}
    assert before.with_changes(given, frozenset()) is before


def test_the_same_text_is_read_once() -> None:
    text = settings_json.encode(grace_of(5))
    assert settings_json.decode(text) is settings_json.decode(text)
