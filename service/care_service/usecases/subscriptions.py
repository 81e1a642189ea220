"""Notifies the streams of this process about changes: one poll of the feed serves all of them.

Each stream reads from its own position, at its own pace, so a slow client fills no memory. An idle stream costs nothing
but the common poll. Streams that need the same part of the feed at the same time share one read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from care_roles.logs import get_logger
from care_rules.refusals import Refusal, draining
from care_service.usecases.feed import FeedFilter, FeedPage, FeedPosition
from care_service.usecases.ports.feed import Feed

_LOG: Final = get_logger("care.following")
_LIMIT: Final = 1_000
_READS: Final = 4
"""Reads of the feed at a time. Most database connections stay free for calls, even if many streams wait."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The times of streams, in seconds."""

    look: float = 0.25
    """Between two polls of the feed while there are streams. Commits of this process are noticed without it."""
    heartbeat: float = 20.0
    """Of silence, after which a stream sends a heartbeat: proxies close connections that are silent for a minute."""
    taken_within: float = 30.0
    """In which a stream's client has to make room for the next message. Unread messages wait in gRPC's window
    (64 KiB to some MiB), not in the memory of the service."""
    retry: float = 1.0
    """Between two polls while the database can't be reached."""


class Subscription:
    """The state of one stream: whether there is news for it, and when its next heartbeat is due."""

    def __init__(self, heartbeat: float) -> None:
        self._heartbeat = heartbeat
        self._news = asyncio.Event()
        self._spoken = asyncio.get_running_loop().time()
        self._failure: Refusal | None = None

        self.through: FeedPosition | None = None
        """The position up to which there may be news; None before the first poll."""
        self.is_over = False
        """Whether the service stops: the client resumes at another process."""

    @property
    def is_silent(self) -> bool:
        """Whether a heartbeat is due."""
        return asyncio.get_running_loop().time() >= self._spoken + self._heartbeat

    def mark_sent(self) -> None:
        """Notes that the stream sent something."""
        self._spoken = asyncio.get_running_loop().time()

    def notify(self, through: FeedPosition) -> None:
        """Notes that there may be news up to a position."""
        self.through = through
        self._news.set()

    def end(self) -> None:
        """Notes that the service stops."""
        self.is_over = True
        self._news.set()

    def fail(self, refusal: Refusal) -> None:
        """Ends the stream with a refusal."""
        self._failure = refusal
        self._news.set()

    async def wait(self) -> bool:
        """Waits for news or for the next heartbeat; returns whether there is news.

        Raises the refusal of a feed that can't be read: heartbeats would only hide that.
        """
        try:
            async with asyncio.timeout_at(self._spoken + self._heartbeat):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        if self._failure is not None:
            raise self._failure
        return True


class Subscriptions:
    """The streams of this process."""

    def __init__(self, feed: Feed, pace: Pace) -> None:
        self._feed = feed
        self._pace = pace
        self._hint = asyncio.Event()
        self._subscriptions: dict[tuple[str | None, int | None], set[Subscription]] = {}
        self._reads: dict[tuple[FeedFilter, FeedPosition, FeedPosition, int], asyncio.Task[FeedPage]] = {}
        self._reading = asyncio.Semaphore(_READS)
        self._is_over = False

    def hint(self) -> None:
        """Notes that something was committed in this process."""
        self._hint.set()

    def end(self) -> None:
        """Ends all streams, also those that start later: the service stops."""
        self._is_over = True
        for subscription in self._all():
            subscription.end()

    @asynccontextmanager
    async def subscribe(self, organization: str | None, ticket: int | None) -> AsyncIterator[Subscription]:
        """Keeps an subscription for the block.

        Raises the refusal DRAINING after a block that was left because the service stops.
        """
        subscription, key = Subscription(self._pace.heartbeat), (organization, ticket)
        if self._is_over:
            subscription.end()
        self._subscriptions.setdefault(key, set()).add(subscription)
        self._hint.set()
        try:
            yield subscription
            if subscription.is_over:
                raise draining()
        finally:
            self._subscriptions[key].discard(subscription)
            if not self._subscriptions[key]:
                del self._subscriptions[key]

    async def changes(self, follow: FeedFilter, after: FeedPosition, through: FeedPosition, limit: int) -> FeedPage:
        """Reads the feed, once for all streams that need the same part of it."""
        key = (follow, after, through, limit)
        read = self._reads.get(key)
        if read is None:
            read = self._reads[key] = asyncio.create_task(self._read(*key))

            def done(read: asyncio.Task[FeedPage]) -> None:
                del self._reads[key]
                read.cancelled() or read.exception()  # Retrieved here, since no stream may wait for it any more.

            read.add_done_callback(done)
        # A stream that is cut off must not cancel the read of the others.
        return await asyncio.shield(read)

    async def run(self) -> None:
        """Polls the feed while there are streams. Runs until cancelled."""
        place: FeedPosition | None = None
        has_failed = False
        while True:
            self._hint.clear()
            if not self._subscriptions:
                place = None
                await self._hint.wait()
                continue
            try:
                place = await self._begin() if place is None else await self._look(place)
            except Refusal as refusal:
                if has_failed:  # The second failure in a row: not just a broken connection.
                    self._fail(refusal)
                has_failed = True
                await asyncio.sleep(self._pace.retry)
            else:
                has_failed = False

    async def _begin(self) -> FeedPosition:
        place = await self._feed.end()
        # Streams that started meanwhile read from their own positions.
        for subscription in self._all():
            subscription.notify(place)
        return place

    async def _look(self, place: FeedPosition) -> FeedPosition:
        changed = await self._feed.changed_tickets(place, _LIMIT)
        for organization, ticket in changed.tickets:
            for key in ((organization, ticket), (organization, None), (None, None)):
                for subscription in self._subscriptions.get(key, ()):
                    subscription.notify(changed.position)
        if changed.position == place:
            try:
                async with asyncio.timeout(self._pace.look):
                    await self._hint.wait()
            except TimeoutError:
                pass
        return changed.position

    def _fail(self, refusal: Refusal) -> None:
        _LOG.warning("the feed can't be read", reason=refusal.reason.value)
        for subscription in self._all():
            subscription.fail(refusal)

    async def _read(self, follow: FeedFilter, after: FeedPosition, through: FeedPosition, limit: int) -> FeedPage:
        async with self._reading:
            return await self._feed.changes(follow, after, through, limit)

    def _all(self) -> list[Subscription]:
        return [subscription for subscriptions in self._subscriptions.values() for subscription in subscriptions]
