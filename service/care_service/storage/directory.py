"""Writes organizations, locations, agents and reviews to PostgreSQL. Implements `Directory`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

import asyncpg

from care_client import workflow_names
from care_rules.decision import Decision
from care_rules.entities.agent import Agent
from care_rules.entities.review import Review
from care_rules.organizations import Location, Organization
from care_rules.scheduling import ScheduledDecision
from care_rules.settings import Moves, SettingsRevision, settings_that_move
from care_service.storage import search_terms
from care_service.storage.commits import add_record, insert_statement, update_statement
from care_service.storage.database import Database
from care_service.storage.rows import AGENT, LOCATION, ORGANIZATION, REVIEW, SETTINGS_REVISION, EntityT, Mapping
from care_service.storage.rules_in_sql import HAS_REMINDERS, IS_OPEN
from care_service.storage.statement_builder import Statement
from care_service.storage.stored_responses import find_stored_response
from care_service.storage.tables import OPEN_TICKET_INDEX, REVIEW_IDENTITY
from care_service.usecases.ports.idempotency import IdempotencyRecord, RequestKey, StoredResponse
from care_service.usecases.ports.ticket_store import StaleError

ADD_ORGANIZATION: Final = """
    -- Adds an organization on its first call.
    -- $1: organization; $2: the time
    INSERT INTO organizations
      (id, display_name, default_phone_region, settings, settings_revision, create_time, update_time)
    VALUES ($1::TEXT, $1::TEXT, '', '{}', 0, $2::TIMESTAMPTZ, $2::TIMESTAMPTZ) ON CONFLICT DO NOTHING
"""
ADD_AGENT: Final = """
    -- Adds an agent on their first call.
    -- $1, $2: organization and agent; $3: the agent's name; $4: the time
    INSERT INTO agents
      (organization, id, display_name, can_be_assignee, can_be_reporter, locations, create_time, update_time)
    VALUES ($1::TEXT, $2::TEXT, $3::TEXT, true, true, '{}', $4::TIMESTAMPTZ, $4::TIMESTAMPTZ) ON CONFLICT DO NOTHING
"""
ADD_LOCATION: Final = """
    -- Adds the location of a review, if it is new.
    -- $1, $2: organization and location; $3: the time
    INSERT INTO locations
      (organization, id, display_name, default_phone_region, settings, settings_revision, create_time, update_time)
    VALUES ($1::TEXT, $2::TEXT, '', '', '{}', 0, $3::TIMESTAMPTZ, $3::TIMESTAMPTZ) ON CONFLICT DO NOTHING
"""
_REVIEW_IMMUTABLE: Final = frozenset(
    {"organization", "id", "create_time", "ingest_time", "ticket_number", "posting_attempts"}
)


class PostgresDirectory:
    """Calls `committed` with each decision on a ticket after that decision commits. All writes are safe to repeat."""

    def __init__(self, database: Database, committed: Callable[[Decision], None] = lambda _: None) -> None:
        self._database = database
        self._committed = committed
        self._seen: set[tuple[str, str]] = set()
        """The agents, and the organizations (with an empty agent), that this process has already stored or found."""

    async def find_response(self, key: RequestKey) -> StoredResponse | None:
        """See Directory."""
        async with self._database.driver() as connection:
            return await find_stored_response(connection, key)

    async def ensure_organization(self, organization: str, now: datetime) -> None:
        """See Directory."""
        if (organization, "") in self._seen:
            return
        async with self._database.driver() as connection:
            await connection.execute(ADD_ORGANIZATION, organization, now)
        self._seen.add((organization, ""))

    async def ensure_agent(self, organization: str, agent: str, display_name: str, now: datetime) -> None:
        """See Directory."""
        if (organization, agent) in self._seen:
            return
        await self.ensure_organization(organization, now)
        async with self._database.driver() as connection:
            await connection.execute(ADD_AGENT, organization, agent, display_name, now)
        self._seen.add((organization, agent))

    async def put_organization(
        self,
        organization: Organization,
        changed: Collection[str],
        record: IdempotencyRecord | None,
        revision: SettingsRevision | None = None,
    ) -> None:
        """See Directory."""
        await self._put(ORGANIZATION, organization, {*changed, "update_time"}, record, revision)

    async def put_location(
        self,
        location: Location,
        changed: Collection[str],
        record: IdempotencyRecord | None,
        revision: SettingsRevision | None = None,
    ) -> None:
        """See Directory."""
        await self._put(LOCATION, location, {*changed, "update_time"}, record, revision)

    async def put_agent(self, agent: Agent, changed: Collection[str], record: IdempotencyRecord | None) -> None:
        """See Directory."""
        await self._put(AGENT, agent, {*changed, "update_time"}, record)

    async def put_review(
        self,
        review: Review,
        record: IdempotencyRecord | None,
        *,
        is_new: bool,
        edit_entry: ScheduledDecision | None = None,
        new_ticket: ScheduledDecision | None = None,
    ) -> None:
        """See Directory."""
        place = (review.organization, review.location, review.ingest_time)
        async with self._database.driver() as connection:
            await connection.execute(ADD_LOCATION, *place)
        # If a newer edit was stored in the meantime, the call decides again. It also decides again if a ticket was
        # created, so that the ticket records this edit.
        guard = (
            " WHERE excluded.update_time >= reviews.update_time"
            " AND excluded.ticket_number IS NOT DISTINCT FROM reviews.ticket_number"
        )
        statement = _put_statement(REVIEW, review, set(REVIEW.fields) - _REVIEW_IMMUTABLE, guard, record)
        # All commits lock the ticket's row before the review's row. Only a new review is written before its ticket,
        # because the ticket's statement updates the review. No other transaction can lock the new review yet.
        writes = [update_statement(edit_entry, None)] if edit_entry else []
        writes += [insert_statement(new_ticket, None)] if new_ticket else []
        writes.insert(0 if is_new else len(writes), statement)
        async with self._database.driver() as connection, connection.transaction():
            for each in writes:
                await _run(connection, each)
            await connection.execute(search_terms.AFTER_REVIEW, review.organization, review.id)
        for scheduled in (edit_entry, new_ticket):
            if scheduled is not None:
                self._committed(scheduled.decision)

    async def _put(
        self,
        mapping: Mapping[EntityT],
        entity: EntityT,
        changed: Collection[str],
        record: IdempotencyRecord | None,
        revision: SettingsRevision | None = None,
    ) -> None:
        guard = ""
        if revision is not None:
            changed = {*changed, "settings", "settings_revision"}
            guard = f" WHERE {mapping.table.name}.settings_revision = excluded.settings_revision - 1"
        statement = _put_statement(mapping, entity, changed, guard, record)
        if revision is not None:
            statement.insert("revision", SETTINGS_REVISION, revision, "written")
            _wake_tickets(statement, revision)
        async with self._database.driver() as connection:
            await _run(connection, statement)


def _wake_tickets(statement: Statement, revision: SettingsRevision) -> None:
    """Adds the CTEs that write outbox rows for the tickets and forms whose deadlines or reminders may have changed."""
    changed = {change.field for change in revision.changes}
    for name, moved, workflow, resource, condition in (
        ("ticket_wakes", Moves.DEADLINES, workflow_names.TICKET_WORKFLOW, "NULL::UUID", f"t.{IS_OPEN}"),
        (
            "form_wakes",
            Moves.REMINDERS,
            workflow_names.CONTACT_RECOVERY,
            "t.recovery_id",
            f"t.{HAS_REMINDERS}",
        ),
    ):
        if settings_that_move(moved) & changed:
            here = f" AND t.location = {statement.parameter(revision.location, 'TEXT')}" if revision.location else ""
            statement.add(
                name,
                "INSERT INTO outbox"
                " (organization, workflow, ticket_number, resource_id, create_time, claim_time, attempts)"
                f" SELECT t.organization, '{workflow}', t.number, {resource}, now(), now(), 0 FROM tickets t, written"
                f" WHERE t.organization = {statement.parameter(revision.organization, 'TEXT')} AND {condition}{here}"
                " RETURNING 1",
            )


def _put_statement(
    mapping: Mapping[EntityT], entity: EntityT, changed: Collection[str], guard: str, record: IdempotencyRecord | None
) -> Statement:
    table = mapping.table.name
    statement = Statement(f"Writes a row of {table}, new or changed.")
    typed = zip(mapping.values(entity), mapping.types.values(), strict=True)
    columns, values = ", ".join(mapping.fields), ", ".join(statement.parameter(value, name) for value, name in typed)
    keys = ", ".join(column.name for column in mapping.table.primary_key.columns)
    updates = ", ".join(f"{field} = excluded.{field}" for field in mapping.fields if field in changed)
    statement.add(
        "written",
        f"INSERT INTO {table} ({columns}) VALUES ({values})"
        f" ON CONFLICT ({keys}) DO UPDATE SET {updates}{guard} RETURNING 1",
    )
    statement.result = "SELECT 1 FROM written"
    if record is not None:
        add_record(statement, record, "written")
    return statement


async def _run(connection: asyncpg.Connection[asyncpg.Record], statement: Statement) -> None:
    try:
        row = await connection.fetchrow(statement.sql(), *statement.parameters)
    except asyncpg.UniqueViolationError as error:
        # Another call committed at the same time: the same request, a change of the same settings, the same review, or
        # another ticket for the review. ON CONFLICT covers only the primary key of reviews, but the unique index on
        # site and external id may find the conflict first.
        if error.constraint_name in {"pk_requests", "pk_settings_revisions", REVIEW_IDENTITY, OPEN_TICKET_INDEX}:
            raise StaleError from error
        raise
    if row is None:  # the guard of the statement found a change by another call
        raise StaleError
