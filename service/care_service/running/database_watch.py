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
_PAUSE_AWAY: Final = 0.5
"""Seconds between two pings while it does not."""
_ANSWER_WITHIN: Final = 2.0
"""Seconds. `SELECT 1` takes about two milliseconds."""


class Listener(Protocol):
    """Called when the database becomes unreachable, and when it is reachable again."""

    def __call__(self, *, is_there: bool) -> Awaitable[None]:
        """Handles the change."""
        ...


async def ping(database: Database) -> bool:
    """Pings the database; returns whether it responds. Tries twice, because a broken connection proves nothing."""
    for _ in range(2):
        try:
            async with asyncio.timeout(_ANSWER_WITHIN), database.driver() as connection:
                await connection.execute("SELECT 1")
        except (Refusal, TimeoutError):
            continue
        return True
    return False


class DatabaseWatch:
    """Pings every two seconds, and at once when a call failed. `ask` must not use the pool that calls share.

    An exhausted pool does not mean that the database is down. If the service then reported NOT_SERVING, the load would
    move to the next replica and overload that, too.
    """

    def __init__(self, ask: Callable[[], Awaitable[bool]]) -> None:
        self._ask = ask
        self._hint = asyncio.Event()

    def report_failure(self) -> None:
        """Requests a ping now, because a call could not reach the database."""
        self._hint.set()

    async def run(self, tell: Listener) -> None:
        """Runs until cancelled; calls `tell` with each change."""
        was_there = True
        while True:
            self._hint.clear()
            if (is_there := await self._ask()) != was_there:
                if is_there:
                    _LOG.info("database reachable again; serving")
                else:
                    _LOG.error("database unreachable; not serving")
                await tell(is_there=is_there)
                was_there = is_there
            await self._rest(_PAUSE if is_there else _PAUSE_AWAY)

    async def _rest(self, seconds: float) -> None:
        if seconds == _PAUSE_AWAY:
            # Every call fails now. Reacting to each would make this a busy loop.
            await asyncio.sleep(seconds)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._hint.wait()
        except TimeoutError:
            pass
