"""Every migration keeps the existing rows, in upgrades and in downgrades."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import ARRAY, Boolean, Connection, DateTime, Integer, LargeBinary, MetaData, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import INTERVAL, JSONB, TSVECTOR
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeEngine

from care_dev.stack import postgres
from care_service.storage.database import Database, driver_url
from care_service.storage.migrate import LOCK, downgrade, revisions, upgrade
from care_service.storage.schema_version import NewerDatabaseError
from tests.support.system import eventually

_numbers = count(1)

VALUES: list[tuple[type[TypeEngine[Any]], object]] = [
    (ARRAY, ["vip"]),
    (JSONB, []),
    (TSVECTOR, "'soup'"),
    (Uuid, UUID("0190a0a0-0000-7000-8000-000000000001")),
    (DateTime, datetime(2026, 5, 4, 9, tzinfo=UTC)),
    (INTERVAL, timedelta(days=30)),
    (LargeBinary, b"answer"),
    (Boolean, True),
    (Integer, 7),
    (Text, "some"),
]
"""Values for columns, by type. The first matching type is used."""
MOVED = {"organizations": {"form_lifetime", "consent_text", "chat_greeting"}, "locations": {"preferred_channel"}}
"""Columns that became a part of `settings`: removed by the upgrade, restored by the downgrade."""
RENAMED = {"recoveries": {"mark": "reply_state"}}
"""Columns with another name in the newest schema."""
REPLY_STATES = {
    "NEVER": "NONE",
    "OUT": "POSTING",
    "TAKING_OUT": "RETRACTING",
    "POSTED": "POSTED",
    "NOT_PUBLIC": "NOT_PUBLIC",
    "RETRACTED": "RETRACTED",
}
"""Each value of `mark`, with the value of `reply_state` that replaced it."""


def tables(connection: Connection) -> list[Table]:
    metadata = MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name != "alembic_version"]


def fill(connection: Connection) -> dict[str, dict[str, object]]:
    """Inserts one row into each table, with a value for each column that PostgreSQL does not fill. Returns the rows."""
    filled = {}
    connection.execute(text("SET session_replication_role = replica"))  # no trigger inserts more rows
    for table in tables(connection):
        row = {
            column.name: next(value for kind, value in VALUES if isinstance(column.type, kind))
            for column in table.columns
            if column.identity is None and column.computed is None and column.server_default is None
        }
        connection.execute(table.insert().values(row))
        filled[table.name] = row
    connection.execute(text("RESET session_replication_role"))
    connection.commit()
    return filled


def contents(connection: Connection) -> dict[str, list[dict[str, object]]]:
    return {
        table.name: [dict(row) for row in connection.execute(table.select()).mappings()] for table in tables(connection)
    }


@pytest.fixture
async def engine(server: postgres.Server) -> AsyncIterator[AsyncEngine]:
    """The engine of an empty database."""
    made = create_async_engine(driver_url(server.create_database(f"migrations{next(_numbers)}")), poolclass=NullPool)
    yield made
    await made.dispose()


@pytest.mark.parametrize("revision", revisions()[:-1])
async def test_migrations_keep_all_rows_of_an_older_schema_up_and_down(engine: AsyncEngine, revision: str) -> None:
    await upgrade(engine, revision)
    async with engine.connect() as connection:
        before = await connection.run_sync(fill)
    await upgrade(engine)
    async with engine.connect() as connection:
        after = await connection.run_sync(contents)
    for table, row in before.items():
        # Migrations add outbox rows that wake the existing tickets.
        (found,) = [each for each in after[table] if each.get("workflow") != "TicketWorkflow"]
        moved = row.keys() & MOVED.get(table, set())
        renamed = RENAMED.get(table, {})
        kept = {renamed.get(column, column): value for column, value in row.items() if column not in moved}
        assert {column: value for column, value in found.items() if column in kept} == kept
        settings = found.get("settings")
        assert not moved or (isinstance(settings, dict) and settings.keys() >= moved - {"form_lifetime"}), "the default"
    await downgrade(engine, revision)
    async with engine.connect() as connection:
        again = await connection.run_sync(contents)
    assert {table: {column: rows[0][column] for column in before[table]} for table, rows in again.items()} == before


async def test_reply_states_are_renamed_up_and_down(engine: AsyncEngine) -> None:
    await upgrade(engine, "0008")

    def put(connection: Connection) -> None:
        row = fill(connection)["recoveries"]
        recoveries = next(table for table in tables(connection) if table.name == "recoveries")
        connection.execute(recoveries.delete())
        for number, value in enumerate(REPLY_STATES):
            connection.execute(recoveries.insert().values(row | {"ticket_number": number, "mark": value}))
        connection.commit()

    async def values(column: str) -> list[str]:
        async with engine.connect() as connection:
            rows = await connection.execute(text(f"SELECT {column} FROM recoveries ORDER BY ticket_number"))  # noqa: S608 - a constant
            return list(rows.scalars())

    async with engine.connect() as connection:
        await connection.run_sync(put)
    await upgrade(engine, "0009")
    assert await values("reply_state") == list(REPLY_STATES.values())
    await downgrade(engine, "0008")
    assert await values("mark") == list(REPLY_STATES)


async def test_a_database_of_a_newer_version_is_refused_and_not_changed(engine: AsyncEngine) -> None:
    await upgrade(engine)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'of_tomorrow'"))
    with pytest.raises(NewerDatabaseError, match="of_tomorrow"):
        await upgrade(engine)
    async with engine.begin() as connection:
        assert await connection.scalar(text("SELECT version_num FROM alembic_version")) == "of_tomorrow"
        assert await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK}) is True


async def test_a_migration_removes_texts_from_the_log(engine: AsyncEngine) -> None:
    """Earlier entries become like new ones. Their other changes keep their values and their order."""
    before = [
        [["status", "", "OPEN"], ["subject", "", "1-star review by Robin"]],
        [["description", "Robin called", ""], ["labels", "", "vip"], ["subject", "Soup", "Robin's soup"]],
        [["labels", "subject", "description"]],
        [["status", "OPEN", "CLOSED"]],
        [],
    ]
    await upgrade(engine, "0009")

    def put(connection: Connection) -> None:
        row = fill(connection)["activities"]
        activities = next(table for table in tables(connection) if table.name == "activities")
        connection.execute(activities.delete())
        for number, changes in enumerate(before):
            connection.execute(activities.insert().values(row | {"number": number, "changes": changes}))
        connection.commit()

    async with engine.connect() as connection:
        await connection.run_sync(put)
    await upgrade(engine, "0010")
    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT changes FROM activities ORDER BY number"))
        assert list(rows.scalars()) == [
            [["status", "", "OPEN"], ["subject", "", ""]],
            [["description", "", ""], ["labels", "", "vip"], ["subject", "", ""]],
            *before[2:],
        ]
    await downgrade(engine, "0009")


async def test_a_migration_has_no_statement_timeout(server: postgres.Server) -> None:
    """Neither changes of large tables nor the wait for another replica's migration time out."""
    url = server.create_database(f"migrations{next(_numbers)}")
    database, other = Database(url, statement_timeout=timedelta(milliseconds=50)), Database(url)
    async with other.driver() as holder:
        await holder.execute("SELECT pg_advisory_lock($1)", LOCK)
        upgrading = asyncio.ensure_future(upgrade(database.engine))

        async def waits() -> bool:
            query = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND now() - query_start > '0.2 s'"
            return upgrading.done() or await holder.fetchval(query) is not None

        await eventually("an upgrade that waits for longer than a statement may take", waits)
        await holder.execute("SELECT pg_advisory_unlock($1)", LOCK)
    await upgrading
    async with database.driver() as connection:
        assert await connection.fetchval("SHOW statement_timeout") == "50ms"
    await database.close()
    await other.close()


async def test_a_migration_counts_tickets_while_another_release_writes(server: postgres.Server) -> None:
    """A transaction that is open when the migration starts is counted, and so is one that starts meanwhile."""
    url = server.create_database(f"migrations{next(_numbers)}")
    database, other = Database(url), Database(url)
    await upgrade(database.engine, "0012")
    stages = ["OPEN", "OPEN", "IN_PROGRESS", "RESOLVED"]

    def put(connection: Connection) -> None:
        row = fill(connection)["tickets"]
        tickets = next(table for table in tables(connection) if table.name == "tickets")
        connection.execute(tickets.delete())
        for number, status in enumerate(stages, 1):
            location = "soho" if number % 2 else "camden"
            new = {"number": number, "status": status, "close_reason": None, "location": location}
            connection.execute(tickets.insert().values(row | new | {"review_id": None, "follow_up_of": None}))
        connection.commit()

    async with database.engine.connect() as connection:
        await connection.run_sync(put)

    async def count_waiting() -> int:
        async with other.driver() as watcher:
            query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'tickets'::REGCLASS"
            return int(await watcher.fetchval(query))

    async with other.driver() as writer:
        transaction = writer.transaction()
        await transaction.start()
        await writer.execute("UPDATE tickets SET status = 'RESOLVED' WHERE number = 1")
        upgrading = asyncio.ensure_future(upgrade(database.engine, "0013"))

        async def waits() -> bool:
            return await count_waiting() == 1

        await eventually("a migration that waits for the writer", waits)

        async def write() -> None:
            async with other.driver() as second:
                await second.execute("UPDATE tickets SET status = 'IN_PROGRESS' WHERE number = 2")

        writing = asyncio.ensure_future(write())

        async def both_wait() -> bool:
            return await count_waiting() == 2

        await eventually("a writer that waits for the migration", both_wait)
        await transaction.commit()
    await asyncio.gather(upgrading, writing)
    async with other.driver() as reader:
        rows = await reader.fetch("SELECT location, stage, tickets FROM ticket_counts ORDER BY location, stage")
        assert [tuple(row) for row in rows] == [
            ("camden", "OPEN", 1),
            ("camden", "RESOLVED", 1),
            ("soho", "IN_PROGRESS", 1),
            ("soho", "RESOLVED", 1),
        ]
        rows = await reader.fetch("SELECT location, stage, difference FROM ticket_count_changes ORDER BY id")
        assert [tuple(row) for row in rows] == [("camden", "OPEN", -1), ("camden", "IN_PROGRESS", 1)]
    await downgrade(database.engine, "0012")
    async with other.driver() as writer:
        assert await writer.execute("UPDATE tickets SET status = 'RESOLVED'") == "UPDATE 4"
    await database.close()
    await other.close()
