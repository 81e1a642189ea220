"""Errors of PostgreSQL as the caller sees them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import text

from care_dev.stack import postgres
from care_rules.refusals import Refusal
from care_service.storage.database import Database


async def through_the_driver(database: Database, query: str) -> None:
    async with database.driver() as connection:
        await connection.execute(query)


async def through_sqlalchemy(database: Database, query: str) -> None:
    async with database.core() as connection:
        await connection.execute(text(query))


async def test_a_database_that_refuses_connections_is_reported_as_unavailable(server: postgres.Server) -> None:
    database = Database(server.create_database("in_maintenance"))
    administrator = await asyncpg.connect(server.create_database("beside_maintenance"))
    try:
        await administrator.execute("ALTER DATABASE in_maintenance ALLOW_CONNECTIONS false")
        with pytest.raises(Refusal) as caught:
            await through_the_driver(database, "SELECT 1")
        assert caught.value.reason == "DATABASE_UNAVAILABLE"
        assert caught.value.retry_after is not None
        await administrator.execute("ALTER DATABASE in_maintenance ALLOW_CONNECTIONS true")
        await through_the_driver(database, "SELECT 1")
    finally:
        await administrator.close()
        await database.close()


@pytest.mark.parametrize("through", [through_the_driver, through_sqlalchemy])
async def test_a_statement_that_takes_too_long_is_not_reported_as_an_unavailable_database(
    server: postgres.Server, through: Callable[[Database, str], Awaitable[None]]
) -> None:
    database = Database(server.create_database(through.__name__), statement_timeout=timedelta(milliseconds=50))
    try:
        with pytest.raises(Refusal) as caught:
            await through(database, "SELECT pg_sleep(60)")
        assert caught.value.reason == "TIME_LIMIT_EXCEEDED"
        await through(database, "SELECT 1")
    finally:
        await database.close()


async def test_a_connection_that_is_in_use_while_the_database_closes_is_closed_afterwards(
    server: postgres.Server,
) -> None:
    database = Database(server.create_database("closing"))
    async with database.driver() as connection:
        await database.close()
        assert await connection.fetchval("SELECT 1") == 1
    assert connection.is_closed()
