"""The tables are what the entities and the migrations say."""

from __future__ import annotations

from dataclasses import fields

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from care_service.storage import rows, tables
from tests.support.care import Care


@pytest.mark.parametrize(
    "mapping",
    [
        rows.ORGANIZATION,
        rows.LOCATION,
        rows.AGENT,
        rows.REVIEW,
        rows.TICKET,
        rows.RECOVERY,
        rows.CONTACT,
        rows.MESSAGE,
        rows.ACTIVITY,
        rows.DELIVERY,
        rows.INBOUND,
    ],
    ids=lambda mapping: str(mapping.table.name),
)
def test_the_fields_of_an_entity_are_the_columns_of_its_table_in_the_same_order(mapping: rows.Mapping[object]) -> None:
    # What the database itself counts or works out is no entity's.
    given = (column.identity or column.computed or column.server_default for column in mapping.table.columns)
    columns = [column.name for column, own in zip(mapping.table.columns, given, strict=True) if own is None]
    assert [field.name for field in fields(mapping.entity)] == columns  # type: ignore[arg-type]


def test_every_primary_key_begins_with_the_organization() -> None:
    first = {table.name: next(iter(table.primary_key.columns)).name for table in tables.metadata.sorted_tables}
    assert first.pop("organizations") == "id"
    assert set(first.values()) == {"organization"}


async def test_the_migrations_make_exactly_the_tables_of_the_metadata(service: Care) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), tables.metadata))

    async with service.database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
