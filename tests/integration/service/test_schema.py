"""The tables agree with the entities and with the migrations."""

from __future__ import annotations

from dataclasses import fields

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from care_dev.stack import postgres
from care_service.storage import rows, tables
from care_service.storage.database import Database
from care_service.storage.migrate import upgrade
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
    # Columns that PostgreSQL computes are not in the entities.
    given = (column.identity or column.computed or column.server_default for column in mapping.table.columns)
    columns = [column.name for column, own in zip(mapping.table.columns, given, strict=True) if own is None]
    assert [field.name for field in fields(mapping.entity)] == columns  # type: ignore[arg-type]


def test_every_primary_key_begins_with_the_organization() -> None:
    first = {table.name: next(iter(table.primary_key.columns)).name for table in tables.metadata.sorted_tables}
    assert first.pop("organizations") == "id"
    assert set(first.values()) == {"organization"}


async def test_the_migrations_create_exactly_the_tables_of_the_metadata(service: Care) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), tables.metadata))

    async with service.database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_the_migrations_create_the_conditions_computed_columns_and_triggers_of_the_metadata(
    server: postgres.Server,
) -> None:
    """Compares what `compare_metadata` does not compare."""

    async def definitions(database: Database) -> list[list[tuple[str, ...]]]:
        async with database.driver() as connection:
            found = [
                await connection.fetch(
                    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
                    " AND tablename <> 'alembic_version' ORDER BY indexname"
                ),
                await connection.fetch(
                    "SELECT table_name, column_name, coalesce(generation_expression, '')"
                    " FROM information_schema.columns"
                    " WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, 2"
                ),
                await connection.fetch(
                    "SELECT pg_get_triggerdef(t.oid), regexp_replace(p.prosrc, '\\s+', ' ', 'g')"
                    " FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT tgisinternal ORDER BY tgname"
                ),
            ]
        return [[tuple(row) for row in rows] for rows in found]

    made, migrated = [Database(server.create_database(name)) for name in ("made_by_metadata", "made_by_migrations")]
    try:
        async with made.engine.begin() as connection:
            await connection.run_sync(tables.metadata.create_all)
        await upgrade(migrated.engine)
        assert await definitions(migrated) == await definitions(made)
    finally:
        await made.close()
        await migrated.close()
