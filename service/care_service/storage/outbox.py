"""The outbox: each row names a workflow to wake.

A commit writes rows in the same transaction as its change. The reconciler writes rows for missing workflows. Relays
claim the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from care_service.storage.database import Database
from care_service.storage.rules_in_sql import IS_OPEN, NEEDS_REVIEW_SITE

# A claim is a short UPDATE that sets the time when the claim ends. Instead, a relay could hold a lock while it calls
# Temporal. But that needs a long transaction, which would delay the change feed. With SKIP LOCKED, relays don't wait
# for each other's claims.
CLAIM: Final = f"""
    -- Claims outbox rows that are due, the longest due first. Returns the data that wakes their workflows.
    -- $1: how many rows at most; $2: the duration of the claim, during which no other relay gets them
    WITH due AS (
      SELECT organization, id FROM outbox
      WHERE claim_time <= now() AND park_time IS NULL
      ORDER BY claim_time LIMIT $1 FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox o SET claim_time = now() + $2::INTERVAL, attempts = o.attempts + 1
    FROM due WHERE o.organization = due.organization AND o.id = due.id
    RETURNING o.organization, o.id, o.workflow, o.ticket_number, o.resource_id, o.attempts,
      (SELECT t.location FROM tickets t WHERE t.organization = o.organization AND t.number = o.ticket_number),
      o.is_new_workflow, o.traceparent,
      (SELECT (t.timing ->> 'next_time')::TIMESTAMPTZ FROM tickets t
       WHERE t.organization = o.organization AND t.number = o.ticket_number AND o.resource_id IS NULL),
      EXISTS (SELECT 1 FROM recoveries r
        WHERE r.organization = o.organization AND r.ticket_number = o.ticket_number AND r.id = o.resource_id
          AND {NEEDS_REVIEW_SITE}),
      o.resource_id IS NULL AND NOT EXISTS (SELECT 1 FROM tickets t
        WHERE t.organization = o.organization AND t.number = o.ticket_number AND t.{IS_OPEN})
"""
DELETE: Final = """
    -- Deletes outbox rows whose workflows were woken.
    -- $1, $2: organizations and ids of the rows
    DELETE FROM outbox WHERE (organization, id) IN (SELECT * FROM unnest($1::TEXT[], $2::BIGINT[]))
"""
RELEASE: Final = """
    -- Releases claimed outbox rows. Relays can claim them again after a pause.
    -- $1, $2: organizations and ids of the rows; $3: the pause
    UPDATE outbox SET claim_time = now() + $3::INTERVAL
    WHERE (organization, id) IN (SELECT * FROM unnest($1::TEXT[], $2::BIGINT[]))
"""
PARK: Final = """
    -- Parks outbox rows. No relay claims them until an operator unparks them.
    -- $1, $2: organizations and ids of the rows; $3: code of the failure
    UPDATE outbox SET park_time = now(), failure = $3::TEXT
    WHERE (organization, id) IN (SELECT * FROM unnest($1::TEXT[], $2::BIGINT[]))
"""
DEPTH: Final = """
    -- Counts waiting and parked outbox rows, and returns the age of the oldest waiting one.
    SELECT count(*) FILTER (WHERE park_time IS NULL), count(*) FILTER (WHERE park_time IS NOT NULL),
      coalesce(now() - min(create_time) FILTER (WHERE park_time IS NULL), interval '0')
    FROM outbox
"""
PARKED: Final = """
    -- Lists parked outbox rows, the longest parked first.
    -- $1: organization, or NULL for all; $2: how many rows at most
    SELECT organization, id, workflow, ticket_number, resource_id, attempts, create_time, park_time, failure
    FROM outbox WHERE park_time IS NOT NULL AND ($1::TEXT IS NULL OR organization = $1)
    ORDER BY park_time, organization, id LIMIT $2
"""
UNPARK: Final = """
    -- Unparks outbox rows. They are due at once.
    -- $1: organization, or NULL for all; $2: ids of the rows, or NULL for all
    UPDATE outbox SET park_time = NULL, failure = NULL, attempts = 0, claim_time = now()
    WHERE park_time IS NOT NULL AND ($1::TEXT IS NULL OR organization = $1) AND ($2::BIGINT[] IS NULL OR id = ANY ($2))
"""


@dataclass(frozen=True, slots=True)
class Wake:
    """A workflow to wake, from a claimed row, or from a commit whose row is not claimed yet. Then `id` is 0."""

    organization: str
    id: int
    workflow: str
    """The workflow type."""
    ticket_number: int
    resource_id: UUID | None
    """The recovery or the message; None for the ticket's own workflow."""
    attempts: int
    """How many times the row was claimed, including this time. Unparking resets the number."""
    location: str | None
    is_new_workflow: bool = False
    """Whether the workflow is probably not running: the commit created its resource, or the reconciler
    found that the workflow does not run."""
    traceparent: str | None = None
    """The trace context of the change, in the `traceparent` format of W3C Trace Context."""
    next_time: datetime | None = None
    """The ticket's next deadline, if the workflow is the ticket's own."""
    needs_review_site: bool = False
    """Whether the workflow's recovery waits for the review site. Ignores the other recoveries of the review."""
    is_closed_ticket: bool = False
    """Whether the workflow is the ticket's own, and the ticket is CLOSED."""


@dataclass(frozen=True, slots=True)
class Depth:
    """The size of the outbox."""

    waiting: int
    parked: int
    oldest: timedelta
    """The age of the oldest waiting row; 0 if none waits."""


@dataclass(frozen=True, slots=True)
class Parked:
    """A row that is parked: an operator must act."""

    organization: str
    id: int
    workflow: str
    ticket_number: int
    resource_id: UUID | None
    attempts: int
    create_time: datetime
    park_time: datetime
    failure: str
    """The gRPC status code of Temporal's refusal, or the type of an exception in the relay."""


class Outbox:
    """Claims, deletes, releases and parks rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, limit: int, duration: timedelta) -> Sequence[Wake]:
        """Claims and returns due rows, at most `limit`. No other relay gets them before `duration` has passed."""
        async with self._database.driver() as connection:
            return [Wake(*row) for row in await connection.fetch(CLAIM, limit, duration)]

    async def delete(self, wakes: Sequence[Wake]) -> None:
        """Deletes rows whose workflows were woken."""
        async with self._database.driver() as connection:
            await connection.execute(DELETE, *_keys(wakes))

    async def release(self, wakes: Sequence[Wake], after: timedelta) -> None:
        """Releases rows. Relays can claim them again after the pause `after`."""
        async with self._database.driver() as connection:
            await connection.execute(RELEASE, *_keys(wakes), after)

    async def park(self, wakes: Sequence[Wake], failure: str) -> None:
        """Parks rows. No relay claims them until `unpark`."""
        async with self._database.driver() as connection:
            await connection.execute(PARK, *_keys(wakes), failure)

    async def depth(self) -> Depth:
        """Counts the waiting and the parked rows, and returns the age of the oldest waiting row."""
        async with self._database.driver() as connection:
            row = await connection.fetchrow(DEPTH)
        if row is None:
            raise AssertionError("the aggregate query DEPTH returned no row")
        return Depth(*row)

    async def parked(self, organization: str | None, limit: int) -> Sequence[Parked]:
        """Returns at most `limit` parked rows of an organization, or of all (None), the longest parked first."""
        async with self._database.driver() as connection:
            return [Parked(*row) for row in await connection.fetch(PARKED, organization, limit)]

    async def unpark(self, organization: str | None, ids: Sequence[int] | None) -> int:
        """Unparks the rows `ids` of an organization. None means all. Returns how many rows it unparked."""
        async with self._database.driver() as connection:
            return int((await connection.execute(UNPARK, organization, ids)).rpartition(" ")[2])


def _keys(wakes: Sequence[Wake]) -> tuple[list[str], list[int]]:
    return [wake.organization for wake in wakes], [wake.id for wake in wakes]
