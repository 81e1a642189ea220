"""Builds one SQL statement from several data-modifying CTEs, with numbered parameters that carry their types."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping as Mapped
from types import MappingProxyType

from care_service.storage.rows import EntityT, Mapping


class Statement:
    """A statement under construction. Identifiers come from the tables, and every value is a parameter.

    All decisions of one kind give the same text, so that a connection prepares it only once.
    """

    def __init__(self, purpose: str) -> None:
        self._purpose = purpose
        self._parts: list[str] = []
        self.parameters: list[object] = []
        self.result = "SELECT 1"
        """The SELECT at the end, which returns a row if the statement wrote anything."""

    def parameter(self, value: object, sql_type: str) -> str:
        """Adds a parameter, and returns the SQL for it: `$1::TEXT`."""
        self.parameters.append(value)
        return f"${len(self.parameters)}::{sql_type}"

    def add(self, name: str, sql: str) -> None:
        """Adds a CTE."""
        self._parts.append(f"{name} AS (\n  {sql}\n)")

    def insert(
        self,
        name: str,
        mapping: Mapping[EntityT],
        entity: EntityT,
        source: str | None,
        returning: str = "1",
        computed: Mapped[str, str] = MappingProxyType({}),
    ) -> None:
        """Adds a CTE that inserts an entity, if the CTE `source` wrote a row.

        `computed` contains the SQL for columns that are not fields of the entity.
        """
        fields = list(mapping.values(entity))
        columns = ", ".join([*(field for field, _, _ in fields), *computed])
        values = ", ".join([*(self.parameter(value, sql_type) for _, sql_type, value in fields), *computed.values()])
        origin = f"\n  FROM {source}" if source else ""
        self.add(
            name,
            f"INSERT INTO {mapping.table.name} ({columns})\n  SELECT {values}{origin}\n  RETURNING {returning}",
        )

    def assignments(self, mapping: Mapping[EntityT], entity: EntityT, excluded: Collection[str]) -> str:
        """Returns the SET list of an UPDATE for all columns of an entity except the `excluded`."""
        return ", ".join(
            f"{field} = {self.parameter(value, sql_type)}"
            for field, sql_type, value in mapping.values(entity)
            if field not in excluded
        )

    def sql(self) -> str:
        """Returns the whole statement."""
        return f"-- {self._purpose}\nWITH {', '.join(self._parts)}\n{self.result}\n"
