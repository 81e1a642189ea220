"""The workflows that must be running: those of open tickets, and of recoveries and messages that need a step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from care_client import workflow_names
from care_service.storage.database import Database
from care_service.storage.rules_in_sql import IS_OPEN, MAY_NEED_STEP, NEEDS_DELIVERY_STEP, NEEDS_STEP


def _not_woken(alias: str, number: str, resource: str, workflow: str) -> str:
    """Returns the condition that the outbox has no row for the workflow, and that the row `alias` is over a minute old.

    Temporal may not yet list a workflow that was started within the last minute.
    """
    return f"""{alias}.create_time < now() - interval '1 minute'
      AND NOT EXISTS (
        SELECT 1 FROM outbox o
        WHERE o.organization = {alias}.organization AND o.ticket_number = {alias}.{number}
          AND o.workflow = '{workflow}' AND o.resource_id IS NOT DISTINCT FROM {resource}
      )"""


TICKETS: Final = f"""
    -- Lists open tickets, whose workflows must be running, unless the outbox is about to wake them.
    -- $1, $2: organization and number of the ticket to begin after; $3: any UUID; $4: how many rows at most
    SELECT t.organization, t.number, NULL::UUID FROM tickets t
    WHERE (t.organization, t.number) > ($1::TEXT, $2::BIGINT) AND $3::UUID IS NOT NULL
      AND t.{IS_OPEN}
      AND {_not_woken("t", "number", "NULL", workflow_names.TICKET_WORKFLOW)}
    ORDER BY t.organization, t.number LIMIT $4
"""
RECOVERIES: Final = f"""
    -- Lists recoveries that need a step, whose workflows must be running, unless the outbox is about to wake them.
    -- $1, $2, $3: organization, ticket number and id of the recovery to begin after; $4: how many rows at most
    SELECT r.organization, r.ticket_number, r.id FROM recoveries r
    WHERE (r.organization, r.ticket_number, r.id) > ($1::TEXT, $2::BIGINT, $3::UUID)
      -- The condition of the index, and the rule.
      AND {MAY_NEED_STEP}
      AND {NEEDS_STEP}
      AND {_not_woken("r", "ticket_number", "r.id", workflow_names.CONTACT_RECOVERY)}
    ORDER BY r.organization, r.ticket_number, r.id LIMIT $4
"""
DELIVERIES: Final = f"""
    -- Lists messages that need a step, whose workflows must be running, unless the outbox is about to wake them.
    -- $1, $2, $3: organization, ticket number and id of the message to begin after; $4: how many rows at most
    SELECT d.organization, d.ticket_number, d.message_id FROM deliveries d
    WHERE (d.organization, d.ticket_number, d.message_id) > ($1::TEXT, $2::BIGINT, $3::UUID)
      AND {NEEDS_DELIVERY_STEP}
      AND {_not_woken("d", "ticket_number", "d.message_id", workflow_names.MESSAGE_DELIVERY)}
    ORDER BY d.organization, d.ticket_number, d.message_id LIMIT $4
"""
_STATEMENTS: Final = {
    workflow_names.TICKET_WORKFLOW: TICKETS,
    workflow_names.CONTACT_RECOVERY: RECOVERIES,
    workflow_names.MESSAGE_DELIVERY: DELIVERIES,
}
WORKFLOWS: Final = tuple(_STATEMENTS)
"""The workflow types, in the order in which the reconciler checks them."""
WAKE: Final = """
    -- Writes outbox rows for workflows that must be running and are not.
    -- $1, $2, $3: organizations, ticket numbers and ids of recoveries or messages (NULL for tickets); $4: workflow type
    INSERT INTO outbox
      (organization, workflow, ticket_number, resource_id, is_new_workflow, create_time, claim_time, attempts)
    SELECT organization, $4::TEXT, number, resource, true, now(), now(), 0
    FROM unnest($1::TEXT[], $2::BIGINT[], $3::UUID[]) AS missing (organization, number, resource)
"""
LOCK: Final = """
    -- Makes this session the reconciler, unless another session is.
    SELECT pg_try_advisory_lock(hashtext('care reconciler'), 0)
"""
UNLOCK: Final = """
    -- Lets another session be the reconciler.
    SELECT pg_advisory_unlock(hashtext('care reconciler'), 0)
"""
_BEGIN: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class ExpectedWorkflow:
    """A workflow that must be running."""

    workflow: str
    """The workflow type."""
    organization: str
    ticket_number: int
    resource_id: UUID | None
    """The recovery or the message; None for the ticket's own workflow."""

    @property
    def workflow_id(self) -> str:
        """The workflow's id in Temporal."""
        ticket = (self.organization, self.ticket_number)
        if self.resource_id is None:
            return workflow_names.ticket_workflow_id(*ticket)
        if self.workflow == workflow_names.CONTACT_RECOVERY:
            return workflow_names.contact_recovery_id(*ticket, str(self.resource_id))
        return workflow_names.message_delivery_id(*ticket, str(self.resource_id))


class ExpectedWorkflows:
    """Lists expected workflows page by page, and writes the outbox rows for missing ones."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[bool]:
        """Yields whether this process is the reconciler. If so, no other process can be until the block ends.

        The lock belongs to the session. A transaction that held the lock for so long would delay the change feed.
        """
        async with self._database.driver() as connection:
            is_locked = bool(await connection.fetchval(LOCK))
            try:
                yield is_locked
            finally:
                if is_locked:
                    await connection.execute(UNLOCK)

    async def page(self, workflow: str, after: ExpectedWorkflow | None, limit: int) -> Sequence[ExpectedWorkflow]:
        """Returns at most `limit` workflows of a type after `after`, in the order of organization, ticket and id."""
        key = (after.organization, after.ticket_number, after.resource_id or _BEGIN) if after else ("", 0, _BEGIN)
        async with self._database.driver() as connection:
            rows = await connection.fetch(_STATEMENTS[workflow], *key, limit)
        return [ExpectedWorkflow(workflow, *row) for row in rows]

    async def wake(self, missing: Sequence[ExpectedWorkflow]) -> None:
        """Writes an outbox row for each workflow in `missing`. They must all have the same type."""
        if not missing:
            return
        columns = (
            [each.organization for each in missing],
            [each.ticket_number for each in missing],
            [each.resource_id for each in missing],
        )
        async with self._database.driver() as connection:
            await connection.execute(WAKE, *columns, missing[0].workflow)
