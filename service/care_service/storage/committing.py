"""The commit: one statement that compares the revision, updates the ticket, and inserts the rest from that row."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from care_client import trace_context, workflow_names
from care_rules.decision import Decision
from care_rules.entities import ActivityType
from care_rules.scheduling import ScheduledDecision
from care_service.storage import terms
from care_service.storage.rows import ACTIVITY, CONTACT, DELIVERY, INBOUND, MESSAGE, RECOVERY, TICKET
from care_service.storage.statements import Statement
from care_service.storage.tables import OPEN_FOLLOW_UP_INDEX, OPEN_TICKET_INDEX
from care_service.usecases.ports import IdempotencyRecord, StaleError

_TRANSACTION = """greatest(pg_current_xact_id(), (
    SELECT a.transaction FROM activities a
    WHERE a.organization = ticket.organization AND a.ticket_number = ticket.number ORDER BY a.number DESC LIMIT 1
))"""
"""Where an activity is for followers: never before the one that it comes after. A transaction that waits for a ticket's
lock may have its number before those that it waits for; theirs says that all of both can be seen, just as well."""
_REPORTED = "30 seconds"
"""How long a report's wake waits: an attempt at a review site, which reports last of all, is over by then."""
_IMMUTABLE = frozenset(
    {"organization", "number", "location", "review_id", "reporter", "create_time", "follow_up_of", "follow_up"}
)
_CONTACT_MUTABLE = frozenset({"key_id", "verify_time"})
_DELIVERY_IMMUTABLE = frozenset(
    {"organization", "ticket_number", "message_id", "contact_id", "channel", "create_time", "give_up_time"}
)
_RECOVERY_IMMUTABLE = frozenset(
    {"organization", "ticket_number", "id", "kind", "review_id", "reply_text", "key_id", "creator", "create_time"}
)


def update_statement(scheduled: ScheduledDecision, record: IdempotencyRecord | None) -> Statement:
    """Makes the statement for a decision on an existing ticket. It writes nothing where the revision has moved."""
    decision = scheduled.decision
    statement, ticket, source = Statement(), decision.ticket, "ticket"
    statement.add(
        "ticket",
        f"UPDATE tickets SET {statement.assignments(TICKET, ticket, _IMMUTABLE)}"
        f" WHERE organization = {statement.parameter(ticket.organization, 'TEXT')}"
        f" AND number = {statement.parameter(ticket.number, 'BIGINT')}"
        f" AND revision = {statement.parameter(ticket.revision - 1, 'BIGINT')}"
        f" RETURNING {terms.TICKET_COLUMNS}",
    )
    if decision.activity is not None and decision.activity.type is ActivityType.UPDATED:
        terms.add_update(statement)
    if decision.review_attempt is not None:
        # A second CAS, since the recoveries of a review's other tickets are at the same site. The ticket's row comes
        # first, as whoever holds its lock may get here too. Where this CAS fails, the ticket has a new revision for
        # nothing, which nobody sees.
        source, attempt = "attempt", statement.parameter(decision.review_attempt, "BIGINT")
        statement.add(
            "attempt",
            f"UPDATE reviews v SET posting_attempts = {attempt} FROM ticket WHERE v.organization = ticket.organization"
            f" AND v.id = {statement.parameter(ticket.review_id, 'UUID')} AND v.posting_attempts = {attempt} - 1"
            " RETURNING ticket.organization, ticket.number",
        )
    if decision.recovery is not None:
        statement.add(
            "recovery",
            f"UPDATE recoveries r SET {statement.assignments(RECOVERY, decision.recovery, _RECOVERY_IMMUTABLE)}"
            f" FROM {source} s WHERE r.organization = s.organization AND r.ticket_number = s.number"
            f" AND r.id = {statement.parameter(decision.recovery.id, 'UUID')} RETURNING 1",
        )
    if decision.known_contact is not None:
        statement.add(
            "known_contact",
            f"UPDATE contacts c SET"
            f" {statement.assignments(CONTACT, decision.known_contact, set(CONTACT.fields) - _CONTACT_MUTABLE)}"
            f" FROM {source} s WHERE c.organization = s.organization AND c.ticket_number = s.number"
            f" AND c.id = {statement.parameter(decision.known_contact.id, 'UUID')} RETURNING 1",
        )
    if decision.delivery is not None:
        statement.add(
            "delivery",
            f"UPDATE deliveries d SET {statement.assignments(DELIVERY, decision.delivery, _DELIVERY_IMMUTABLE)}"
            f" FROM {source} s WHERE d.organization = s.organization AND d.ticket_number = s.number"
            f" AND d.message_id = {statement.parameter(decision.delivery.message_id, 'UUID')} RETURNING 1",
        )
    if decision.given_up is not None:
        statement.add(
            "given_up",
            # An attempt that is under way still may report that it was sent after all.
            "UPDATE deliveries d SET state = 'FAILED', failure_reason = 'CONTACT_REJECTED',"
            f" end_time = {statement.parameter(ticket.update_time, 'TIMESTAMPTZ')}"
            f" FROM {source} s WHERE d.organization = s.organization AND d.ticket_number = s.number"
            f" AND d.contact_id = {statement.parameter(decision.given_up, 'UUID')} AND d.state = 'QUEUED' RETURNING 1",
        )
    statement.result = f"SELECT 1 FROM {source}"
    _add_rows(statement, decision, record)
    return statement


def insert_statement(scheduled: ScheduledDecision, record: IdempotencyRecord | None) -> Statement:
    """Makes the statement for a new ticket."""
    decision = scheduled.decision
    statement, ticket, source = Statement(), decision.ticket, None
    if decision.followed is not None:
        # The compare makes sure that each ticket is followed by one at most. Nothing but the link changes on it.
        source, before = "followed", decision.followed
        statement.add(
            source,
            f"UPDATE tickets SET follow_up = {statement.parameter(before.follow_up, 'BIGINT')}, revision = revision + 1"
            f" WHERE organization = {statement.parameter(before.organization, 'TEXT')}"
            f" AND number = {statement.parameter(before.number, 'BIGINT')}"
            f" AND revision = {statement.parameter(before.revision - 1, 'BIGINT')} RETURNING 1",
        )
    statement.insert("inserted", TICKET, ticket, source, terms.TICKET_COLUMNS)
    statement.add("ticket", "SELECT * FROM inserted")
    statement.result = "SELECT 1 FROM ticket"
    at = statement.parameter(ticket.create_time, "TIMESTAMPTZ")
    organization = statement.parameter(ticket.organization, "TEXT")
    location = statement.parameter(ticket.location, "TEXT")
    statement.add(
        "place",
        "INSERT INTO locations"
        " (organization, id, display_name, default_phone_region, settings, settings_revision, create_time, update_time)"
        f" SELECT {organization}, {location}, '', '', '{{}}', 0, {at}, {at} FROM ticket"
        " ON CONFLICT DO NOTHING RETURNING 1",
    )
    if ticket.review_id is not None:
        statement.add(
            "review",
            f"UPDATE reviews v SET ticket_number = {statement.parameter(ticket.number, 'BIGINT')} FROM ticket"
            f" WHERE v.organization = {organization} AND v.id = {statement.parameter(ticket.review_id, 'UUID')}"
            " RETURNING v.stars, v.text",
        )
    terms.add_insert(statement, has_review=ticket.review_id is not None)
    _add_rows(statement, decision, record)
    return statement


def _add_rows(statement: Statement, decision: Decision, record: IdempotencyRecord | None) -> None:
    ticket = decision.ticket
    if decision.activity is not None:
        statement.insert("activity", ACTIVITY, decision.activity, "ticket", computed={"transaction": _TRANSACTION})
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
            " FROM ticket s WHERE i.organization = s.organization"
            f" AND i.channel = {statement.parameter(inbound.channel.value, 'TEXT')}"
            f" AND i.external_id = {statement.parameter(inbound.external_id, 'TEXT')} RETURNING 1",
        )
    new = decision.new_recovery.id if decision.new_recovery else None
    wakes: list[tuple[str, UUID | None, bool]] = [
        (workflow_names.CONTACT_RECOVERY, recovery, recovery == new) for recovery in decision.wakes
    ]
    if decision.wakes_ticket:
        wakes.append((workflow_names.TICKET_WORKFLOW, None, ticket.version == 1))
    wakes += [(workflow_names.MESSAGE_DELIVERY, delivery.message_id, True) for delivery in decision.new_deliveries]
    for index, (workflow, resource, is_first) in enumerate(wakes):
        reported, claimed = "NULL::TIMESTAMPTZ", "now()"
        if decision.report_time is not None and workflow == workflow_names.CONTACT_RECOVERY:
            reported = statement.parameter(decision.report_time, "TIMESTAMPTZ")
            claimed = f"now() + interval '{_REPORTED}'"
        organization = statement.parameter(ticket.organization, "TEXT")
        number = statement.parameter(ticket.number, "BIGINT")
        statement.add(
            f"wake{index}",
            "INSERT INTO outbox"
            " (organization, workflow, ticket_number, resource_id, is_first, report_time, create_time, claim_time,"
            " attempts, traceparent)"
            f" SELECT {organization}, '{workflow}', {number}, {statement.parameter(resource, 'UUID')}, {is_first},"
            f" {reported}, now(), {claimed}, 0, {statement.parameter(trace_context.current(), 'TEXT')}"
            " FROM ticket RETURNING 1",
        )
    if record is not None:
        add_record(statement, record, "ticket")


def add_record(statement: Statement, record: IdempotencyRecord, source: str) -> None:
    """Adds the CTE that keeps an answer, if the CTE `source` wrote anything."""
    values = (
        statement.parameter(record.key.organization, "TEXT"),
        statement.parameter(record.key.caller, "TEXT"),
        statement.parameter(record.key.request_id, "UUID"),
        statement.parameter(record.answer.fingerprint, "BYTEA"),
        statement.parameter(record.answer.body, "BYTEA"),
        statement.parameter(record.time, "TIMESTAMPTZ"),
    )
    statement.add(
        "record",
        "INSERT INTO requests (organization, caller, request_id, fingerprint, answer, create_time)"
        f" SELECT {', '.join(values)} FROM {source} RETURNING 1",
    )


async def run(connection: asyncpg.Connection[asyncpg.Record], statement: Statement) -> None:
    """Executes a commit; raises StaleError where somebody else was faster."""
    try:
        row = await connection.fetchrow(statement.sql(), *statement.parameters)
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name in {"pk_requests", "pk_inbound_messages", OPEN_TICKET_INDEX, OPEN_FOLLOW_UP_INDEX}:
            raise StaleError from error
        raise
    if row is None:
        raise StaleError
