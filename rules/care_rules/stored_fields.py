"""The names under which fields are stored as JSON.

A field is stored under its own name. A renamed field lists its former names, so that values that were stored under
them can still be read:

    grace_days: int = field(default=7, metadata=formerly("days_of_grace"))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

_FORMER_NAMES: Final = "former_names"


def formerly(*names: str) -> dict[str, Any]:
    """Returns the metadata of a renamed field. `names` are its former names, the latest first."""
    return {_FORMER_NAMES: names}


class AmbiguousNameError(Exception):
    """Two fields of a dataclass have the same stored name."""


@cache
def fields_by_stored_name(entity: type) -> Mapping[str, str]:
    """Returns the field of a dataclass for each stored name, the current names first, then the former names.

    Raises AmbiguousNameError if two fields share a stored name.
    """
    names = [(each.name, each.name) for each in fields(entity)]
    names += [(former, each.name) for each in fields(entity) for former in each.metadata.get(_FORMER_NAMES, ())]
    by_name = dict(names)
    if len(by_name) < len(names):
        raise AmbiguousNameError(f"{entity.__name__}: two fields share one of the names {[name for name, _ in names]}")
    return by_name


def to_current_names(entity: type, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the stored values of a dataclass under the current names of its fields. Nested dataclasses are included.

    If a field is stored under several names, the current name wins over the former names, and a later former name over
    an earlier one. Unknown names stay as they are.
    """
    hints, known = get_type_hints(entity), fields_by_stored_name(entity)
    renamed = {name: value for name, value in stored.items() if name not in known}
    for name, field in known.items():
        if name in stored and field not in renamed:
            renamed[field] = _rename_fields(hints[field], stored[name])
    return renamed


def _rename_fields(hint: object, value: object) -> object:
    if isinstance(hint, type) and is_dataclass(hint) and isinstance(value, dict):
        return to_current_names(hint, value)
    if get_origin(hint) in {tuple, frozenset} and isinstance(value, list):
        return [_rename_fields(get_args(hint)[0], each) for each in value]
    if isinstance(hint, UnionType):
        for part in get_args(hint):
            value = _rename_fields(part, value)
    return value
