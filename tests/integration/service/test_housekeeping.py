"""Answers kept for repeated requests are forgotten once their time is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from care.v1 import ticket_service_pb2 as tickets
from care_service.storage.answers import Answers
from tests.support.tenant import Tenant


async def kept(tenant: Tenant) -> int:
    async with tenant.care.database.driver() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM requests WHERE organization = $1", tenant.id))


async def test_old_answers_are_purged_in_batches_and_young_ones_stay(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    for verb in ("StartTicket", "ResolveTicket", "ReopenTicket"):
        request = getattr(tickets, f"{verb}Request")(name=ticket.name, request_id=str(uuid4()))
        await getattr(tenant.agent("alice").tickets, verb)(request)
    assert await kept(tenant) == 3
    async with tenant.care.database.driver() as connection:
        await connection.execute(
            "UPDATE requests SET create_time = create_time - interval '25 hours' WHERE organization = $1"
            " AND request_id IN (SELECT request_id FROM requests WHERE organization = $1 ORDER BY create_time LIMIT 2)",
            tenant.id,
        )
    answers, oldest = Answers(tenant.care.database), datetime.now(UTC) - timedelta(hours=24)
    assert await answers.purge(oldest, 1) == 1
    assert await kept(tenant) == 2
    await answers.purge(oldest, 100)
    assert await kept(tenant) == 1
