"""Each setting can be read and written, and the documentation says what a change of the setting recalculates."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from care.v1 import settings_pb2
from care_rules.settings import FIELDS, Layer, Moves, Settings, settings_that_move
from care_service.rpc import settings_convert
from tests.support.sample_settings import EVERY_SETTING

ROOT = Path(__file__).parents[3]
NOT_SETTINGS = {"name", "etag"}
"""The fields of the message `Settings` that are not settings."""
MOVED = {Moves.DEADLINES: "deadlines", Moves.REMINDERS: "reminders of forms"}


def test_the_settings_are_the_fields_of_the_contract() -> None:
    assert set(settings_pb2.Settings.DESCRIPTOR.fields_by_name) - NOT_SETTINGS == set(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_a_setting_is_written_to_the_contract_and_read_back(name: str) -> None:
    assert getattr(EVERY_SETTING, name) != getattr(Settings(), name)
    message = settings_convert.settings_message(
        Layer(EVERY_SETTING, frozenset({name})), "organizations/acme/settings", 1
    )
    assert [field.name for field, _ in message.ListFields() if field.name not in NOT_SETTINGS] == [name]
    wrong: dict[str, str] = {}
    read = settings_convert.read_settings(message, wrong.__setitem__)
    assert read.names == {name}
    assert not wrong
    assert getattr(read.values, name) == getattr(EVERY_SETTING, name)
    assert settings_convert.json_values(read).keys() == {name}


def test_the_documentation_says_what_a_change_of_each_setting_recalculates() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| ([a-z ]+|—) \|$", text, re.MULTILINE))
    stated = {
        name: ", ".join(times for moved, times in MOVED.items() if name in settings_that_move(moved)) or "—"
        for name in FIELDS
    }
    assert rows == stated
