"""The pool of connections, on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from care_dev.stack import postgres
from care_service.storage.pool import Connection, Pool
from tests.support.system import eventually

NEVER = 60.0
"""A time limit, in seconds, that no lease of these tests reaches."""


class Opening:
    """Opens connections and records them. Raises `failure` if a test has set one."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.opened: list[Connection] = []
        self.failure: Exception | None = None

    async def __call__(self) -> Connection:
        if self.failure:
            raise self.failure
        self.opened.append(await asyncpg.connect(self.url))
        return self.opened[-1]


@pytest.fixture(scope="module")
def url(server: postgres.Server) -> str:
    return server.create_database("pooled")


@pytest.fixture
async def opening(url: str) -> AsyncIterator[Opening]:
    opening = Opening(url)
    yield opening
    assert all(connection.is_closed() for connection in opening.opened)


async def until_waiting(pool: Pool, number: int) -> None:
    async def are_waiting() -> bool:
        return pool.waiting == number

    await eventually(f"{number} waiting leases", are_waiting)


async def test_one_connection_serves_one_lease_after_the_other(opening: Opening) -> None:
    pool = Pool(opening, 2, NEVER)
    for _ in range(3):
        async with pool.lease() as connection:
            assert await connection.fetchval("SELECT 1") == 1
            assert pool.in_use == 1
    assert (len(opening.opened), pool.in_use) == (1, 0)
    await pool.close()


async def test_leases_wait_in_turn_where_all_connections_are_in_use(opening: Opening) -> None:
    pool, served = Pool(opening, 1, NEVER), list[int]()

    async def serve(number: int) -> None:
        async with pool.lease() as connection:
            await connection.execute("SELECT 1")
            served.append(number)

    async with pool.lease():
        waiting = [asyncio.create_task(serve(number)) for number in range(5)]
        await until_waiting(pool, 5)
        waiting[2].cancel()
    await asyncio.wait(waiting)
    assert served == [0, 1, 3, 4]
    assert (len(opening.opened), pool.in_use, pool.waiting) == (1, 0, 0)
    await pool.close()


async def test_a_lease_that_waits_too_long_fails(opening: Opening) -> None:
    pool = Pool(opening, 1, 0.01)
    async with pool.lease():
        with pytest.raises(TimeoutError):
            async with pool.lease():
                pytest.fail("there is no second connection")
    assert (pool.in_use, pool.waiting) == (0, 0)
    await pool.close()


async def test_a_connection_that_is_released_to_a_cancelled_lease_goes_to_the_next(opening: Opening) -> None:
    pool = Pool(opening, 1, NEVER)
    connection = await pool.acquire()
    first, second = (asyncio.create_task(pool.acquire()) for _ in range(2))
    await until_waiting(pool, 2)
    pool.release(connection)
    first.cancel()
    assert await second is connection
    assert first.cancelled()
    pool.release(connection)
    await pool.close()


async def test_a_connection_whose_statement_was_cancelled_is_used_again_once_the_server_has_ended_it(
    opening: Opening,
) -> None:
    pool = Pool(opening, 1, NEVER)

    async def sleep() -> None:
        async with pool.lease() as connection:
            await connection.execute("SELECT pg_sleep(3600)")

    sleeping = asyncio.create_task(sleep())
    observer = await opening()
    query = "SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(3600)'"
    await eventually("the sleep of the server", lambda: observer.fetchval(query))
    await observer.close()
    sleeping.cancel()
    await asyncio.wait([sleeping])
    async with pool.lease() as connection:
        assert await connection.fetchval("SELECT 1") == 1
    assert len(opening.opened) == 2  # with the observer's
    await pool.close()


async def test_a_transaction_that_was_left_open_is_rolled_back(opening: Opening) -> None:
    pool = Pool(opening, 1, NEVER)
    async with pool.lease() as connection:
        await connection.execute("BEGIN")
        await connection.execute("CREATE TABLE left_open ()")
    async with pool.lease() as connection:
        assert not connection.is_in_transaction()
        assert await connection.fetchval("SELECT to_regclass('left_open')") is None
    assert len(opening.opened) == 1
    await pool.close()


async def test_a_connection_that_was_closed_is_replaced(opening: Opening) -> None:
    pool = Pool(opening, 1, NEVER)
    async with pool.lease():
        opening.opened[0].terminate()
    async with pool.lease() as connection:
        assert connection is opening.opened[1]
    connection.terminate()
    async with pool.lease() as connection:
        assert connection is opening.opened[2]
    await pool.close()


async def test_a_failed_connection_leaves_its_place_to_the_next_lease(opening: Opening) -> None:
    pool, opening.failure = Pool(opening, 1, NEVER), OSError("nobody listens")
    with pytest.raises(OSError, match="nobody listens"):
        async with pool.lease():
            pytest.fail("there is no connection")
    opening.failure = None
    async with pool.lease() as connection:
        waiting = asyncio.create_task(pool.acquire())
        await until_waiting(pool, 1)
        connection.terminate()
    # The waiting lease opens the connection that takes the place of the closed one.
    assert await waiting is opening.opened[1]
    pool.release(opening.opened[1])
    await pool.close()


@pytest.mark.parametrize("wait", [NEVER, 0.0])
async def test_a_wait_that_ends_while_a_connection_is_released_takes_nothing(opening: Opening, wait: float) -> None:
    pool = Pool(opening, 1, wait)
    connection = await pool.acquire()
    waiting = asyncio.create_task(pool.acquire())
    await until_waiting(pool, 1) if wait else await asyncio.sleep(0)
    waiting.cancel()
    pool.release(connection)  # before the cancelled task runs
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (pool.in_use, pool.waiting) == (0, 0)
    await pool.close()


async def test_closing_ends_waits_and_refuses_leases(opening: Opening) -> None:
    pool = Pool(opening, 1, NEVER)
    connection = await pool.acquire()
    waiting = asyncio.create_task(pool.acquire())
    await until_waiting(pool, 1)
    await pool.close()
    with pytest.raises(asyncpg.InterfaceError):
        await waiting
    with pytest.raises(asyncpg.InterfaceError):
        await pool.acquire()
    pool.release(connection)
    assert connection.is_closed()
    assert pool.in_use == 0


async def test_closing_closes_a_connection_that_is_being_reset(opening: Opening) -> None:
    pool = Pool(opening, 1, NEVER)
    connection = await pool.acquire()
    pool.release(connection, asyncio.CancelledError())
    await pool.close()
    assert connection.is_closed()
    assert pool.in_use == 0


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        asyncpg.InternalClientError("another operation is in progress"),
        asyncpg.ConnectionDoesNotExistError(),
        asyncpg.AdminShutdownError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_connection_that_failed_is_not_used_again(opening: Opening, error: Exception) -> None:
    pool = Pool(opening, 1, NEVER)
    with pytest.raises(type(error)):
        async with pool.lease():
            raise error
    async with pool.lease() as connection:
        assert connection is opening.opened[1]
    await pool.close()


async def test_a_reset_that_fails_frees_the_place_of_its_connection(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise asyncpg.InternalClientError("another operation is in progress")

    pool = Pool(opening, 1, NEVER)
    monkeypatch.setattr(asyncpg.Connection, "reset", fail)
    pool.release(await pool.acquire(), asyncio.CancelledError())
    async with pool.lease() as connection:
        assert connection is opening.opened[1]
    await pool.close()
