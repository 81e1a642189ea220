"""The outbox: rows carry their trace, and a parked row is not claimed until it is unparked."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID

from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

from care.v1.recovery_pb2 import Recovery
from care.v1.ticket_service_pb2 import CloseTicketRequest
from care_dev.stack import postgres
from care_service.storage.database import Database
from care_service.storage.outbox import Outbox, Wake
from tests.support.care import care
from tests.support.outbox import CLAIM_DURATION, claimed_rows, due
from tests.support.tenant import Tenant


async def row(tenant: Tenant, recovery: Recovery) -> tuple[int, str | None]:
    """Returns the id and the trace of the recovery's only row."""
    query = "SELECT id, traceparent FROM outbox WHERE organization = $1 AND resource_id = $2"
    async with tenant.care.database.driver() as connection:
        [found] = await connection.fetch(query, tenant.id, UUID(recovery.name.rpartition("/")[2]))
    return found["id"], found["traceparent"]


async def form(tenant: Tenant) -> Recovery:
    return await tenant.form(await tenant.ticket())


async def test_a_row_carries_the_trace_of_the_call_that_wrote_it(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    caller = SpanContext(0xABCDEF, 0x123456, is_remote=False, trace_flags=TraceFlags(1))
    with use_span(NonRecordingSpan(caller)):
        recovery = await tenant.form(ticket)
    _, traceparent = await row(tenant, recovery)
    assert (traceparent or "").split("-")[1] == f"{caller.trace_id:032x}"


async def test_a_row_says_whether_its_ticket_is_closed(tenant: Tenant) -> None:
    closed, open_ = await tenant.in_status("CLOSED"), await tenant.ticket()
    recovery = await tenant.form(open_)
    await tenant.agent("alice").tickets.CloseTicket(CloseTicketRequest(name=open_.name))
    rows = [
        (each.ticket_number, each.resource_id, each.is_closed_ticket)
        for each in await claimed_rows(tenant.care.database, tenant.id)
    ]
    own = {(number, said) for number, resource, said in rows if resource is None}
    assert own == {(closed.number, True), (open_.number, True)}
    # The workflow of a recovery still has a step to run.
    others = {said for number, resource, said in rows if resource == UUID(recovery.name.rpartition("/")[2])}
    assert others == {False}


async def test_a_row_of_an_open_ticket_says_so(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    said = [each.is_closed_ticket for each in await claimed_rows(tenant.care.database, tenant.id)]
    assert (ticket.number, said) == (1, [False])


async def test_a_call_without_a_trace_starts_one(tenant: Tenant) -> None:
    traces = {((await row(tenant, await form(tenant)))[1] or "").split("-")[1] for _ in range(2)}
    assert len(traces) == 2
    assert "0" * 32 not in traces


async def test_a_parked_row_is_not_claimed_until_it_is_unparked(server: postgres.Server) -> None:
    url = server.create_database("parking")
    async with care(url) as service:
        parked, waiting = await form(Tenant(service, "parking")), await form(Tenant(service, "other"))
    # The service has ended, so no relay claims rows.
    async with AsyncExitStack() as opened:
        database = Database(url)
        opened.push_async_callback(database.close)
        async with database.driver() as connection:
            await connection.execute("DELETE FROM outbox WHERE resource_id IS NULL")
        await due(database)
        outbox = Outbox(database)
        claimed = {wake.organization: wake for wake in await outbox.claim(10, CLAIM_DURATION)}
        # Until the claim ends, nobody else can claim the rows.
        assert await outbox.claim(10, CLAIM_DURATION) == []
        await outbox.park([claimed["parking"]], "INVALID_ARGUMENT")
        await due(database)
        assert [wake.organization for wake in await outbox.claim(10, CLAIM_DURATION)] == ["other"]

        depth = await outbox.depth()
        assert (depth.waiting, depth.parked) == (1, 1)
        assert depth.oldest > timedelta(0)
        [found] = await outbox.parked(None, 10)
        assert (found.id, found.failure, found.organization) == (claimed["parking"].id, "INVALID_ARGUMENT", "parking")
        assert str(found.resource_id) in parked.name
        assert await outbox.parked("other", 10) == []

        assert await outbox.unpark("other", [found.id]) == 0
        assert await outbox.unpark(None, [found.id]) == 1
        again: list[Wake] = list(await outbox.claim(10, CLAIM_DURATION))
        assert [(wake.organization, wake.attempts) for wake in again] == [("parking", 1)]
        assert (await outbox.depth()).parked == 0
        assert str(claimed["other"].resource_id) in waiting.name
