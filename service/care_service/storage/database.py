"""The connection pool, and the one place where a database that is away, or too slow, becomes a refusal."""

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

from care_rules.refusals import Reason, Refusal, took_too_long

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
    """Makes the refusal for a database that can't be reached."""
    words = "The database can't be reached just now; call again with the same request_id."
    return Refusal(Reason.DATABASE_UNAVAILABLE, words, retry_after=_RETRY_AFTER)


def _refuse_closed(connection: object, _: ConnectionPoolEntry, __: object) -> None:
    # asyncpg notices by itself when the server goes; asking it costs nothing, where pre_ping would cost a round trip.
    driver = getattr(connection, "driver_connection", None)
    if isinstance(driver, asyncpg.Connection) and driver.is_closed():
        raise DisconnectionError


class Database:
    """PostgreSQL behind SQLAlchemy's pool. Hot statements go to the driver's connection, which costs half as much."""

    def __init__(self, url: str, *, pool_size: int = 20, statement_timeout: timedelta = timedelta(seconds=10)) -> None:
        self.size = pool_size
        """Connections that may be open at most."""
        self.waiting = 0
        """Pieces of work that wait for a connection at this moment."""
        self.engine: AsyncEngine = create_async_engine(
            driver_url(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=5,
            # Errors go to the log, and parameters hold what is the customers'.
            hide_parameters=True,
            connect_args={
                "timeout": 5,
                "server_settings": {
                    "application_name": "care",
                    "timezone": "UTC",
                    # Long transactions would hold back followers of the change feed; no statement of ours is long.
                    "statement_timeout": str(int(statement_timeout.total_seconds() * 1000)),
                    "idle_in_transaction_session_timeout": "10000",
                    "jit": "off",
                },
            },
        )
        event.listen(self.engine.sync_engine, "checkout", _refuse_closed)

    @property
    def in_use(self) -> int:
        """Connections that somebody works with at this moment."""
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
                raise took_too_long() from error
            if error.connection_invalidated or isinstance(cause, _UNAVAILABLE):
                raise unavailable() from error
            raise
        except asyncpg.QueryCanceledError as error:
            raise took_too_long() from error
        except _UNAVAILABLE as error:
            raise unavailable() from error

    async def _connect(self, stack: AsyncExitStack) -> AsyncConnection:
        self.waiting += 1
        try:
            return await stack.enter_async_context(self.engine.connect())
        except DBAPIError as error:
            # Whatever PostgreSQL says to somebody who wants in, such as that the database takes no connections.
            raise unavailable() from error
        finally:
            self.waiting -= 1

    @asynccontextmanager
    async def driver(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """Yields the driver's connection, outside any transaction; raises the same refusals."""
        async with self.core() as connection:
            raw = await connection.get_raw_connection()
            driver = raw.driver_connection
            if driver is None:
                raise unavailable()
            yield driver

    async def close(self) -> None:
        """Closes all connections."""
        await self.engine.dispose()
