"""Many idle streams in one process: how often a change is read that none of them waits for, or that all wait for."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from care.v1.ticket_service_pb2 import WatchTicketsRequest, WatchTicketsResponse
from care_client.client import CareClient
from care_dev.stack import postgres
from care_service.storage.feed import PostgresFeed
from care_service.usecases.feed import FeedFilter, FeedPage, FeedPosition
from tests.support.care import Care, care
from tests.support.tenant import Tenant
from tests.support.watching import Stream

CHANNELS = 4
TOGETHER = 200


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str | None]:
    """The number of reads of the change feed, by organization."""
    counted: Counter[str | None] = Counter()
    read = PostgresFeed.changes

    async def changes(
        feed: PostgresFeed, follow: FeedFilter, after: FeedPosition, through: FeedPosition, limit: int
    ) -> FeedPage:
        counted[follow.organization] += 1
        return await read(feed, follow, after, through, limit)

    monkeypatch.setattr(PostgresFeed, "changes", changes)
    return counted


@asynccontextmanager
async def idle(service: Care, tenant: Tenant, number: int) -> AsyncIterator[Sequence[Stream[WatchTicketsResponse]]]:
    """Opens `number` streams of an organization, and reads the first response of each."""
    token = service.token(sub="exporter", org=tenant.id, roles=["service"])
    clients = [CareClient.connect(service.address, token) for _ in range(CHANNELS)]
    request = WatchTicketsRequest(parent=tenant.name)
    opened: list[Stream[WatchTicketsResponse]] = []
    try:
        # Not all at once, because gRPC cancels some of more than a thousand waiting calls.
        for begin in range(0, number, TOGETHER):
            more = [
                Stream(clients[at % CHANNELS].tickets.WatchTickets(request))
                for at in range(begin, min(begin + TOGETHER, number))
            ]
            for first in await asyncio.gather(*(each.next() for each in more)):
                assert not first.HasField("activity")
            opened += more
        yield opened
    finally:
        for client in clients:
            await client.close()


async def next_tickets(opened: Sequence[Stream[WatchTicketsResponse]]) -> set[str]:
    return {answer.ticket.name for answer in await asyncio.gather(*(each.next() for each in opened))}


@pytest.mark.parametrize("number", [200, pytest.param(3_000, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
async def test_idle_streams_read_nothing_and_streams_that_wait_for_the_same_change_share_one_read(
    server: postgres.Server, reads: Counter[str | None], number: int
) -> None:
    async with care(server.create_database(f"idle_{number}")) as service:
        many, few = Tenant(service, "many"), Tenant(service, "few")
        async with idle(service, many, number) as streams, idle(service, few, 3) as others:
            for _ in range(3):
                reads.clear()
                ticket = await few.ticket(None)
                assert await next_tickets(others) == {ticket.name}
                # Nothing was read for the streams of the other organization.
                assert reads[many.id] == 0
            # Each stream started at its own position. After their first change all have the same position.
            ticket = await many.ticket(None)
            assert await next_tickets(streams) == {ticket.name}
            reads.clear()
            ticket = await many.ticket(None)
            assert await next_tickets(streams) == {ticket.name}
            # One read, and one more for the streams that were still busy during the first.
            assert reads[many.id] <= 2
