"""A pool of asyncpg connections. Leasing a free one needs no iteration of the event loop and no round trip.

The service leases a connection once or twice per call. `python -m benchmarks.leases` compares the CPU time of a lease
from this pool and from other pools. asyncpg's pool takes about 80 µs more, because it starts a task for each release.
If it also resets the connection, which is a round trip, it takes 180 µs more. SQLAlchemy's asyncio pool takes about
160 µs more. A small statement takes about 70 µs.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_RESET_TIMEOUT: Final = 5.0
"""Seconds that a reset or a close of a connection may take. After that, the connection is terminated."""
CONNECTION_ERRORS: Final = (
    OSError,
    asyncpg.InterfaceError,
    # After the server has ended, asyncpg may mix up the state of a connection and report the connection as open.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)
"""Errors after which a connection can't be used."""
_CLOSED: Final = "the connection pool is closed"


class Pool:
    """Holds at most `size` connections.

    The most recently released connection is leased next. At low load, the same few connections do all the work.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]], size: int, wait: float) -> None:
        """`connect` opens a connection. If all connections are in use, a lease waits at most `wait` seconds for one."""
        self.size: Final = size
        self._connect = connect
        self._wait = wait
        self._open = 0
        """How many connections are open or being opened."""
        self._free: list[Connection] = []
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()
        self._resets: dict[Connection, asyncio.Task[None]] = {}
        self._is_closed = False

    @property
    def in_use(self) -> int:
        """How many connections are leased, being opened or being reset."""
        return self._open - len(self._free)

    @property
    def waiting(self) -> int:
        """How many leases wait for a connection."""
        return len(self._waiters)

    def lease(self) -> Lease:
        """Returns a context manager that leases a connection, outside any transaction.

        Entering the context manager raises TimeoutError if no connection becomes free in time, asyncpg.InterfaceError
        if the pool is closed, and the errors of `connect` if a connection can't be opened.
        """
        return Lease(self)

    async def acquire(self) -> Connection:
        """Leases a connection. The caller must release it. Raises the same errors as `lease`."""
        if self._is_closed:
            raise asyncpg.InterfaceError(_CLOSED)
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
            self._open -= 1
        if self._open < self.size:
            self._open += 1
            return await self._connected()
        return await self._next_released()

    async def _connected(self) -> Connection:
        try:
            return await self._connect()
        except BaseException:
            self._forget()
            raise

    async def _next_released(self) -> Connection:
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(self._wait):
                released = await waiter
        except BaseException:
            self._abandon(waiter)
            raise
        return await self._connected() if released is None else released

    def _abandon(self, waiter: asyncio.Future[Connection | None]) -> None:
        """Stops waiting. If `waiter` has just been given a connection, passes the connection on to the next lease."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        elif waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            released = waiter.result()
            if released is None:
                self._forget()
            else:
                self.release(released)

    def release(self, connection: Connection, error: BaseException | None = None) -> None:
        """Returns a connection to the pool. `error` is the error that ended the lease; None if there was none."""
        was_interrupted = isinstance(error, asyncio.CancelledError | TimeoutError)
        if connection.is_closed():
            self._forget()
        elif self._is_closed or (isinstance(error, CONNECTION_ERRORS) and not was_interrupted):
            connection.terminate()
            self._forget()
        elif was_interrupted or connection.is_in_transaction():
            self._resets[connection] = asyncio.get_running_loop().create_task(self._reset(connection))
        else:
            self._pass_on(connection)

    async def _reset(self, connection: Connection) -> None:
        """Waits until the server has given up an interrupted statement, and ends the transaction of the connection."""
        try:
            await connection.reset(timeout=_RESET_TIMEOUT)
        except (asyncpg.PostgresError, *CONNECTION_ERRORS):
            connection.terminate()
        finally:
            self._resets.pop(connection, None)
        self.release(connection)

    def _pass_on(self, connection: Connection | None) -> None:
        """Gives `connection` to the lease that has waited longest. None allows that lease to open a connection."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if connection is None:
            self._open -= 1
        else:
            self._free.append(connection)

    def _forget(self) -> None:
        self._pass_on(None)

    async def close(self) -> None:
        """Closes all free connections now, and each leased connection when it is released.

        Waiting leases fail with asyncpg.InterfaceError.
        """
        self._is_closed = True
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(asyncpg.InterfaceError(_CLOSED))
        resets, self._resets = self._resets, {}
        for connection, reset in resets.items():
            reset.cancel()
            connection.terminate()
        free, self._free = self._free, []
        self._open -= len(free) + len(resets)
        closing = (connection.close(timeout=_RESET_TIMEOUT) for connection in free)
        await asyncio.gather(*resets.values(), *closing, return_exceptions=True)


class Lease:
    """The lease of one connection: see `Pool.lease`.

    A context manager made with `contextlib` would take longer than the lease itself, so this is a class.
    """

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._connection: Connection | None = None

    async def __aenter__(self) -> Connection:
        self._connection = connection = await self._pool.acquire()
        return connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._pool.release(connection, error)
