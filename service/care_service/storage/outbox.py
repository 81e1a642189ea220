"""The outbox: rows that say which workflow to wake, written with the change, claimed by relays under a lease."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from care_service.storage.database import Database

# A short UPDATE and a lease, rather than a lock held across the call to Temporal: that would stall the change feed's
# horizon and let a slow relay block the others. The oldest first; SKIP LOCKED only keeps claims from queueing up.
_CLAIM: Final = """
    WITH due AS (
      SELECT organization, id FROM outbox WHERE claim_time <= now() AND park_time IS NULL
      ORDER BY claim_time LIMIT $1 FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox o SET claim_time = now() + $2::INTERVAL, attempts = o.attempts + 1
    FROM due WHERE o.organization = due.organization AND o.id = due.id
    RETURNING o.organization, o.id, o.workflow, o.ticket_number, o.resource_id, o.attempts,
      (SELECT t.location FROM tickets t WHERE t.organization = o.organization AND t.number = o.ticket_number),
      o.is_first, o.traceparent,
      (SELECT (t.timing ->> 'next_time')::TIMESTAMPTZ FROM tickets t
       WHERE t.organization = o.organization AND t.number = o.ticket_number AND o.resource_id IS NULL),
      EXISTS (SELECT 1 FROM recoveries r WHERE r.organization = o.organization AND r.ticket_number = o.ticket_number
        AND r.id = o.resource_id
        AND (r.state = 'FORM_REQUESTED' OR r.end_time IS NOT NULL AND r.reply_state = 'POSTED'))
"""
_DELETE: Final = "DELETE FROM outbox WHERE (organization, id) IN (SELECT * FROM unnest($1::TEXT[], $2::BIGINT[]))"
_RELEASE: Final = """
    UPDATE outbox SET claim_time = now() + $3::INTERVAL
    WHERE (organization, id) IN (SELECT * FROM unnest($1::TEXT[], $2::BIGINT[]))
"""
_PARK: Final = """
    UPDATE outbox SET park_time = now(), failure = $3::TEXT
    WHERE (organization, id) IN (SELECT * FROM unnest($1::TEXT[], $2::BIGINT[]))
"""
_DEPTH: Final = """
    SELECT count(*) FILTER (WHERE park_time IS NULL), count(*) FILTER (WHERE park_time IS NOT NULL),
      coalesce(now() - min(create_time) FILTER (WHERE park_time IS NULL), interval '0')
    FROM outbox
"""
_PARKED: Final = """
    SELECT organization, id, workflow, ticket_number, resource_id, attempts, create_time, park_time, failure
    FROM outbox WHERE park_time IS NOT NULL AND ($1::TEXT IS NULL OR organization = $1)
    ORDER BY park_time, organization, id LIMIT $2
"""
_UNPARK: Final = """
    UPDATE outbox SET park_time = NULL, failure = NULL, attempts = 0, claim_time = now()
    WHERE park_time IS NOT NULL AND ($1::TEXT IS NULL OR organization = $1) AND ($2::BIGINT[] IS NULL OR id = ANY ($2))
"""


@dataclass(frozen=True, slots=True)
class Wake:
    """A claimed row: wake this workflow."""

    organization: str
    id: int
    workflow: str
    ticket_number: int
    resource_id: UUID | None
    """The recovery's or the message's; None for the ticket's own workflow."""
    attempts: int
    location: str | None
    is_first: bool = False
    """Whether it does not run yet."""
    traceparent: str | None = None
    """The trace that the change belongs to, as W3C Trace Context writes it."""
    next_time: datetime | None = None
    """When something happens by itself to the ticket next, where it is the ticket's own workflow."""
    goes_to_site: bool = False
    """Whether it is a recovery whose reply is to be posted, or to be rid of its link."""


@dataclass(frozen=True, slots=True)
class Depth:
    """How much there is to do."""

    waiting: int
    parked: int
    oldest: timedelta
    """Age of the oldest row that is not parked; 0 without any."""


@dataclass(frozen=True, slots=True)
class Parked:
    """A row that was given up."""

    organization: str
    id: int
    workflow: str
    ticket_number: int
    resource_id: UUID | None
    attempts: int
    create_time: datetime
    park_time: datetime
    failure: str
    """gRPC's code of Temporal's refusal, or the type of an exception of ours."""


class Outbox:
    """Claims, deletes, gives back and parks rows."""

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

    async def park(self, wakes: Sequence[Wake], failure: str) -> None:
        """Takes rows out of the relays' sight, until `unpark`."""
        async with self._database.driver() as connection:
            await connection.execute(_PARK, *_keys(wakes), failure)

    async def depth(self) -> Depth:
        """Counts the rows."""
        async with self._database.driver() as connection:
            row = await connection.fetchrow(_DEPTH)
        if row is None:
            raise AssertionError("an aggregate has a row")
        return Depth(*row)

    async def parked(self, organization: str | None, limit: int) -> Sequence[Parked]:
        """Returns parked rows of one organization, or of all, the longest parked first."""
        async with self._database.driver() as connection:
            return [Parked(*row) for row in await connection.fetch(_PARKED, organization, limit)]

    async def unpark(self, organization: str | None, ids: Sequence[int] | None) -> int:
        """Puts parked rows back, all of them or those named; returns how many."""
        async with self._database.driver() as connection:
            return int((await connection.execute(_UNPARK, organization, ids)).rpartition(" ")[2])


def _keys(wakes: Sequence[Wake]) -> tuple[list[str], list[int]]:
    return [wake.organization for wake in wakes], [wake.id for wake in wakes]
