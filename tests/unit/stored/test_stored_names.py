"""Every name that was ever stored is read, is read under a new name, or was migrated."""

from __future__ import annotations

from pathlib import Path

import care_service.storage.migrations
from tests.unit.stored.renew_stored_names import MIGRATED, STORED_NAMES, committed, stored_names

VERSIONS = Path(care_service.storage.migrations.__file__).parent / "versions"


def test_every_name_that_was_stored_is_read_or_was_migrated() -> None:
    forgotten = committed() - set(stored_names()) - MIGRATED.keys()
    assert sorted(forgotten) == [], 'beside the field, add formerly("…"), or name the migration in MIGRATED'


def test_every_name_that_is_stored_is_on_the_list() -> None:
    hint = "new names? python -m tests.unit.stored.renew_stored_names"
    assert sorted(set(stored_names()) - committed()) == [], hint


def test_the_list_holds_names_of_every_kind() -> None:
    assert {
        "settings.auto_assign=ROUND_ROBIN",
        "settings.business_hours.week.start",
        "settings.deadlines.priorities.priority=URGENT",
        "settings.grace_days",
        "tickets.status=OPEN",
        "tickets.timing.next_kind=RESOLUTION",
        "tickets.timing.pauses.end",
        "recoveries.refusal_reason=TOO_LONG",
    } <= committed()


def test_the_list_is_sorted_and_has_each_name_once() -> None:
    lines = STORED_NAMES.read_text(encoding="utf-8").splitlines()
    assert lines == sorted(set(lines))


def test_a_migrated_name_is_on_the_list_and_in_its_migration() -> None:
    for name, revision in MIGRATED.items():
        assert name in committed()
        (migration,) = VERSIONS.glob(f"{revision}_*.py")
        assert name.replace("=", ".").rpartition(".")[2] in migration.read_text(encoding="utf-8")
