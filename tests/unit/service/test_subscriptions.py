"""Streams that wait for the same changes share one read of the feed, and each may leave at any time."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from care_rules.filters.conditions import Always
from care_service.usecases.feed import ChangedTickets, FeedFilter, FeedPage, FeedPosition
from care_service.usecases.subscriptions import Pace, Subscriptions

FOLLOW: Final = FeedFilter("acme", None, Always())
AFTER: Final = FeedPosition(1, 1)
THROUGH: Final = FeedPosition(2, 1)
LIMIT: Final = 100


class ScriptedFeed:
    """A feed whose reads end when the test says so."""

    def __init__(self) -> None:
        self.reads: list[asyncio.Future[FeedPage]] = []
        self.has_begun = asyncio.Event()

    async def end(self) -> FeedPosition:
        return THROUGH

    async def changed_tickets(self, after: FeedPosition, limit: int) -> ChangedTickets:
        raise AssertionError("these streams read, and nothing polls")

    async def changes(
        self, feed_filter: FeedFilter, after: FeedPosition, through: FeedPosition, limit: int
    ) -> FeedPage:
        self.reads.append(asyncio.get_running_loop().create_future())
        self.has_begun.set()
        return await self.reads[-1]


class Streams:
    """Streams that wait for the same changes."""

    def __init__(self, number: int) -> None:
        self.feed = ScriptedFeed()
        self._subscriptions = Subscriptions(self.feed, Pace())
        self.waiting = [asyncio.create_task(self.read()) for _ in range(number)]

    async def read(self) -> FeedPage:
        # Equal arguments, but not the same objects, as in streams of different clients.
        follow = FeedFilter(*FOLLOW)
        return await self._subscriptions.changes(follow, FeedPosition(*AFTER), FeedPosition(*THROUGH), LIMIT)

    async def begin(self) -> asyncio.Future[FeedPage]:
        """Waits until the feed is read, and returns the read."""
        await self.feed.has_begun.wait()
        self.feed.has_begun.clear()
        return self.feed.reads[-1]


async def test_streams_share_a_read_and_a_later_stream_reads_again() -> None:
    streams, page = Streams(3), FeedPage((), THROUGH)
    (await streams.begin()).set_result(page)
    assert len(streams.feed.reads) == 1
    assert [found is page for found in await asyncio.gather(*streams.waiting)] == [True] * 3
    later = asyncio.create_task(streams.read())
    (await streams.begin()).set_result(FeedPage((), THROUGH))
    assert await later is not page


async def test_a_stream_that_leaves_does_not_end_the_read_of_the_others() -> None:
    streams, page = Streams(3), FeedPage((), THROUGH)
    read = await streams.begin()
    first, *others = streams.waiting
    first.cancel()
    await asyncio.wait([first])
    read.set_result(page)
    async with asyncio.timeout(10):
        assert [found is page for found in await asyncio.gather(*others)] == [True] * 2
    assert first.cancelled()


async def test_each_stream_gets_the_error_of_the_read() -> None:
    streams = Streams(3)
    read = await streams.begin()
    first, *others = streams.waiting
    first.cancel()
    await asyncio.wait([first])
    read.set_exception(OSError("no connection"))
    for stream in others:
        with pytest.raises(OSError, match="no connection"):
            await stream
