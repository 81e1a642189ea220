"""The pool of database connections. It turns the errors of an unreachable or slow database into refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Final

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from care_rules.refusals import Reason, Refusal, time_limit_exceeded

_RETRY_AFTER: Final = timedelta(seconds=1)
_UNAVAILABLE: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    DisconnectionError,
    PoolTimeoutError,
)


def driver_url(url: str) -> URL:
    """Returns a `postgresql://` URL for SQLAlchemy's asyncpg dialect."""
    return make_url(url).set(drivername="postgresql+asyncpg")


def unavailable() -> Refusal:
    """Returns the refusal for a database that can't be reached."""
    message = "The database is not reachable at the moment. Call again with the same request_id."
    return Refusal(Reason.DATABASE_UNAVAILABLE, message, retry_after=_RETRY_AFTER)


def _refuse_closed(connection: object, _: ConnectionPoolEntry, __: object) -> None:
    # asyncpg knows when the server has closed the connection, without a round trip as `pool_pre_ping` would need.
    driver = getattr(connection, "driver_connection", None)
    if isinstance(driver, asyncpg.Connection) and driver.is_closed():
        raise DisconnectionError


class Database:
    """PostgreSQL behind SQLAlchemy's pool. Frequent statements use the driver's connection, at half the cost."""

    def __init__(self, url: str, *, pool_size: int = 20, statement_timeout: timedelta = timedelta(seconds=10)) -> None:
        self.size = pool_size
        """The maximum number of open connections."""
        self.waiting = 0
        """How many tasks are waiting for a connection now."""
        self.engine: AsyncEngine = create_async_engine(
            driver_url(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=5,
            # Errors are logged, and parameters contain customers' data.
            hide_parameters=True,
            connect_args={
                "timeout": 5,
                "server_settings": {
                    "application_name": "care",
                    "timezone": "UTC",
                    # Long transactions would delay the readers of the change feed. No statement here takes long.
                    "statement_timeout": str(int(statement_timeout.total_seconds() * 1000)),
                    "idle_in_transaction_session_timeout": "10000",
                    "jit": "off",
                },
            },
        )
        event.listen(self.engine.sync_engine, "checkout", _refuse_closed)
        event.listen(self.engine.sync_engine, "checkin", self._close_late)
        self._is_closed = False

    @property
    def in_use(self) -> int:
        """How many connections are in use now."""
        pool = self.engine.pool
        return pool.checkedout() if isinstance(pool, QueuePool) else 0

    @asynccontextmanager
    async def core(self) -> AsyncIterator[AsyncConnection]:
        """Yields a SQLAlchemy connection; raises Refusal DATABASE_UNAVAILABLE or TIME_LIMIT_EXCEEDED."""
        try:
            async with AsyncExitStack() as stack:
                yield await self._connect(stack)
        except DBAPIError as error:
            cause = error.orig.__cause__ if error.orig else None
            if isinstance(cause, asyncpg.QueryCanceledError):
                raise time_limit_exceeded() from error
            if error.connection_invalidated or isinstance(cause, _UNAVAILABLE):
                raise unavailable() from error
            raise
        except asyncpg.QueryCanceledError as error:
            raise time_limit_exceeded() from error
        except _UNAVAILABLE as error:
            raise unavailable() from error

    async def _connect(self, stack: AsyncExitStack) -> AsyncConnection:
        self.waiting += 1
        try:
            return await stack.enter_async_context(self.engine.connect())
        except DBAPIError as error:
            # PostgreSQL refused the connection, for example because it has too many.
            raise unavailable() from error
        finally:
            self.waiting -= 1

    @asynccontextmanager
    async def driver(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """Yields the driver's connection, outside any transaction; raises the same refusals as `core`."""
        async with self.core() as connection:
            raw = await connection.get_raw_connection()
            driver = raw.driver_connection
            if driver is None:
                raise unavailable()
            yield driver

    async def close(self) -> None:
        """Closes all idle connections now, and each connection in use when it is released."""
        self._is_closed = True
        await self.engine.dispose()

    def _close_late(self, connection: object, _: ConnectionPoolEntry) -> None:
        # SQLAlchemy's pool does not close connections that were in use when it closed the others.
        driver = getattr(connection, "driver_connection", None)
        if self._is_closed and isinstance(driver, asyncpg.Connection):
            driver.terminate()
