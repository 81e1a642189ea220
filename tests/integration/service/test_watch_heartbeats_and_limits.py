"""WatchTickets: heartbeats, the limit of open streams, and clients that do not read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import grpc
import pytest

from care_client.errors import CareError
from care_dev.stack import postgres
from care_service.usecases.subscriptions import Pace
from tests.integration.service.watch_streams import HASTY, add_note, await_open_streams, end_error, next_changes, sample
from tests.support.care import Care, care
from tests.support.system import eventually
from tests.support.tenant import Tenant
from tests.support.watching import current_resume_token, watching

IMPATIENT = Pace(write_timeout=1.0)


@pytest.fixture(scope="module")
async def hasty(server: postgres.Server) -> AsyncIterator[Care]:
    """A service with short heartbeats."""
    async with care(server.create_database("hasty"), pace=HASTY) as running:
        yield running


async def test_a_silent_stream_sends_heartbeats_with_resume_tokens(hasty: Care) -> None:
    tenant = Tenant(hasty, "silent")
    await tenant.meet("alice")
    alice = tenant.agent("alice")
    async with watching(alice, tenant.name) as opened:
        answers = [await opened.next() for _ in range(4)]
        assert not any(answer.HasField("activity") for answer in answers)
        ticket = await tenant.ticket()
        assert await next_changes(opened, 2) == [(ticket.number, "CREATED"), (ticket.number, "TAKEN")]
        later = await opened.next()
        assert not later.HasField("activity")
    await add_note(tenant, ticket)
    async with watching(alice, tenant.name, resume_token=later.resume_token) as opened:
        assert await next_changes(opened, 1) == [(ticket.number, "NOTE_ADDED")]


async def test_changes_outside_the_filter_delay_no_heartbeat_and_advance_the_resume_token(hasty: Care) -> None:
    tenant = Tenant(hasty, "filtered")
    ticket = await tenant.ticket()

    async def write() -> None:
        while True:
            await add_note(tenant, ticket)

    async with watching(tenant.agent("alice"), tenant.name, filter="status = CLOSED") as opened:
        tokens = [(await opened.next()).resume_token]
        writing = asyncio.create_task(write())
        tokens += [(await opened.next()).resume_token for _ in range(5)]
        writing.cancel()
    assert len(set(tokens)) > 1


async def test_a_stream_over_the_limit_is_refused_with_a_retry_time_and_calls_continue(server: postgres.Server) -> None:
    variables = {"CARE_MAX_STREAMS": "2", "CARE_MAX_CALLS": "1"}
    async with care(server.create_database("few_streams"), variables=variables) as service:
        tenant = Tenant(service, "acme")
        alice = tenant.agent("alice")
        async with watching(alice, tenant.name) as first:
            await first.next()
            async with watching(alice, tenant.name) as second, watching(alice, tenant.name) as third:
                await second.next()
                error = await end_error(third)
                assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
                assert error.retry_after == timedelta(seconds=1)
                ticket = await tenant.ticket()  # calls, one at a time
                assert await next_changes(first, 2) == await next_changes(second, 2)
            await await_open_streams(service, 1)
            async with watching(alice, ticket.name) as second:
                await second.next()


async def test_streams_are_counted_and_their_end_is_not_an_error(hasty: Care) -> None:
    tenant = Tenant(hasty, "counted")
    method = "care.v1.TicketService/WatchTickets"
    await await_open_streams(hasty, 0)
    before = sample(hasty, "care_calls_total", method=method, code="CANCELLED", reason="CANCELLED")
    async with watching(tenant.agent("alice"), tenant.name) as opened:
        await opened.next()
        assert sample(hasty, "care_streams_in_progress") == 1
        assert sample(hasty, "care_calls_in_progress") == 0
    await await_open_streams(hasty, 0)
    assert sample(hasty, "care_calls_total", method=method, code="CANCELLED", reason="CANCELLED") == before + 1
    # The duration of streams is not measured, because it would hide the duration of calls.
    assert sample(hasty, "care_call_seconds_count", method=method) == 0


async def test_a_client_that_does_not_read_is_cut_off_and_resumes_without_a_gap(server: postgres.Server) -> None:
    url = server.create_database("cut")
    async with care(url, pace=IMPATIENT) as impatient:
        texts, seen, begin = await read_until_cut_off(impatient)
    # This service does not cut off a client that is only slow, as on a busy machine.
    async with care(url) as service:
        tenant = Tenant(service, "slow")
        async with watching(tenant.agent("alice"), f"{tenant.name}/tickets/1", resume_token=begin) as opened:
            seen += [(await opened.next()).message.text for _ in range(len(texts) - len(seen))]
    assert seen == texts


async def read_until_cut_off(impatient: Care) -> tuple[list[str], list[str], str]:
    """Lets the service end a stream that its client does not read. Then reads what gRPC has kept for the client.

    Returns the texts of all notes, those that the client received, and the resume token of the last one.
    """
    tenant = Tenant(impatient, "slow")
    ticket = await tenant.ticket()
    texts = [f"{number} {'x' * 9_990}" for number in range(700)]  # more than the 4 MiB that gRPC may keep for a reader
    begin = await current_resume_token(tenant.agent("alice"), ticket.name)
    for text in texts:
        await add_note(tenant, ticket, text)
    labels = {"method": "care.v1.TicketService/WatchTickets", "code": "RESOURCE_EXHAUSTED", "reason": "RATE_LIMITED"}

    async def cut() -> bool:
        return sample(impatient, "care_calls_total", **labels) == 1

    seen: list[str] = []
    async with watching(tenant.agent("alice"), ticket.name, resume_token=begin) as opened:
        await eventually("the end of a stream without a reader", cut)
        # The stream counts against CARE_MAX_STREAMS as long as gRPC keeps messages for its client.
        assert sample(impatient, "care_streams_in_progress") == 1

        async def read_on() -> None:
            nonlocal begin
            while True:
                change = await opened.next()
                seen.append(change.message.text)
                begin = change.resume_token

        with pytest.raises(CareError) as caught:
            await read_on()
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    assert caught.value.retry_after
    await await_open_streams(impatient, 0)
    assert len(seen) < len(texts)
    return texts, seen, begin
