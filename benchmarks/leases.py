"""Compares four connection pools by the CPU time of a lease in which one statement runs.

python -m benchmarks.leases
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any, Final

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine

from care_dev.stack.postgres import postgres
from care_service.storage.database import driver_url
from care_service.storage.pool import Pool

_ROUNDS: Final = 5
_COUNT: Final = 2_000

Lease = Callable[[], AbstractAsyncContextManager[Any]]


class _WithoutReset(asyncpg.Connection):
    def get_reset_query(self) -> str:
        return ""


async def _execute(lease: Lease) -> float:
    """Returns the mean CPU time of a lease with one statement, in microseconds."""
    before = process_time()
    for _ in range(_COUNT):
        async with lease() as connection:
            await connection.fetchval("SELECT 1")
    return (process_time() - before) / _COUNT * 1e6


async def _compare(url: str) -> None:
    engine = create_async_engine(driver_url(url))
    own = Pool(partial(asyncpg.connect, url), 1, 5.0)

    class FromEngine:
        """Leases the driver's connection from SQLAlchemy's pool."""

        async def __aenter__(self) -> Any:  # noqa: ANN401 - the driver's connection
            self._connection = await engine.connect()
            return (await self._connection.get_raw_connection()).driver_connection

        async def __aexit__(self, *_: object) -> None:
            await self._connection.close()

    async with (
        asyncpg.create_pool(url, min_size=1) as pool,
        asyncpg.create_pool(url, min_size=1, connection_class=_WithoutReset) as without_reset,
    ):
        leases: dict[str, Lease] = {
            "Care's pool": own.lease,
            "asyncpg's, without its reset": without_reset.acquire,
            "asyncpg's": pool.acquire,
            "SQLAlchemy's": FromEngine,
        }
        times: dict[str, list[float]] = {name: [] for name in leases}
        for _ in range(_ROUNDS):
            for name, lease in leases.items():
                times[name].append(await _execute(lease))
        least = median(times["Care's pool"])
        for name, found in times.items():
            print(f"{name:30} {median(found):4.0f} us, {median(found) - least:4.0f} us more than Care's pool")
    await own.close()
    await engine.dispose()


def main() -> None:
    """Measures the pools on a temporary PostgreSQL server, and prints the result."""
    with tempfile.TemporaryDirectory(prefix="care-leases-") as folder:
        Path(folder).chmod(0o711)  # if this account is root, PostgreSQL runs as another one
        with postgres(Path(folder)) as server:
            asyncio.run(_compare(server.create_database("leases")))


if __name__ == "__main__":
    main()
