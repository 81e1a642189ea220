"""Reads live streams in tests, message by message and with a timeout."""

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
from tests.support.system import TIMEOUT

_Request = TypeVar("_Request", bound=Message)
_Response = TypeVar("_Response", bound=Message)


class Stream(Generic[_Response]):
    """An open stream."""

    def __init__(self, call: UnaryStreamCall[Any, _Response]) -> None:
        self.call = call
        self._answers = aiter(call)

    async def next(self) -> _Response:
        """Returns the next message. Raises StopAsyncIteration if the stream ends without an error."""
        async with asyncio.timeout(TIMEOUT):
            return await anext(self._answers)

    async def rest(self) -> list[_Response]:
        """Returns the remaining messages of a stream that ends."""
        async with asyncio.timeout(TIMEOUT):
            return [answer async for answer in self._answers]


@asynccontextmanager
async def stream(
    method: UnaryStreamMultiCallable[_Request, _Response], request: _Request
) -> AsyncIterator[Stream[_Response]]:
    """Opens a stream and cancels it when the block exits."""
    call = method(request)
    try:
        yield Stream(call)
    finally:
        call.cancel()


def watching(
    client: CareClient, parent: str, view: TicketView.ValueType = TICKET_VIEW_UNSPECIFIED, **more: str
) -> AbstractAsyncContextManager[Stream[WatchTicketsResponse]]:
    """Opens a stream of WatchTickets."""
    return stream(client.tickets.WatchTickets, WatchTicketsRequest(parent=parent, view=view, **more))


async def current_resume_token(client: CareClient, parent: str) -> str:
    """Returns a resume token for the changes from now on."""
    async with watching(client, parent) as opened:
        return (await opened.next()).resume_token


def describe_change(change: WatchTicketsResponse) -> tuple[int, str]:
    """Returns the number of the ticket, and the type of the activity."""
    return change.ticket.number, ActivityType.Name(change.activity.type).removeprefix("ACTIVITY_TYPE_")
