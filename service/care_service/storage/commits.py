"""The commit of a decision: one statement that compares the revision, writes the ticket, and writes all other rows."""

from __future__ import annotations

import asyncpg

from care_client import trace_context, workflow_names
from care_rules.decision import Decision
from care_rules.entities.activity import ActivityType
from care_rules.scheduling import ScheduledDecision
from care_service.storage import search_terms
from care_service.storage.rows import ACTIVITY, CONTACT, DELIVERY, INBOUND, MESSAGE, RECOVERY, TICKET
from care_service.storage.rules_in_sql import CANCEL_DELIVERY, IS_QUEUED
from care_service.storage.statement_builder import Statement
from care_service.storage.tables import OPEN_FOLLOW_UP_INDEX, OPEN_TICKET_INDEX
from care_service.storage.woken_workflows import woken_workflows
from care_service.usecases.ports.idempotency import IdempotencyRecord
from care_service.usecases.ports.ticket_store import StaleError

_PURPOSE = "Commits a decision. If the ticket's revision has changed, nothing is written."
_TRANSACTION = """greatest(pg_current_xact_id(), (
    SELECT a.transaction FROM activities a
    WHERE a.organization = ticket.organization AND a.ticket_number = ticket.number ORDER BY a.number DESC LIMIT 1
  ))"""
"""The transaction id that places an activity in the change feed. A ticket's next activity never has a lower id.

A transaction that waited for the ticket's lock may have a lower id than the transaction that held the lock. The later
activity gets the higher id, too. Readers of the feed miss nothing: they stop before the oldest transaction that still
runs. So they read rows with the higher id only after both transactions have ended."""
_POSITION = (("transaction", _TRANSACTION),)
_REPORT_DELAY = "30 seconds"
"""The delay of a wake that a report causes. The workflow normally asks for its next step sooner, and that call deletes
the wake."""
_TICKET_IMMUTABLE = frozenset(
    {"organization", "number", "location", "review_id", "reporter", "create_time", "follow_up_of", "follow_up"}
)
_CONTACT_IMMUTABLE = frozenset(CONTACT.fields) - {"key_id", "verify_time"}
_DELIVERY_IMMUTABLE = frozenset(
    {"organization", "ticket_number", "message_id", "contact_id", "channel", "create_time", "give_up_time"}
)
_RECOVERY_IMMUTABLE = frozenset(
    {"organization", "ticket_number", "id", "kind", "review_id", "reply_text", "key_id", "creator", "create_time"}
)


def update_statement(scheduled: ScheduledDecision, record: IdempotencyRecord | None) -> Statement:
    """Returns the statement for a decision on an existing ticket. It writes nothing if the revision has changed."""
    decision = scheduled.decision
    statement, ticket, source = Statement(_PURPOSE), decision.ticket, "ticket"
    statement.add(
        "ticket",
        f"UPDATE tickets SET {statement.assignments(TICKET, ticket, _TICKET_IMMUTABLE)}"
        f"\n  WHERE organization = {statement.parameter(ticket.organization, 'TEXT')}"
        f" AND number = {statement.parameter(ticket.number, 'BIGINT')}"
        f" AND revision = {statement.parameter(ticket.revision - 1, 'BIGINT')}"
        f"\n  RETURNING {search_terms.TICKET_COLUMNS}",
    )
    if decision.activity is not None and decision.activity.type is ActivityType.UPDATED:
        search_terms.add_update(statement)
    if decision.review_attempt is not None:
        # The number of the review's last attempt is compared as well, because recoveries of other tickets can write a
        # reply to the same review. The ticket's row comes first, because all commits lock rows in this order. If only
        # the second comparison fails, the ticket gets a new revision and no other change. Callers can't see revisions.
        source, attempt = "attempt", statement.parameter(decision.review_attempt, "BIGINT")
        statement.add(
            "attempt",
            f"UPDATE reviews v SET posting_attempts = {attempt} FROM ticket WHERE v.organization = ticket.organization"
            f" AND v.id = {statement.parameter(ticket.review_id, 'UUID')} AND v.posting_attempts = {attempt} - 1"
            "\n  RETURNING ticket.organization, ticket.number",
        )
    if decision.recovery is not None:
        statement.add(
            "recovery",
            f"UPDATE recoveries r SET {statement.assignments(RECOVERY, decision.recovery, _RECOVERY_IMMUTABLE)}"
            f"\n  FROM {source} s WHERE r.organization = s.organization AND r.ticket_number = s.number"
            f" AND r.id = {statement.parameter(decision.recovery.id, 'UUID')} RETURNING 1",
        )
    if decision.changed_contact is not None:
        statement.add(
            "changed_contact",
            f"UPDATE contacts c SET"
            f" {statement.assignments(CONTACT, decision.changed_contact, _CONTACT_IMMUTABLE)}"
            f"\n  FROM {source} s WHERE c.organization = s.organization AND c.ticket_number = s.number"
            f" AND c.id = {statement.parameter(decision.changed_contact.id, 'UUID')} RETURNING 1",
        )
    if decision.delivery is not None:
        statement.add(
            "delivery",
            f"UPDATE deliveries d SET {statement.assignments(DELIVERY, decision.delivery, _DELIVERY_IMMUTABLE)}"
            f"\n  FROM {source} s WHERE d.organization = s.organization AND d.ticket_number = s.number"
            f" AND d.message_id = {statement.parameter(decision.delivery.message_id, 'UUID')} RETURNING 1",
        )
    if decision.cancel_deliveries_to is not None:
        statement.add(
            "cancelled_deliveries",
            f"UPDATE deliveries d SET {CANCEL_DELIVERY},"
            f" end_time = {statement.parameter(ticket.update_time, 'TIMESTAMPTZ')}"
            f"\n  FROM {source} s WHERE d.organization = s.organization AND d.ticket_number = s.number"
            f" AND d.contact_id = {statement.parameter(decision.cancel_deliveries_to, 'UUID')} AND d.{IS_QUEUED}"
            "\n  RETURNING 1",
        )
    statement.result = f"SELECT 1 FROM {source}"
    _add_rows(statement, decision, record)
    return statement


def insert_statement(scheduled: ScheduledDecision, record: IdempotencyRecord | None) -> Statement:
    """Returns the statement for a new ticket. It writes nothing if the ticket that the new one follows has changed."""
    decision = scheduled.decision
    statement, ticket, source = Statement(_PURPOSE), decision.ticket, None
    if decision.followed_ticket is not None:
        # The comparison of the revision makes sure that a ticket gets at most one follow-up. Only these two columns of
        # the CLOSED ticket change.
        source, before = "followed", decision.followed_ticket
        statement.add(
            source,
            f"UPDATE tickets SET follow_up = {statement.parameter(before.follow_up, 'BIGINT')}, revision = revision + 1"
            f"\n  WHERE organization = {statement.parameter(before.organization, 'TEXT')}"
            f" AND number = {statement.parameter(before.number, 'BIGINT')}"
            f" AND revision = {statement.parameter(before.revision - 1, 'BIGINT')} RETURNING 1",
        )
    statement.insert("inserted", TICKET, ticket, source, search_terms.TICKET_COLUMNS)
    statement.add("ticket", "SELECT * FROM inserted")
    statement.result = "SELECT 1 FROM ticket"
    at = statement.parameter(ticket.create_time, "TIMESTAMPTZ")
    organization = statement.parameter(ticket.organization, "TEXT")
    location = statement.parameter(ticket.location, "TEXT")
    statement.add(
        "location",
        "INSERT INTO locations"
        " (organization, id, display_name, default_phone_region, settings, settings_revision, create_time, update_time)"
        f"\n  SELECT {organization}, {location}, '', '', '{{}}', 0, {at}, {at} FROM ticket"
        "\n  ON CONFLICT DO NOTHING RETURNING 1",
    )
    if ticket.review_id is not None:
        statement.add(
            "review",
            f"UPDATE reviews v SET ticket_number = {statement.parameter(ticket.number, 'BIGINT')} FROM ticket"
            f"\n  WHERE v.organization = {organization} AND v.id = {statement.parameter(ticket.review_id, 'UUID')}"
            "\n  RETURNING v.stars, v.text",
        )
    search_terms.add_insert(statement, has_review=ticket.review_id is not None)
    _add_rows(statement, decision, record)
    return statement


def _add_rows(statement: Statement, decision: Decision, record: IdempotencyRecord | None) -> None:
    if decision.activity is not None:
        statement.insert("activity", ACTIVITY, decision.activity, "ticket", computed=_POSITION)
    if decision.new_recovery is not None:
        statement.insert("new_recovery", RECOVERY, decision.new_recovery, "ticket")
    if decision.contact is not None:
        statement.insert("contact", CONTACT, decision.contact, "ticket")
    for index, message in enumerate(decision.messages):
        statement.insert(f"message{index}", MESSAGE, message, "ticket")
    for index, delivery in enumerate(decision.new_deliveries):
        statement.insert(f"delivery{index}", DELIVERY, delivery, "ticket")
    if decision.inbound is not None:
        statement.insert("inbound", INBOUND, decision.inbound, "ticket")
    for index, inbound in enumerate(decision.admitted):
        statement.add(
            f"admitted{index}",
            f"UPDATE inbound_messages i SET outcome = {statement.parameter(inbound.outcome.value, 'TEXT')},"
            f" message_id = {statement.parameter(inbound.message_id, 'UUID')}"
            "\n  FROM ticket s WHERE i.organization = s.organization"
            f" AND i.channel = {statement.parameter(inbound.channel.value, 'TEXT')}"
            f" AND i.external_id = {statement.parameter(inbound.external_id, 'TEXT')} RETURNING 1",
        )
    _add_wakes(statement, decision)
    if record is not None:
        add_record(statement, record, "ticket")


def _add_wakes(statement: Statement, decision: Decision) -> None:
    """Adds a CTE for each outbox row of the commit."""
    ticket = decision.ticket
    for index, (workflow, resource, is_new) in enumerate(woken_workflows(decision)):
        report_time, claim_time = "NULL::TIMESTAMPTZ", "now()"
        if decision.report_time is not None and workflow == workflow_names.CONTACT_RECOVERY:
            report_time = statement.parameter(decision.report_time, "TIMESTAMPTZ")
            claim_time = f"now() + interval '{_REPORT_DELAY}'"
        organization = statement.parameter(ticket.organization, "TEXT")
        number = statement.parameter(ticket.number, "BIGINT")
        statement.add(
            f"wake{index}",
            "INSERT INTO outbox (organization, workflow, ticket_number, resource_id, is_new_workflow,"
            " report_time, create_time, claim_time, attempts, traceparent)"
            f"\n  SELECT {organization}, '{workflow}', {number}, {statement.parameter(resource, 'UUID')}, {is_new},"
            f" {report_time}, now(), {claim_time}, 0, {statement.parameter(trace_context.current(), 'TEXT')}"
            "\n  FROM ticket RETURNING 1",
        )


def add_record(statement: Statement, record: IdempotencyRecord, source: str) -> None:
    """Adds the CTE that stores a response if the CTE `source` returned a row."""
    values = (
        statement.parameter(record.key.organization, "TEXT"),
        statement.parameter(record.key.caller, "TEXT"),
        statement.parameter(record.key.request_id, "UUID"),
        statement.parameter(record.response.fingerprint, "BYTEA"),
        statement.parameter(record.response.body, "BYTEA"),
        statement.parameter(record.time, "TIMESTAMPTZ"),
    )
    statement.add(
        "record",
        "INSERT INTO requests (organization, caller, request_id, fingerprint, answer, create_time)"
        f"\n  SELECT {', '.join(values)} FROM {source} RETURNING 1",
    )


async def execute_commit(connection: asyncpg.Connection[asyncpg.Record], statement: Statement) -> None:
    """Executes a commit. Raises StaleError if another call committed first."""
    try:
        row = await connection.fetchrow(statement.sql(), *statement.parameters)
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name in {"pk_requests", "pk_inbound_messages", OPEN_TICKET_INDEX, OPEN_FOLLOW_UP_INDEX}:
            raise StaleError from error
        raise
    if row is None:
        raise StaleError
