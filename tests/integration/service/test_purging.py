"""Stored responses are deleted once they have expired."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from care.v1 import ticket_service_pb2 as tickets
from care_service.storage.stored_responses import StoredResponses
from tests.support.tenant import Tenant


async def stored_requests(tenant: Tenant, requests: list[UUID]) -> list[UUID]:
    """Returns the requests whose responses are stored."""
    query = "SELECT request_id FROM requests WHERE organization = $1 AND request_id = ANY($2)"
    async with tenant.care.database.driver() as connection:
        found = {row[0] for row in await connection.fetch(query, tenant.id, requests)}
    return [request for request in requests if request in found]


async def test_expired_responses_are_deleted_in_batches_and_newer_ones_stay(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    first, second, third = requests = [uuid4() for _ in range(3)]
    for verb, request_id in zip(("StartTicket", "ResolveTicket", "ReopenTicket"), requests, strict=True):
        request = getattr(tickets, f"{verb}Request")(name=ticket.name, request_id=str(request_id))
        await getattr(tenant.agent("alice").tickets, verb)(request)
    assert await stored_requests(tenant, requests) == requests
    async with tenant.care.database.driver() as connection:
        await connection.execute(
            "UPDATE requests SET create_time = create_time - interval '25 hours' WHERE request_id = ANY($1)",
            [first, second],
        )
    responses, oldest = StoredResponses(tenant.care.database), datetime.now(UTC) - timedelta(hours=24)
    assert await responses.purge(oldest, 1) == 1
    assert len(await stored_requests(tenant, requests)) == 2
    await responses.purge(oldest, 100)
    assert await stored_requests(tenant, requests) == [third]
