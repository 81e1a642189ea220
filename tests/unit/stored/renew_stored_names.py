"""The committed list of all stored names, and a command that adds new ones.

python -m tests.unit.stored.renew_stored_names

The list only grows. A database may still contain a name that no field and no enum has any more. Such a name needs
`formerly` at the field that replaced it, or a migration that rewrites it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

from care_rules.entities.activity import FieldChange
from care_rules.settings import Layer, Settings
from care_rules.stored_fields import fields_by_stored_name
from care_rules.timing import Timing
from care_service.storage import rows
from care_service.storage.rows import Mapping

STORED_NAMES: Final = Path(__file__).with_name("stored_names.txt")

MIGRATED: Final[dict[str, str]] = {}
"""Names that no code reads any more, each with the migration that removed it, such as "settings.x": "0012"."""

_TABLES: Final = tuple(value for value in vars(rows).values() if isinstance(value, Mapping))


def stored_names() -> Iterator[str]:
    """Yields each name that this release reads: fields in stored JSON, and values of enums in JSON and in columns.

    `settings.deadlines.priorities.priority` is a field. `settings.deadlines.priorities.priority=HIGH` is a value of it.
    """
    yield from _names("settings", Settings)
    for table in _TABLES:
        for name, hint in get_type_hints(table.entity).items():
            if hint is Timing:
                yield from (each for each in _names(f"tickets.{name}", Timing) if each != "tickets.timing.unknown")
            elif hint not in {Layer, tuple[FieldChange, ...]}:  # changes are stored without names
                yield from _values(f"{table.table.name}.{name}", hint)


def _names(place: str, entity: type) -> Iterator[str]:
    hints: dict[str, Any] = get_type_hints(entity)
    for name, field in fields_by_stored_name(entity).items():
        yield f"{place}.{name}"
        yield from _values(f"{place}.{name}", hints[field])


def _values(place: str, hint: object) -> Iterator[str]:
    if isinstance(hint, type) and issubclass(hint, Enum):
        yield from (f"{place}={member.value}" for member in hint)
    elif isinstance(hint, type) and is_dataclass(hint):
        yield from _names(place, hint)
    for part in get_args(hint):
        yield from _values(place, part)


def committed() -> set[str]:
    """Returns the names on the list."""
    return set(STORED_NAMES.read_text(encoding="utf-8").split()) if STORED_NAMES.exists() else set()


def main() -> None:
    """Adds new names to the list."""
    names = committed() | set(stored_names())
    STORED_NAMES.write_text("".join(f"{name}\n" for name in sorted(names)), encoding="utf-8")


if __name__ == "__main__":
    main()
