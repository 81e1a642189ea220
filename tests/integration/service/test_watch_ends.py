"""WatchTickets: how a stream ends when its token, its service or its database is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import grpc
from structlog.testing import capture_logs

from care.v1 import ticket_service_pb2 as tickets
from care.v1.ticket_service_pb2 import WatchTicketsResponse
from care_client.client import CareClient
from care_client.watching import watch_tickets
from care_dev.stack import postgres
from tests.integration.service.clocks import SettableClock
from tests.integration.service.watch_streams import HASTY, await_open_streams, end_error, next_changes
from tests.support.care import care
from tests.support.tenant import Tenant
from tests.support.watching import Stream, describe_change, watching


async def test_an_expired_token_ends_the_stream(server: postgres.Server, clock: SettableClock) -> None:
    async with care(server.create_database("expiring"), clock=clock, pace=HASTY) as service:
        tenant = Tenant(service, "acme")
        expiry = clock.now() + timedelta(minutes=5)
        short, long = (
            service.client(service.token(sub="alice", org="acme", roles=["agent"], **claims))
            for claims in ({"exp": expiry}, {})
        )
        await tenant.meet("alice")
        async with watching(short, tenant.name) as opened, watching(long, tenant.name) as other:
            token = (await opened.next()).resume_token
            await other.next()
            clock.advance(minutes=10)
            error = await end_error(opened)
            assert (error.code, error.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED")
            ticket = await tenant.ticket(None)
            assert await next_changes(other, 1) == [(ticket.number, "CREATED")]
        async with watching(long, tenant.name, resume_token=token) as opened:
            assert await next_changes(opened, 1) == [(ticket.number, "CREATED")]


async def test_a_stopping_service_ends_streams_and_clients_resume_elsewhere(server: postgres.Server) -> None:
    url = server.create_database("draining")
    async with care(url) as second:
        # The drain may last longer than the test, so the test fails if a stream waits for the end of the drain.
        with capture_logs() as lines:
            async with care(url, variables={"CARE_DRAIN_TIME": "10m"}) as first:
                tenant, elsewhere = Tenant(first, "acme"), Tenant(second, "acme")
                client = CareClient.connect(first.address, first.token(sub="alice", org="acme", roles=["agent"]))
                opened = await _opened(client, tenant.name, 20)
                tokens = {(await each.next()).resume_token for each in opened}
                await await_open_streams(first, 20)
            for each in opened:
                error = await end_error(each)
                assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
                assert (error.retry_after, error.retryable) == (timedelta(seconds=1), True)
        assert [line for line in lines if line["log_level"] != "info"] == [], "a deployment is no failure"
        of_streams = [line for line in lines if line.get("method") == "care.v1.TicketService/WatchTickets"]
        assert [(line["code"], line["reason"]) for line in of_streams] == [("UNAVAILABLE", "DRAINING")] * 20
        await client.close()
        ticket = await elsewhere.ticket(None)
        for token in tokens:
            async with watching(elsewhere.agent("alice"), tenant.name, resume_token=token) as resumed:
                assert await next_changes(resumed, 1) == [(ticket.number, "CREATED")]


async def _opened(client: CareClient, parent: str, number: int) -> Sequence[Stream[WatchTicketsResponse]]:
    request = tickets.WatchTicketsRequest(parent=parent)
    return [Stream(client.tickets.WatchTickets(request)) for _ in range(number)]


@asynccontextmanager
async def database_unavailable(server: postgres.Server, name: str) -> AsyncIterator[None]:
    """Closes all connections to a database and refuses new ones until the block exits."""
    administrator = await asyncpg.connect(server.create_database(f"beside_{name}"))
    try:
        await administrator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await administrator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        yield
        await administrator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    finally:
        await administrator.close()


async def test_a_stream_ends_when_the_database_is_unavailable_and_the_client_resumes(server: postgres.Server) -> None:
    async with care(server.create_database("goes"), pace=HASTY) as service:
        tenant = Tenant(service, "acme")
        await tenant.meet("alice")
        alice = tenant.agent("alice")
        changes = watch_tickets(alice.tickets, tickets.WatchTicketsRequest(parent=tenant.name), max_pause=0.1)
        following = asyncio.ensure_future(anext(changes))
        async with watching(alice, tenant.name) as opened:
            await opened.next()
            await await_open_streams(service, 2)
            async with database_unavailable(server, "goes"):
                error = await end_error(opened)
                assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")
                assert error.retry_after
        ticket = await tenant.ticket(None)
        async with asyncio.timeout(60):
            assert describe_change(await following) == (ticket.number, "CREATED")
        await changes.aclose()
