"""Errors of PostgreSQL as the caller sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import text

from care_dev.stack import postgres
from care_rules.refusals import Refusal
from care_service.storage import database as database_module
from care_service.storage import ticket_plans
from care_service.storage.database import JOINS, PLANNER_SETTINGS, Database
from tests.support.system import eventually


async def through_the_driver(database: Database, query: str) -> None:
    async with database.driver() as connection:
        await connection.execute(query)


async def through_reads(database: Database, query: str) -> None:
    async with database.reads() as connection:
        await connection.execute(query)


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


@pytest.mark.parametrize("through", [through_the_driver, through_reads])
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


async def test_a_pool_without_a_free_connection_is_unavailable(
    server: postgres.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "_WAIT", 0.01)
    database = Database(server.create_database("narrow"), calls=1, reads=1)
    async with database.driver(), database.reads(), database.searches():
        for another in (database.driver, database.reads, database.searches):
            with pytest.raises(Refusal) as caught:
                async with another():
                    pytest.fail("there is no free connection")
            assert caught.value.reason == "DATABASE_UNAVAILABLE"
    assert (database.in_use, database.waiting) == (0, 0)
    await database.close()


async def test_a_session_keeps_its_settings_after_an_interrupted_statement(server: postgres.Server) -> None:
    database = Database(server.create_database("interrupted"), calls=1, reads=2)
    try:
        for _ in range(2):
            async with database.driver() as connection:
                assert await connection.fetchval("SHOW statement_timeout") == "10s"
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1), database.driver() as connection:
                    await connection.execute("SELECT pg_sleep(5)")
    finally:
        await database.close()


async def test_a_cancelled_search_ends_on_the_server_before_its_connection_is_used_again(
    server: postgres.Server,
) -> None:
    url = server.create_database("cancelled")
    database = Database(url, calls=1, reads=2, statement_timeout=timedelta(minutes=10))

    async def search() -> None:
        async with database.searches() as connection:
            await connection.execute("SELECT pg_sleep(600)")

    async def searches() -> int:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
        async with database.driver() as connection:
            return int(await connection.fetchval(query))

    async def runs() -> bool:
        return await searches() == 1

    searching = asyncio.create_task(search())
    await eventually("a search that runs", runs)
    searching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await searching
    async with database.searches() as connection:
        assert await connection.fetchval("SELECT 1") == 1
        assert await searches() == 0
    await database.close()


async def test_reads_do_not_wait_for_searches(server: postgres.Server) -> None:
    database = Database(server.create_database("searched"), calls=1, reads=2)
    async with database.searches(), database.reads() as connection:
        assert await connection.fetchval("SELECT 1") == 1
    await database.close()


async def test_a_failed_count_of_many_tickets_leaves_the_planner_as_it_was(server: postgres.Server) -> None:
    database = Database(
        server.create_database("counted"), calls=1, reads=1, statement_timeout=timedelta(milliseconds=50)
    )
    with pytest.raises(Refusal) as caught:
        async with database.reads() as connection, ticket_plans.all_joins(connection):
            await connection.execute("SELECT pg_sleep(60)")
    assert caught.value.reason == "TIME_LIMIT_EXCEEDED"
    async with database.reads() as connection:
        for setting, value in PLANNER_SETTINGS.items():
            assert await connection.fetchval(f"SHOW {setting}") == value
        async with ticket_plans.all_joins(connection):
            assert await connection.fetchval(f"SHOW {JOINS[0]}") == "on"
        assert await connection.fetchval(f"SHOW {JOINS[0]}") == "off"
    await database.close()


async def test_a_url_as_libpq_has_it_serves_all_connections(server: postgres.Server) -> None:
    url = server.create_database("by_libpq")
    database = Database(f"{url}{'&' if '?' in url else '?'}sslmode=prefer")
    for lease in (database.driver, database.reads, database.searches):
        async with lease() as connection:
            assert await connection.fetchval("SELECT 1") == 1
    async with database.engine.connect() as migrating:
        assert (await migrating.execute(text("SELECT 1"))).scalar_one() == 1
    await database.close()
