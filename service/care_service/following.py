"""Tells the streams of this process that there is something new: one look at the feed for all of them.

Each stream reads for itself from where it is, at its own pace, so a slow consumer fills no memory; idle ones cost
nothing but the one look.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from care_service.domain.feed import Place
from care_service.domain.ports import Feed

_PAUSE: Final = 0.25
"""Seconds between two looks while anybody follows; the fallback for what other processes committed."""
_LIMIT: Final = 1_000


class Interest:
    """What a stream follows, and whether there is something new of it."""

    def __init__(self, organization: str | None, ticket: int | None) -> None:
        self.organization = organization
        self.ticket = ticket
        self._news = asyncio.Event()

        self.is_over = False
        """The service stops: whoever follows goes on elsewhere."""

    def tell(self) -> None:
        """Says that there may be something new."""
        self._news.set()

    def end(self) -> None:
        """Says that there will be nothing new here."""
        self.is_over = True
        self._news.set()

    async def wait(self, seconds: float) -> bool:
        """Returns whether there is something new, after `seconds` at the latest."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True


class Followers:
    """The streams of this process."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._hint = asyncio.Event()
        self._interests: dict[tuple[str | None, int | None], set[Interest]] = {}
        self._is_over = False

    def hint(self) -> None:
        """Says that something was committed in this process."""
        self._hint.set()

    def end(self) -> None:
        """Ends all streams, present and to come: the service stops."""
        self._is_over = True
        for interest in self._all():
            interest.end()

    @asynccontextmanager
    async def following(self, organization: str | None, ticket: int | None) -> AsyncIterator[Interest]:
        """Keeps an interest for the block."""
        interest, key = Interest(organization, ticket), (organization, ticket)
        if self._is_over:
            interest.end()
        self._interests.setdefault(key, set()).add(interest)
        self._hint.set()
        try:
            yield interest
        finally:
            self._interests[key].discard(interest)
            if not self._interests[key]:
                del self._interests[key]

    async def run(self) -> None:
        """Looks at the feed while anybody follows; runs until cancelled."""
        while True:
            self._hint.clear()
            if not self._interests:
                await self._hint.wait()
            place = await self._feed.here()
            # Whoever came in the meantime reads for itself from where it is.
            for interest in self._all():
                interest.tell()
            while self._interests:
                place = await self._look(place)

    async def _look(self, place: Place) -> Place:
        self._hint.clear()
        touched = await self._feed.touched(place, _LIMIT)
        for organization, ticket in touched.tickets:
            for key in ((organization, ticket), (organization, None), (None, None)):
                for interest in self._interests.get(key, ()):
                    interest.tell()
        if touched.place == place:
            try:
                async with asyncio.timeout(_PAUSE):
                    await self._hint.wait()
            except TimeoutError:
                pass
        return touched.place

    def _all(self) -> list[Interest]:
        return [interest for interests in self._interests.values() for interest in interests]
