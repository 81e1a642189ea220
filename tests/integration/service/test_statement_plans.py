"""Printed statements are valid, and use their indexes in a database whose rows are mostly finished."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from care_dev.stack import postgres
from care_rules.entities.delivery import DeliveryState
from care_rules.entities.recovery import ReplyState
from care_rules.entities.ticket import CloseReason
from care_rules.lifecycle import RecoveryState, TicketStatus
from care_service.storage.database import Database
from care_service.storage.expected_workflows import RECOVERIES, TICKETS
from care_service.storage.loads import OPEN_TICKET_QUERY
from care_service.storage.outbox import CLAIM
from care_service.storage.rows import DELIVERY, RECOVERY, TICKET
from care_service.storage.tickets import CANCEL_WAKE
from tests.integration.service.stored import LONG_AGO, NOW, examples, fetch, migrated, store
from tools.sql import statements

STATEMENTS = statements()
FINISHED = 20_000
OPEN = 200
SOME_ID = UUID(int=1)


@pytest.fixture(scope="module")
async def database(server: postgres.Server) -> AsyncIterator[Database]:
    made = examples()
    async with migrated(server, "statement_plans") as database:
        closed = replace(made.ticket, status=TicketStatus.CLOSED, close_reason=CloseReason.MANUAL)
        tickets = [replace(closed if number > OPEN else made.ticket, number=number) for number in range(1, FINISHED)]
        await store(database, TICKET, (replace(each, review_id=uuid4()) for each in tickets))
        retracted = replace(
            made.form, state=RecoveryState.EXPIRED, reply_state=ReplyState.RETRACTED, post_time=LONG_AGO, end_time=NOW
        )
        recoveries = [replace(retracted if number > OPEN else made.form, id=uuid4()) for number in range(1, FINISHED)]
        await store(
            database,
            RECOVERY,
            (replace(each, ticket_number=at, review_id=uuid4()) for at, each in enumerate(recoveries, 1)),
        )
        delivered = replace(made.delivery, state=DeliveryState.DELIVERED)
        await store(database, DELIVERY, (replace(delivered, message_id=uuid4()) for _ in range(FINISHED)))
        await fetch(
            database,
            "INSERT INTO outbox (organization, workflow, ticket_number, resource_id, create_time, claim_time, attempts,"
            " report_time) SELECT organization, 'ContactRecovery', ticket_number, id, now(),"
            " now() + interval '1 hour' * (ticket_number % 100), 0, CASE ticket_number % 50 WHEN 0 THEN now() END"
            " FROM recoveries",
        )
        await fetch(database, "ANALYZE")
        yield database


@pytest.mark.parametrize("name", STATEMENTS)
async def test_a_printed_statement_is_valid(database: Database, name: str) -> None:
    async with database.driver() as connection:
        await connection.prepare(STATEMENTS[name])


@pytest.mark.parametrize(
    ("statement", "values", "index"),
    [
        (RECOVERIES, ("acme", 0, UUID(int=0), 100), "ix_recoveries_worked"),
        (TICKETS, ("acme", 0, UUID(int=0), 100), "ix_tickets_open"),
        (OPEN_TICKET_QUERY, ("acme", SOME_ID), "uq_tickets_open_review"),
        (CANCEL_WAKE, ("acme", 50, SOME_ID, NOW), "ix_outbox_reported"),
        (CLAIM, (50, NOW - LONG_AGO), "ix_outbox_due"),
    ],
)
async def test_a_statement_uses_its_index(
    database: Database, statement: str, values: tuple[object, ...], index: str
) -> None:
    plan = "\n".join(row[0] for row in await fetch(database, f"EXPLAIN {statement}", *values))
    assert index in plan, plan
