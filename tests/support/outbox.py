"""Claims outbox rows as a relay does, beside the relay of a running service."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from care_service.storage.database import Database
from care_service.storage.outbox import Outbox, Wake
from tests.support.system import eventually

CLAIM_DURATION: Final = timedelta(minutes=10)


_LONGEST_PAUSE: Final = timedelta(seconds=30)
"""The longest pause before a relay tries a row again. A claim lasts longer."""


async def delete_tried_rows(database: Database, organization: str) -> None:
    """Waits until the relay has tried all rows of the organization and works on none of them. Then deletes the rows."""

    async def delete() -> bool:
        async with database.driver() as connection, connection.transaction():
            rows = await connection.fetch(
                "SELECT attempts > 0 AND claim_time <= now() + $2::INTERVAL FROM outbox"
                " WHERE organization = $1 FOR UPDATE",
                organization,
                _LONGEST_PAUSE,
            )
            if not all(is_released for (is_released,) in rows):
                return False
            await connection.execute("DELETE FROM outbox WHERE organization = $1", organization)
            return True

    await eventually("the relay has tried all rows of the organization", delete)


async def due(database: Database) -> None:
    """Ends all claims, so that all rows can be claimed."""
    async with database.driver() as connection:
        await connection.execute("UPDATE outbox SET claim_time = now()")


async def claimed_rows(database: Database, organization: str) -> list[Wake]:
    """Claims all rows, and returns the organization's. Tries again if the service's relay claims some of them first."""

    async def claim() -> list[Wake] | None:
        async with database.driver() as connection:
            count = await connection.fetchval("SELECT count(*) FROM outbox WHERE organization = $1", organization)
        await due(database)
        found = [
            wake for wake in await Outbox(database).claim(1000, CLAIM_DURATION) if wake.organization == organization
        ]
        return found if len(found) == count else None

    return await eventually("all rows of the organization are claimed at once", claim)
