"""The bare fan-out: one queue per stream, in the memory of the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from care.v1.ticket_service_pb2 import WatchTicketsResponse

_HEARTBEAT: Final = 20.0
"""Seconds between two messages of an idle stream, as in Care."""


class Watchers:
    """The open streams, by organization."""

    def __init__(self) -> None:
        self._queues: dict[str, set[asyncio.Queue[WatchTicketsResponse]]] = {}

    def publish(self, parent: str, change: WatchTicketsResponse) -> None:
        """Sends a change to all streams of an organization."""
        for queue in self._queues.get(parent, ()):
            queue.put_nowait(change)

    async def changes(self, parent: str) -> AsyncIterator[WatchTicketsResponse]:
        """Yields an empty message at once, then each change, and an empty message as a heartbeat."""
        queue: asyncio.Queue[WatchTicketsResponse] = asyncio.Queue()
        self._queues.setdefault(parent, set()).add(queue)
        try:
            yield WatchTicketsResponse()
            while True:
                try:
                    async with asyncio.timeout(_HEARTBEAT):
                        change = await queue.get()
                except TimeoutError:
                    change = WatchTicketsResponse()
                yield change
        finally:
            self._queues[parent].discard(queue)
