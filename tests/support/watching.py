"""A live stream as a test reads it: answer by answer, never longer than a test may wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message
from grpc.aio import UnaryStreamCall, UnaryStreamMultiCallable

from care.v1.activity_pb2 import ActivityType
from care.v1.ticket_pb2 import TICKET_VIEW_UNSPECIFIED, TicketView
from care.v1.ticket_service_pb2 import WatchTicketsRequest, WatchTicketsResponse
from care_client.client import CareClient
from tests.support.system import PATIENCE

_Request = TypeVar("_Request", bound=Message)
_Response = TypeVar("_Response", bound=Message)


class Stream(Generic[_Response]):
    """A stream under way."""

    def __init__(self, call: UnaryStreamCall[Any, _Response]) -> None:
        self.call = call
        self._answers = aiter(call)

    async def next(self) -> _Response:
        """The next answer; StopAsyncIteration where it ends without an error."""
        async with asyncio.timeout(PATIENCE):
            return await anext(self._answers)

    async def rest(self) -> list[_Response]:
        """What is left of a stream that ends."""
        async with asyncio.timeout(PATIENCE):
            return [answer async for answer in self._answers]


@asynccontextmanager
async def stream(
    method: UnaryStreamMultiCallable[_Request, _Response], request: _Request
) -> AsyncIterator[Stream[_Response]]:
    """Opens a stream, and cuts it off at the end of the block."""
    call = method(request)
    try:
        yield Stream(call)
    finally:
        call.cancel()


def watching(
    client: CareClient, parent: str, view: TicketView.ValueType = TICKET_VIEW_UNSPECIFIED, **more: str
) -> AbstractAsyncContextManager[Stream[WatchTicketsResponse]]:
    """Opens WatchTickets."""
    return stream(client.tickets.WatchTickets, WatchTicketsRequest(parent=parent, view=view, **more))


async def place(client: CareClient, parent: str) -> str:
    """The resume token of this moment."""
    async with watching(client, parent) as opened:
        return (await opened.next()).resume_token


def what(change: WatchTicketsResponse) -> tuple[int, str]:
    """The number of its ticket, and what was done."""
    return change.ticket.number, ActivityType.Name(change.activity.type).removeprefix("ACTIVITY_TYPE_")
