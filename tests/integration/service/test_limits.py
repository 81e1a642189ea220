"""Limits of calls: how many run at a time, how long one takes, and how large a request is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import grpc
import pytest

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import lifecycle_service_pb2 as lifecycle
from care.v1 import ticket_service_pb2 as tickets
from care.v1.ticket_pb2 import Ticket
from care_client.errors import DeadlineExceeded
from care_dev.stack import postgres
from tests.support.care import Care, care, refusal
from tests.support.outbox import delete_tried_rows
from tests.support.reasons import check_error
from tests.support.system import eventually
from tests.support.tenant import Tenant


@pytest.fixture(scope="module")
async def narrow(server: postgres.Server) -> AsyncIterator[Care]:
    """A service that serves two calls at a time, each for at most two seconds."""
    variables = {"CARE_MAX_CALLS": "2", "CARE_MAX_CALL_TIME": "2s"}
    async with care(server.create_database("narrow"), variables=variables) as running:
        yield running


@asynccontextmanager
async def lock_ticket(tenant: Tenant, ticket: Ticket) -> AsyncIterator[None]:
    """Makes every write to the ticket wait until the block exits."""
    # Otherwise, the relay would read plans for the ticket's outbox rows. That writes to the ticket, too.
    await delete_tried_rows(tenant.care.database, tenant.id)
    async with tenant.care.database.driver() as connection, connection.transaction():
        await connection.execute(
            "SELECT 1 FROM tickets WHERE organization = $1 AND number = $2 FOR UPDATE", tenant.id, ticket.number
        )
        yield


async def await_calls_in_progress(service: Care, number: int) -> None:
    """Waits until `number` calls are in progress."""

    async def are_in_progress() -> bool:
        return service.metrics.registry.get_sample_value("care_calls_in_progress") == number

    await eventually(f"{number} calls at a time", are_in_progress)


async def nobody_waits(service: Care) -> bool:
    """Returns whether no statement of this service waits for a lock."""
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with service.database.driver() as connection:
        return await connection.fetch(query) == []


async def test_a_call_over_the_limit_is_refused_with_a_retry_time(narrow: Care) -> None:
    tenant = Tenant(narrow, "crowded")
    ticket = await tenant.ticket()
    note = conversations.AddNoteRequest(parent=ticket.name, text="Called back.")
    alice = tenant.agent("alice")
    async with lock_ticket(tenant, ticket):
        waiting = [asyncio.ensure_future(alice.conversations.AddNote(note)) for _ in range(2)]
        await await_calls_in_progress(narrow, 2)
        error = await refusal(alice.lifecycle.GetLifecycle(lifecycle.GetLifecycleRequest()))
    assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
    assert error.retry_after == timedelta(seconds=1)
    await asyncio.gather(*waiting)
    await alice.lifecycle.GetLifecycle(lifecycle.GetLifecycleRequest())


@pytest.mark.parametrize(("deadline", "name"), [(None, "patient"), (60.0, "generous")])
async def test_a_call_without_a_deadline_or_with_a_long_one_ends_at_the_time_limit(
    narrow: Care, deadline: float | None, name: str
) -> None:
    tenant = Tenant(narrow, name)
    ticket = await tenant.ticket()
    # Without care_client, which gives every call a deadline.
    async with grpc.aio.insecure_channel(narrow.address) as channel:
        method = channel.unary_unary(
            "/care.v1.TicketService/StartTicket",
            tickets.StartTicketRequest.SerializeToString,
            tickets.StartTicketResponse.FromString,
        )
        token = narrow.token(sub="alice", org=tenant.id, roles=["agent"])
        async with lock_ticket(tenant, ticket):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await method(
                    tickets.StartTicketRequest(name=ticket.name),
                    timeout=deadline,
                    metadata=(("authorization", f"Bearer {token}"),),
                )
            await eventually("the end of its statement", lambda: nobody_waits(narrow))
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert check_error(caught.value).reason == "TIME_LIMIT_EXCEEDED"
    # Nothing was written, so the same call works now.
    await tenant.agent("alice").tickets.StartTicket(tickets.StartTicketRequest(name=ticket.name))


async def test_a_call_that_ends_at_the_clients_deadline_is_counted_as_such(narrow: Care) -> None:
    tenant = Tenant(narrow, "hurried")
    ticket = await tenant.ticket()

    def counted() -> float:
        labels = {
            "method": "care.v1.TicketService/StartTicket",
            "code": "DEADLINE_EXCEEDED",
            "reason": "DEADLINE_EXCEEDED",
        }
        return narrow.metrics.registry.get_sample_value("care_calls_total", labels) or 0.0

    before = counted()
    async with lock_ticket(tenant, ticket):
        with pytest.raises(DeadlineExceeded):
            await tenant.agent("alice").tickets.StartTicket(tickets.StartTicketRequest(name=ticket.name), timeout=0.5)

        async def seen() -> bool:
            return counted() == before + 1

        await eventually("the count of a call past its deadline", seen)


async def test_a_request_that_is_too_large_is_refused(narrow: Care) -> None:
    tenant = Tenant(narrow, "wordy")
    request = tickets.CreateTicketRequest(
        parent=f"organizations/{tenant.id}", ticket=Ticket(description="x" * 4 * 1024 * 1024)
    )
    error = await refusal(tenant.agent("alice").tickets.CreateTicket(request))
    assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
