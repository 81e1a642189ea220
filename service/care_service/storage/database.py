"""The database connections. Converts the errors of an unreachable or slow database to refusals."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING, Final

import asyncpg

from care_rules.refusals import Reason, Refusal, time_limit_exceeded
from care_service.storage.pool import CONNECTION_ERRORS, Connection, Lease, Pool
from care_service.storage.sessions import open_session

if TYPE_CHECKING:
    from sqlalchemy.engine import URL
    from sqlalchemy.ext.asyncio import AsyncEngine

_RETRY_AFTER: Final = timedelta(seconds=1)
_WAIT: Final = 5.0
"""The longest time in seconds that a call waits for a connection."""
_DIALECT: Final = "postgresql+asyncpg://"
JOINS: Final = ("enable_hashjoin", "enable_mergejoin")
"""The planner's settings for the kinds of joins that read whole tables."""
PLANNER_SETTINGS: Final = {
    # Each statement is planned for its values, because a good plan for some values is a bad one for others.
    "plan_cache_mode": "force_custom_plan",
    # A page reads too little to gain from a parallel plan, and parallel plans make scans of whole tables look cheap.
    "max_parallel_workers_per_gather": "0",
    # Tables are joined row by row.
    **dict.fromkeys(JOINS, "off"),
}
"""The planner's settings in a session for reads."""
_UNAVAILABLE: Final = (
    *CONNECTION_ERRORS,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
)


def driver_url(url: str) -> URL:
    """Converts a `postgresql://` URL to a URL for SQLAlchemy's asyncpg dialect."""
    from sqlalchemy.engine import make_url  # noqa: PLC0415 - only for migrations

    return make_url(url).set(drivername="postgresql+asyncpg")


def unavailable() -> Refusal:
    """Returns the refusal for a database that can't be reached."""
    message = "The database is unreachable. Retry after the delay in RetryInfo, with the same request_id."
    return Refusal(Reason.DATABASE_UNAVAILABLE, message, retry_after=_RETRY_AFTER)


class Database:
    """PostgreSQL as the service uses it: pools for commands, for reads, and for searches."""

    def __init__(
        self, url: str, *, calls: int = 10, reads: int = 10, statement_timeout: timedelta = timedelta(seconds=10)
    ) -> None:
        """`calls` and `reads` are the maximum numbers of connections for commands and for reads.

        Half of the connections for reads are for searches. There is always one for searches and one for other reads.
        `url` is a `postgresql://` URL in libpq's format (PostgreSQL's documentation, "Connection URIs").
        """
        settings = {
            # Without these two limits, a long transaction could delay the readers of the change feed.
            "statement_timeout": str(int(statement_timeout.total_seconds() * 1000)),
            "idle_in_transaction_session_timeout": "10000",
            "jit": "off",
        }
        self._connect_for_calls = partial(open_session, url, settings)
        connect_for_reads = partial(open_session, url, settings | PLANNER_SETTINGS)
        self._calls = Pool(self._connect_for_calls, calls, _WAIT)
        self._searches = Pool(connect_for_reads, max(1, reads // 2), _WAIT)
        self._reads = Pool(connect_for_reads, max(1, reads - reads // 2), _WAIT)
        self._pools = (self._calls, self._searches, self._reads)
        self.size: Final = sum(pool.size for pool in self._pools)
        """The maximum number of open connections."""

    @cached_property
    def engine(self) -> AsyncEngine:
        """SQLAlchemy's engine, for migrations. It opens a new connection for each use."""
        # The import is large, and only migrations need it.
        from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415
        from sqlalchemy.pool import NullPool  # noqa: PLC0415

        return create_async_engine(
            _DIALECT, async_creator=self._connect_for_calls, poolclass=NullPool, hide_parameters=True
        )

    @property
    def in_use(self) -> int:
        """How many connections are in use now."""
        return sum(pool.in_use for pool in self._pools)

    @property
    def waiting(self) -> int:
        """How many tasks are waiting for a connection now."""
        return sum(pool.waiting for pool in self._pools)

    def driver(self) -> Lease:
        """Leases a connection for a command, outside any transaction.

        Refuses with DATABASE_UNAVAILABLE if the database is unreachable or no connection becomes free in time, and with
        TIME_LIMIT_EXCEEDED if a statement takes too long.
        """
        return _RefusingLease(self._calls)

    def reads(self) -> Lease:
        """Leases a connection for a read, whose session has the `PLANNER_SETTINGS`.

        Refuses like `driver`.
        """
        return _RefusingLease(self._reads)

    def searches(self) -> Lease:
        """Leases a connection like `reads`, for statements that may take seconds: pages and counts with a filter.

        These statements have connections of their own, so that chats and streams do not wait for them.
        """
        return _RefusingLease(self._searches)

    async def close(self) -> None:
        """Closes all free connections now, and each connection in use when it is released."""
        for pool in self._pools:
            await pool.close()


class _RefusingLease(Lease):
    """A lease that converts the errors of an unreachable or slow database to refusals."""

    __slots__ = ()

    async def __aenter__(self) -> Connection:
        try:
            return await super().__aenter__()
        except (asyncpg.PostgresError, *_UNAVAILABLE) as error:
            # A PostgresError means that the server refused the connection, for example because its limit is reached.
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
