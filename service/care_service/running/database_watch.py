"""Watches whether the database responds, and sets the service's health accordingly."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from care_roles.logs import get_logger
from care_rules.refusals import Refusal
from care_service.storage.database import Database

_LOG: Final = get_logger("care.health")
_PAUSE: Final = 2.0
"""Seconds between two pings while the database responds."""
_PAUSE_UNREACHABLE: Final = 0.5
"""Seconds between two pings while the database does not respond."""
_RESPONSE_LIMIT: Final = 2.0
"""Seconds that a ping may take. `SELECT 1` normally takes about two milliseconds."""


class Listener(Protocol):
    """Called when the database becomes unreachable, and when it is reachable again."""

    def __call__(self, *, is_reachable: bool) -> Awaitable[None]:
        """Handles the change. `is_reachable` is the new state."""
        ...


async def ping(database: Database) -> bool:
    """Returns whether the database responds. Pings up to twice, because the first connection may be broken."""
    for _ in range(2):
        try:
            async with asyncio.timeout(_RESPONSE_LIMIT), database.driver() as connection:
                await connection.execute("SELECT 1")
        except (Refusal, TimeoutError):
            continue
        return True
    return False


class DatabaseWatch:
    """Pings every two seconds, and at once when a call failed. `ping` must not use the pool that calls share.

    When that pool is exhausted, the database may still be up. If the service then reported NOT_SERVING, the load would
    go to the other replicas and overload them, too.
    """

    def __init__(self, ping: Callable[[], Awaitable[bool]]) -> None:
        self._ping = ping
        self._hint = asyncio.Event()

    def report_failure(self) -> None:
        """Requests a ping now, because a call could not reach the database."""
        self._hint.set()

    async def run(self, notify: Listener) -> None:
        """Runs until cancelled. Calls `notify` with each change."""
        was_reachable = True
        while True:
            self._hint.clear()
            if (is_reachable := await self._ping()) != was_reachable:
                if is_reachable:
                    _LOG.info("database reachable again; serving")
                else:
                    _LOG.error("database unreachable; not serving")
                await notify(is_reachable=is_reachable)
                was_reachable = is_reachable
            await self._rest(_PAUSE if is_reachable else _PAUSE_UNREACHABLE)

    async def _rest(self, seconds: float) -> None:
        if seconds == _PAUSE_UNREACHABLE:
            # Every call fails now. A ping after each failed call would make this a busy loop.
            await asyncio.sleep(seconds)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._hint.wait()
        except TimeoutError:
            pass
