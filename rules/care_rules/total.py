"""Tables with an entry for each member of an enum: a forgotten entry fails at import, not when it is looked up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class IncompleteTableError(Exception):
    """A table lacks an entry, or has one too many."""


def total(keys: Iterable[KeyT], table: Mapping[KeyT, ValueT]) -> Mapping[KeyT, ValueT]:
    """Returns `table`, which has exactly `keys`, such as the members of an enum; raises IncompleteTableError."""
    wanted = list(keys)
    missing = [key for key in wanted if key not in table]
    unknown = [key for key in table if key not in wanted]
    if missing or unknown:
        raise IncompleteTableError(f"a table of {wanted} lacks {missing} and has {unknown} too many")
    return table
