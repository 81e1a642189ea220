"""Checks that a table has an entry for each member of an enum. A missing entry fails at import, not at lookup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class IncompleteTableError(Exception):
    """A table has a missing or an unknown entry."""


def check_complete(keys: Iterable[KeyT], table: Mapping[KeyT, ValueT]) -> Mapping[KeyT, ValueT]:
    """Returns `table`. Raises IncompleteTableError unless it has exactly `keys`, such as the members of an enum."""
    expected = list(keys)
    if missing := [key for key in expected if key not in table]:
        raise IncompleteTableError(f"a table has no entry for {missing}")
    if unknown := [key for key in table if key not in expected]:
        raise IncompleteTableError(f"a table has an entry for {unknown}, and must not")
    return table
