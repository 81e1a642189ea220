"""The outbox: rows that say which workflow to wake, written with the change, claimed by relays under a lease."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from care_service.storage.database import Database

# A short UPDATE and a lease, rather than a lock held across the call to Temporal: that would stall the change feed's
# horizon and let a slow relay block the others. The oldest first; SKIP LOCKED only keeps claims from queueing up.
_CLAIM: Final = """
    WITH due AS (
      SELECT organization, id FROM outbox WHERE claim_time <= now()
      ORDER BY claim_time LIMIT $1 FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox o SET claim_time = now() + $2::INTERVAL, attempts = o.attempts + 1
    FROM due WHERE o.organization = due.organization AND o.id = due.id
    RETURNING o.organization, o.id, o.workflow, o.ticket_number, o.resource_id, o.attempts,
      (SELECT t.location FROM tickets t WHERE t.organization = o.organization AND t.number = o.ticket_number)
"""
_DELETE: Final = "DELETE FROM outbox WHERE (organization, id) IN (SELECT * FROM unnest($1::TEXT[], $2::BIGINT[]))"
_RELEASE: Final = """
    UPDATE outbox SET claim_time = now() + $3::INTERVAL
    WHERE (organization, id) IN (SELECT * FROM unnest($1::TEXT[], $2::BIGINT[]))
"""


@dataclass(frozen=True, slots=True)
class Wake:
    """A claimed row: wake this workflow."""

    organization: str
    id: int
    workflow: str
    ticket_number: int
    resource_id: UUID
    attempts: int
    location: str | None


class Outbox:
    """Claims, deletes and gives back rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, limit: int, lease: timedelta) -> Sequence[Wake]:
        """Returns due rows, which nobody else will get before `lease` is over."""
        async with self._database.driver() as connection:
            return [Wake(*row) for row in await connection.fetch(_CLAIM, limit, lease)]

    async def delete(self, wakes: Sequence[Wake]) -> None:
        """Forgets rows whose workflow was woken."""
        async with self._database.driver() as connection:
            await connection.execute(_DELETE, *_keys(wakes))

    async def release(self, wakes: Sequence[Wake], after: timedelta) -> None:
        """Gives rows back, to be claimed again `after` a while."""
        async with self._database.driver() as connection:
            await connection.execute(_RELEASE, *_keys(wakes), after)


def _keys(wakes: Sequence[Wake]) -> tuple[list[str], list[int]]:
    return [wake.organization for wake in wakes], [wake.id for wake in wakes]
