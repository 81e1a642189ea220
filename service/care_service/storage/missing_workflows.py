"""What must have a workflow that runs: open tickets, recoveries that want a step, messages that are on their way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from care_client import workflow_names
from care_service.storage.database import Database
from care_service.storage.tables import OPEN_TICKETS, WORKED_RECOVERIES


def _not_woken(alias: str, number: str, resource: str, workflow: str) -> str:
    """Leaves out what a row of the outbox will wake, and what is so young that one has only just done so."""
    return f"""NOT EXISTS (
        SELECT 1 FROM outbox o WHERE o.organization = {alias}.organization AND o.ticket_number = {alias}.{number}
          AND o.workflow = '{workflow}' AND o.resource_id IS NOT DISTINCT FROM {resource}
      ) AND {alias}.create_time < now() - interval '1 minute'"""


_TICKETS: Final = f"""
    SELECT t.organization, t.number, NULL::UUID FROM tickets t
    WHERE {OPEN_TICKETS} AND (t.organization, t.number) > ($1::TEXT, $2::BIGINT)
      AND $3::UUID IS NOT NULL
      AND {_not_woken("t", "number", "NULL", workflow_names.TICKET_WORKFLOW)}
    ORDER BY t.organization, t.number LIMIT $4
"""
_RECOVERIES: Final = f"""
    SELECT r.organization, r.ticket_number, r.id FROM recoveries r
    WHERE (r.organization, r.ticket_number, r.id) > ($1::TEXT, $2::BIGINT, $3::UUID)
      AND {WORKED_RECOVERIES}
      -- What ended while its reply was public takes the link out, unless a newer reply stands there, or the site did.
      AND (r.state IN ('FORM_REQUESTED', 'AWAITING_CONTACT', 'CONTACT_RECEIVED')
        OR r.reply_state IN ('POSTING', 'RETRACTING')
        OR (r.state <> 'REFUSED' OR r.post_time > r.end_time) AND NOT EXISTS (
          SELECT 1 FROM recoveries n WHERE n.organization = r.organization AND n.review_id = r.review_id
            AND n.position > r.position AND n.reply_state IN ('POSTED', 'RETRACTING', 'RETRACTED')))
      AND {_not_woken("r", "ticket_number", "r.id", workflow_names.CONTACT_RECOVERY)}
    ORDER BY r.organization, r.ticket_number, r.id LIMIT $4
"""
_DELIVERIES: Final = f"""
    SELECT d.organization, d.ticket_number, d.message_id FROM deliveries d
    WHERE (d.organization, d.ticket_number, d.message_id) > ($1::TEXT, $2::BIGINT, $3::UUID)
      AND (d.state = 'QUEUED' OR d.check_time IS NOT NULL)
      AND {_not_woken("d", "ticket_number", "d.message_id", workflow_names.MESSAGE_DELIVERY)}
    ORDER BY d.organization, d.ticket_number, d.message_id LIMIT $4
"""
_QUERIES: Final = {
    workflow_names.TICKET_WORKFLOW: _TICKETS,
    workflow_names.CONTACT_RECOVERY: _RECOVERIES,
    workflow_names.MESSAGE_DELIVERY: _DELIVERIES,
}
WORKFLOWS: Final = tuple(_QUERIES)
"""The workflow types, in the order in which they are gone through."""
_WAKE: Final = """
    INSERT INTO outbox (organization, workflow, ticket_number, resource_id, is_first, create_time, claim_time, attempts)
    SELECT organization, $4::TEXT, number, resource, true, now(), now(), 0
    FROM unnest($1::TEXT[], $2::BIGINT[], $3::UUID[]) AS missing (organization, number, resource)
"""
_LOCK: Final = "SELECT pg_try_advisory_lock(hashtext('care reconciler'), 0)"
_UNLOCK: Final = "SELECT pg_advisory_unlock(hashtext('care reconciler'), 0)"
_BEGIN: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A workflow that must run."""

    workflow: str
    organization: str
    ticket_number: int
    resource_id: UUID | None

    @property
    def workflow_id(self) -> str:
        """Its id in Temporal."""
        place = (self.organization, self.ticket_number)
        if self.resource_id is None:
            return workflow_names.ticket_workflow_id(*place)
        if self.workflow == workflow_names.CONTACT_RECOVERY:
            return workflow_names.contact_recovery_id(*place, str(self.resource_id))
        return workflow_names.message_delivery_id(*place, str(self.resource_id))


class WantedWorkflows:
    """Goes through them page by page, and has missing ones woken."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[bool]:
        """Tells whether nobody else is at it; until the block is left nobody else will be.

        The lock is the session's: a transaction that was open for so long would hold up the feed of changes.
        """
        async with self._database.driver() as connection:
            is_ours = bool(await connection.fetchval(_LOCK))
            try:
                yield is_ours
            finally:
                if is_ours:
                    await connection.execute(_UNLOCK)

    async def page(self, workflow: str, after: Wanted | None, limit: int) -> Sequence[Wanted]:
        """Returns those of a type that come after another, by organization, ticket and id."""
        place = (after.organization, after.ticket_number, after.resource_id or _BEGIN) if after else ("", 0, _BEGIN)
        async with self._database.driver() as connection:
            rows = await connection.fetch(_QUERIES[workflow], *place, limit)
        return [Wanted(workflow, *row) for row in rows]

    async def wake(self, missing: Sequence[Wanted]) -> None:
        """Writes a row of the outbox for each; all of one type."""
        if not missing:
            return
        columns = (
            [each.organization for each in missing],
            [each.ticket_number for each in missing],
            [each.resource_id for each in missing],
        )
        async with self._database.driver() as connection:
            await connection.execute(_WAKE, *columns, missing[0].workflow)
