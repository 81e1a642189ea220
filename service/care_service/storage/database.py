"""The database connections. This module turns errors of an unreachable or slow database into refusals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING, Final

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, QueuePool

from care_rules.refusals import Reason, Refusal, time_limit_exceeded
from care_service.storage import read_connection
from care_service.storage.pool import CONNECTION_ERRORS, Connection, Lease, Pool
from care_service.storage.read_connection import ReadConnection

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

_RETRY_AFTER: Final = timedelta(seconds=1)
_WAIT: Final = 5.0
"""Seconds that a call waits for a connection."""
_CONNECT_TIMEOUT: Final = 5.0
_DIALECT: Final = "postgresql+asyncpg://"
JOINS: Final = ("enable_hashjoin", "enable_mergejoin")
"""The planner's settings for joins that read whole tables."""
PLANNER_SETTINGS: Final = {
    # Each statement is planned for its values, because a good plan for some values is a bad one for others.
    "plan_cache_mode": "force_custom_plan",
    # A page reads too little to gain from parallel plans, and they make scans of whole tables look cheap.
    "max_parallel_workers_per_gather": "0",
    # Tables are joined row by row.
    **dict.fromkeys(JOINS, "off"),
}
"""The planner's settings in a session for reads."""
_UNAVAILABLE: Final = (
    *CONNECTION_ERRORS,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    DisconnectionError,
    PoolTimeoutError,
)


def driver_url(url: str) -> URL:
    """Returns a `postgresql://` URL for SQLAlchemy's asyncpg dialect."""
    return make_url(url).set(drivername="postgresql+asyncpg")


def unavailable() -> Refusal:
    """Returns the refusal for a database that can't be reached."""
    message = "The database is unreachable. Retry after the delay in RetryInfo, with the same request_id."
    return Refusal(Reason.DATABASE_UNAVAILABLE, message, retry_after=_RETRY_AFTER)


def _refuse_closed(connection: object, _: ConnectionPoolEntry, __: object) -> None:
    # asyncpg knows when the server has closed the connection, without a round trip as `pool_pre_ping` would need.
    driver = getattr(connection, "driver_connection", None)
    if isinstance(driver, asyncpg.Connection) and driver.is_closed():
        raise DisconnectionError


class Database:
    """PostgreSQL as the service uses it: one pool for the statements of commands, and one for SQLAlchemy's reads."""

    def __init__(
        self, url: str, *, calls: int = 10, reads: int = 10, statement_timeout: timedelta = timedelta(seconds=10)
    ) -> None:
        """`calls` and `reads` are the maximum numbers of connections in the two pools.

        `url` is a `postgresql://` URL as libpq has it (PostgreSQL's documentation, "Connection URIs").
        """
        settings = {
            "application_name": "care",
            "timezone": "UTC",
            # Long transactions would delay the readers of the change feed. No statement here takes long.
            "statement_timeout": str(int(statement_timeout.total_seconds() * 1000)),
            "idle_in_transaction_session_timeout": "10000",
            "jit": "off",
        }
        self.size: Final = calls + reads
        """The maximum number of open connections."""
        connect = partial(asyncpg.connect, url, timeout=_CONNECT_TIMEOUT)
        self._connect_for_calls = partial(connect, server_settings=settings)
        self._calls = Pool(self._connect_for_calls, calls, _WAIT)
        self._reads = read_connection.read_engine(
            partial(connect, server_settings=settings | PLANNER_SETTINGS), max(1, reads), _WAIT
        )
        self._searches = asyncio.Semaphore(max(1, reads // 2))
        self._waiting_reads = 0
        self._is_closed = False
        event.listen(self._reads, "checkout", _refuse_closed)
        event.listen(self._reads, "checkin", self._close_late)

    @cached_property
    def engine(self) -> AsyncEngine:
        """For migrations. Each of its connections is opened for one use."""
        from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - large, see `read_connection`

        return create_async_engine(
            _DIALECT, async_creator=self._connect_for_calls, poolclass=NullPool, hide_parameters=True
        )

    @property
    def in_use(self) -> int:
        """How many connections are in use now."""
        pool = self._reads.pool
        return self._calls.in_use + (pool.checkedout() if isinstance(pool, QueuePool) else 0)

    @property
    def waiting(self) -> int:
        """How many tasks are waiting for a connection now."""
        return self._calls.waiting + self._waiting_reads

    def driver(self) -> Lease:
        """Leases an asyncpg connection, outside any transaction.

        Raises Refusal DATABASE_UNAVAILABLE or TIME_LIMIT_EXCEEDED if the database fails.
        """
        return _RefusingLease(self._calls)

    @asynccontextmanager
    async def reads(self) -> AsyncIterator[ReadConnection]:
        """Yields a SQLAlchemy connection whose statements commit at once, planned by `PLANNER_SETTINGS`.

        A connection whose block fails is closed: it may be broken, or have settings that the block changed. Raises the
        same refusals as `driver`.
        """
        try:
            connection = await self._take()
            try:
                yield connection
            except BaseException:
                await connection.invalidate()
                raise
            finally:
                await connection.release()
        except DBAPIError as error:
            cause = error.orig.__cause__ if error.orig else None
            if refusal := _refusal(cause or error):
                raise refusal from error
            if error.connection_invalidated:
                raise unavailable() from error
            raise
        except (asyncpg.QueryCanceledError, *_UNAVAILABLE) as error:
            if refusal := _refusal(error):
                raise refusal from error
            raise

    @asynccontextmanager
    async def searches(self) -> AsyncIterator[ReadConnection]:
        """Yields the same as `reads`, for statements that may take seconds: pages and counts by a filter.

        They can use only half of the connections for reads, so that chats and streams do not wait for them. Raises the
        same refusals as `driver`.
        """
        self._waiting_reads += 1
        try:
            async with asyncio.timeout(_WAIT):
                await self._searches.acquire()
        except TimeoutError as error:
            raise unavailable() from error
        finally:
            self._waiting_reads -= 1
        try:
            async with self.reads() as connection:
                yield connection
        finally:
            self._searches.release()

    async def _take(self) -> ReadConnection:
        self._waiting_reads += 1
        try:
            return await read_connection.take(self._reads)
        except DBAPIError as error:
            # PostgreSQL refused the connection, for example because it has too many.
            raise unavailable() from error
        finally:
            self._waiting_reads -= 1

    async def close(self) -> None:
        """Closes all idle connections now, and each connection in use when it is released."""
        self._is_closed = True
        await self._calls.close()
        await read_connection.close(self._reads)

    def _close_late(self, connection: object, _: ConnectionPoolEntry) -> None:
        # SQLAlchemy forgets connections that are in use while it closes the others.
        driver = getattr(connection, "driver_connection", None)
        if self._is_closed and isinstance(driver, asyncpg.Connection):
            driver.terminate()


class _RefusingLease(Lease):
    """A lease that turns the errors of an unreachable or slow database into refusals."""

    __slots__ = ()

    async def __aenter__(self) -> Connection:
        try:
            return await super().__aenter__()
        except (asyncpg.PostgresError, *_UNAVAILABLE) as error:
            # A PostgresError: the server refused the connection, for example because it has too many.
            raise unavailable() from error

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, traceback)
        if error is not None and (refusal := _refusal(error)):
            raise refusal from error


def _refusal(error: BaseException) -> Refusal | None:
    """Returns the refusal for an error of the database; None for any other error."""
    if isinstance(error, asyncpg.QueryCanceledError):
        return time_limit_exceeded()
    return unavailable() if isinstance(error, _UNAVAILABLE) else None
