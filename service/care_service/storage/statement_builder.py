"""Builds one SQL statement from several data-modifying CTEs, with numbered parameters that carry their types."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from care_service.storage.rows import EntityT, Mapping

_CACHED: Final = 1_024
"""How many parts of statements a process caches. Each table has a few, for each number of preceding parameters."""


class Statement:
    """A statement under construction. Every value of an entity is a parameter.

    All decisions of one kind give the same text, so that a connection prepares the statement only once.
    """

    def __init__(self, purpose: str) -> None:
        self._purpose = purpose
        self._parts: list[str] = []
        self.parameters: list[object] = []
        self.result = "SELECT 1"
        """The SELECT at the end. For a commit, set a SELECT that returns no row if another call committed first."""

    def parameter(self, value: object, sql_type: str) -> str:
        """Adds a parameter, and returns the SQL for it: `$1::TEXT`."""
        self.parameters.append(value)
        return _parameter(len(self.parameters), sql_type)

    def add(self, name: str, sql: str) -> None:
        """Adds a CTE."""
        self._parts.append(_cte(name, sql))

    def insert(
        self,
        name: str,
        mapping: Mapping[EntityT],
        entity: EntityT,
        source: str | None,
        returning: str = "1",
        computed: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Adds a CTE that inserts an entity if the CTE `source` returned a row, or always if `source` is None.

        `computed` contains columns that are not fields of the entity, each with its SQL.
        """
        self._parts.append(_insert(name, mapping, source, returning, computed, len(self.parameters)))
        self.parameters += mapping.values(entity)

    def assignments(self, mapping: Mapping[EntityT], entity: EntityT, excluded: frozenset[str]) -> str:
        """Returns the SET list of an UPDATE for all columns of an entity except the `excluded`."""
        assigned, sql = _assignments(mapping, excluded, len(self.parameters))
        values = mapping.values(entity)
        self.parameters += [values[index] for index in assigned]
        return sql

    def sql(self) -> str:
        """Returns the whole statement."""
        return f"-- {self._purpose}\nWITH {', '.join(self._parts)}\n{self.result}\n"


# The texts are cached, because making them takes longer than applying the rules of a command.


@lru_cache(_CACHED)
def _insert(
    name: str,
    mapping: Mapping[Any],
    source: str | None,
    returning: str,
    computed: tuple[tuple[str, str], ...],
    before: int,
) -> str:
    """Returns a CTE. The statement already has `before` parameters."""
    columns = ", ".join([*mapping.fields, *(column for column, _ in computed)])
    parameters = [_parameter(before + place, mapping.types[field]) for place, field in enumerate(mapping.fields, 1)]
    values = ", ".join([*parameters, *(sql for _, sql in computed)])
    origin = f"\n  FROM {source}" if source else ""
    sql = f"INSERT INTO {mapping.table.name} ({columns})\n  SELECT {values}{origin}\n  RETURNING {returning}"
    return _cte(name, sql)


@lru_cache(_CACHED)
def _assignments(mapping: Mapping[Any], excluded: frozenset[str], before: int) -> tuple[tuple[int, ...], str]:
    """Returns the indices of the assigned fields, and the SET list. The statement already has `before` parameters."""
    assigned = [(place, field) for place, field in enumerate(mapping.fields) if field not in excluded]
    sets = (
        f"{field} = {_parameter(before + number, mapping.types[field])}"
        for number, (_, field) in enumerate(assigned, 1)
    )
    return tuple(place for place, _ in assigned), ", ".join(sets)


def _parameter(number: int, sql_type: str) -> str:
    return f"${number}::{sql_type}"


def _cte(name: str, sql: str) -> str:
    return f"{name} AS (\n  {sql}\n)"
