"""Many idle streams in one process: what a change costs that is none of theirs, and one that all of them wait for."""

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
    """How often the feed was read, by organization."""
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
    """Opens so many streams of an organization, each with its place."""
    token = service.token(sub="exporter", org=tenant.id, roles=["service"])
    clients = [CareClient.connect(service.address, token) for _ in range(CHANNELS)]
    request = WatchTicketsRequest(parent=tenant.name)
    opened: list[Stream[WatchTicketsResponse]] = []
    try:
        # Not all at once: gRPC cancels some of more than a thousand that wait to be taken up.
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


async def told(opened: Sequence[Stream[WatchTicketsResponse]]) -> set[str]:
    return {answer.ticket.name for answer in await asyncio.gather(*(each.next() for each in opened))}


@pytest.mark.parametrize("number", [200, pytest.param(3_000, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
async def test_idle_streams_cost_nothing_and_those_that_wait_for_the_same_share_one_read(
    server: postgres.Server, reads: Counter[str | None], number: int
) -> None:
    async with care(server.create_database(f"idle_{number}")) as service:
        many, few = Tenant(service, "many"), Tenant(service, "few")
        async with idle(service, many, number) as streams, idle(service, few, 3) as others:
            for _ in range(3):
                reads.clear()
                ticket = await few.ticket(None)
                assert await told(others) == {ticket.name}
                # Not one for those whose organization it is not.
                assert reads[many.id] == 0
            # Each began at a place of its own; from their first change on they are at the same.
            ticket = await many.ticket(None)
            assert await told(streams) == {ticket.name}
            reads.clear()
            ticket = await many.ticket(None)
            assert await told(streams) == {ticket.name}
            # One, and one more for those that were still busy when it was made.
            assert reads[many.id] <= 2
