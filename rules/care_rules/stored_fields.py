"""The names under which fields are stored as JSON.

A field is stored under its name. A field that gets another name keeps the earlier one beside it, so that values that
were stored before are still read:

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
    """Returns the metadata of a field that was stored under other names before, the latest first."""
    return {_FORMER_NAMES: names}


class AmbiguousNameError(Exception):
    """Two fields of a dataclass are stored under one name."""


@cache
def fields_by_stored_name(entity: type) -> Mapping[str, str]:
    """Returns the field that each stored name of a dataclass means: present names first, then former ones.

    Raises AmbiguousNameError.
    """
    names = [(each.name, each.name) for each in fields(entity)]
    names += [(former, each.name) for each in fields(entity) for former in each.metadata.get(_FORMER_NAMES, ())]
    found = dict(names)
    if len(found) < len(names):
        raise AmbiguousNameError(f"{entity.__name__}: a name in {[name for name, _ in names]} stands for two fields")
    return found


def with_present_names(entity: type, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what is stored of a dataclass by the present names of its fields, all the way down.

    Where a field is stored under several names, its present name counts, else its latest former one. Names that no
    field has are left as they are.
    """
    hints, known = get_type_hints(entity), fields_by_stored_name(entity)
    found = {name: value for name, value in stored.items() if name not in known}
    for name, field in known.items():
        if name in stored and field not in found:
            found[field] = _rename_fields(hints[field], stored[name])
    return found


def _rename_fields(hint: object, value: object) -> object:
    if isinstance(hint, type) and is_dataclass(hint) and isinstance(value, dict):
        return with_present_names(hint, value)
    if get_origin(hint) in {tuple, frozenset} and isinstance(value, list):
        return [_rename_fields(get_args(hint)[0], each) for each in value]
    if isinstance(hint, UnionType):
        for part in get_args(hint):
            value = _rename_fields(part, value)
    return value
