"""Notifies the streams of this process of changes. One poll of the feed serves all streams.

Each stream reads from its own position at its own pace, so a slow consumer fills no memory. Streams without news read
nothing. Streams that read the same changes at the same time share one read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from care_roles.logs import get_logger
from care_rules.refusals import Refusal, draining
from care_service.usecases.feed import FeedFilter, FeedPage, FeedPosition
from care_service.usecases.ports.feed import Feed

_LOG: Final = get_logger("care.following")
_LIMIT: Final = 1_000
_READS: Final = 4
"""The maximum number of concurrent reads. When many streams have news, most connections stay free for calls."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The timing of streams, in seconds."""

    poll: float = 0.25
    """Maximum time between two polls while there are subscriptions. Polls find the commits of other processes."""
    heartbeat: float = 20.0
    """Time without a message after which a stream sends a heartbeat. Proxies close connections after an idle minute."""
    write_timeout: float = 30.0
    """Limit for writing one message to a stream. A write waits only if gRPC's buffer (64 KiB to some MiB) is full."""
    retry: float = 1.0
    """Time between two polls while the database is unreachable."""


class Subscription:
    """The state of one stream: whether there is news for it, and whether a heartbeat is due."""

    def __init__(self, heartbeat: float) -> None:
        self._heartbeat = heartbeat
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._last_sent = self._loop.time()
        self._failure: Refusal | None = None

        self.through: FeedPosition | None = None
        """There may be changes up to this position; None before the first notification."""
        self.has_ended = False
        """Whether the service is shutting down. The client resumes at another replica."""

    @property
    def is_silent(self) -> bool:
        """Whether a heartbeat is due."""
        return self._loop.time() >= self._last_sent + self._heartbeat

    def mark_sent(self) -> None:
        """Records that the stream sent a message."""
        self._last_sent = self._loop.time()

    def notify(self, through: FeedPosition) -> None:
        """Announces that there may be changes up to `through`."""
        self.through = through
        self._news.set()

    def end(self) -> None:
        """Ends the stream without an error."""
        self.has_ended = True
        self._news.set()

    def fail(self, refusal: Refusal) -> None:
        """Ends the stream with a refusal."""
        self._failure = refusal
        self._news.set()

    async def wait(self) -> bool:
        """Waits until there is news or a heartbeat is due. Returns whether there is news, such as the stream's end.

        Raises a refusal if the feed can't be read. Without it, heartbeats would suggest that all is well.
        """
        try:
            async with asyncio.timeout_at(self._last_sent + self._heartbeat):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        if self._failure is not None:
            raise self._failure
        return True


_Read: TypeAlias = tuple[FeedFilter, FeedPosition, FeedPosition, int]
"""A read of the feed: the arguments of `Subscriptions.changes`."""


class Subscriptions:
    """The streams of this process."""

    def __init__(self, feed: Feed, pace: Pace) -> None:
        self._feed = feed
        self._pace = pace
        self._hint = asyncio.Event()
        self._subscriptions: dict[tuple[str | None, int | None], set[Subscription]] = {}
        self._waiters: dict[_Read, list[asyncio.Future[FeedPage]]] = {}
        """For each read in progress, the futures of the streams that wait for it."""
        self._tasks: set[asyncio.Task[FeedPage]] = set()
        """The reads in progress. The set keeps them alive, because the event loop has only weak references to tasks."""
        self._reading = asyncio.Semaphore(_READS)
        self._has_ended = False

    def hint(self) -> None:
        """Requests a poll now, because this process committed something."""
        if self._subscriptions:
            self._hint.set()

    def end(self) -> None:
        """Ends all streams, current and future, because the service is shutting down."""
        self._has_ended = True
        for subscription in self._all():
            subscription.end()

    @asynccontextmanager
    async def subscribe(self, organization: str | None, ticket: int | None) -> AsyncIterator[Subscription]:
        """Subscribes to an organization, or to one ticket, while the block runs. None means all.

        Refuses with DRAINING if the block ends because the service is shutting down.
        """
        subscription, key = Subscription(self._pace.heartbeat), (organization, ticket)
        if self._has_ended:
            subscription.end()
        self._subscriptions.setdefault(key, set()).add(subscription)
        self._hint.set()
        try:
            yield subscription
            if subscription.has_ended:
                raise draining()
        finally:
            self._subscriptions[key].discard(subscription)
            if not self._subscriptions[key]:
                del self._subscriptions[key]

    async def changes(self, follow: FeedFilter, after: FeedPosition, through: FeedPosition, limit: int) -> FeedPage:
        """Reads the feed, once for all streams that ask for the same changes at the same time."""
        read = (follow, after, through, limit)
        waiters = self._waiters.get(read)
        if waiters is None:
            waiters = self._waiters[read] = []
            task = asyncio.create_task(self._read(*read))
            self._tasks.add(task)
            task.add_done_callback(partial(self._pass_on, read))
        # A cancelled stream cancels only its own future, and not the read that other streams wait for. `asyncio.shield`
        # would do the same, but took 10 % of the CPU time when a thousand streams waited for one change.
        waiter = asyncio.get_running_loop().create_future()
        waiters.append(waiter)
        page: FeedPage = await waiter
        return page

    async def run(self) -> None:
        """Polls the feed while there are subscriptions; runs until cancelled."""
        place: FeedPosition | None = None
        has_failed = False
        while True:
            self._hint.clear()
            if not self._subscriptions:
                place = None
                await self._hint.wait()
                continue
            try:
                place = await self._begin() if place is None else await self._poll(place)
            except Refusal as refusal:
                if has_failed:  # twice in a row: not a glitch
                    self._fail(refusal)
                has_failed = True
                await asyncio.sleep(self._pace.retry)
            else:
                has_failed = False

    async def _begin(self) -> FeedPosition:
        place = await self._feed.end()
        # Notifies all streams, because there may be changes between a stream's position and this one.
        for subscription in self._all():
            subscription.notify(place)
        return place

    async def _poll(self, place: FeedPosition) -> FeedPosition:
        changed = await self._feed.changed_tickets(place, _LIMIT)
        for organization, ticket in changed.tickets:
            for key in ((organization, ticket), (organization, None), (None, None)):
                for subscription in self._subscriptions.get(key, ()):
                    subscription.notify(changed.position)
        if changed.position == place:
            try:
                async with asyncio.timeout(self._pace.poll):
                    await self._hint.wait()
            except TimeoutError:
                pass
        return changed.position

    def _fail(self, refusal: Refusal) -> None:
        _LOG.warning("feed unreadable", reason=refusal.reason.value)
        for subscription in self._all():
            subscription.fail(refusal)

    async def _read(self, follow: FeedFilter, after: FeedPosition, through: FeedPosition, limit: int) -> FeedPage:
        async with self._reading:
            return await self._feed.changes(follow, after, through, limit)

    def _pass_on(self, read: _Read, task: asyncio.Task[FeedPage]) -> None:
        """Passes the page or the error of a read that has ended to the streams that still wait for it."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        for waiter in self._waiters.pop(read):
            if waiter.done():
                continue
            if task.cancelled():
                waiter.cancel()
            elif error is not None:
                waiter.set_exception(error)
            else:
                waiter.set_result(task.result())

    def _all(self) -> list[Subscription]:
        return [subscription for subscriptions in self._subscriptions.values() for subscription in subscriptions]
