"""Follows server streams across interruptions, so that a caller sees each change exactly once."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import grpc
from google.protobuf.message import Message
from grpc.aio import UnaryStreamMultiCallable

from care.v1.ticket_service_pb2 import WatchTicketsRequest, WatchTicketsResponse
from care_client.errors import CareError

if TYPE_CHECKING:  # this class exists in the stub file only
    from care.v1.ticket_service_pb2_grpc import TicketServiceAsyncStub

MAX_SILENCE: Final = 60.0
"""Seconds without a response after which a stream counts as broken. The service sends a heartbeat every 20 seconds."""
MAX_PAUSE: Final = 15.0
"""The longest pause in seconds between two attempts, unless the service asks for a longer one."""

_FIRST_PAUSE: Final = 0.2
_RESUME_TOKEN: Final = "resume_token"  # noqa: S105  (not a credential)
_CONNECTION_LOST: Final = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})
"""What gRPC may report if the connection breaks while a stream is open.

Before the first response, these codes mean a different error, so they are not retried.
"""
_TOKEN_REJECTED: Final = frozenset({"TOKEN_EXPIRED", "TOKEN_INVALID"})
"""Reasons for which an open stream ends when its token expires. The next stream uses a new token.

If the first response never came, the new token was rejected too, so retrying cannot help.
"""


class _Resumable(Protocol):
    @property
    def resume_token(self) -> str: ...


_Request = TypeVar("_Request", bound=Message)
_Response = TypeVar("_Response", bound=_Resumable)
_Item = TypeVar("_Item")


async def watch_tickets(
    tickets: "TicketServiceAsyncStub", request: WatchTicketsRequest, *, max_pause: float = MAX_PAUSE
) -> AsyncGenerator[WatchTicketsResponse, None]:
    """Yields every change to the tickets that match ``request``, without end.

    Each change comes exactly once. Changes to one ticket come in order.

    ``async for change in watch_tickets(care.tickets, WatchTicketsRequest(parent="organizations/acme"))``. To continue
    after a restart of the program, store the ``resume_token`` of the last change that was handled. The tickets have no
    ``actions`` unless ``request.view`` is ``TICKET_VIEW_FULL``. Otherwise this works like ``follow``, except that
    heartbeats are not yielded.
    """
    async with aclosing(follow(tickets.WatchTickets, request, max_pause=max_pause)) as responses:
        async for response in responses:
            if response.HasField("activity"):
                yield response


async def raise_on_silence(
    stream: AsyncIterable[_Item], max_silence: float = MAX_SILENCE
) -> AsyncGenerator[_Item, None]:
    """Yields the items of a stream. Raises TimeoutError if no item comes for ``max_silence`` seconds.

    Without this, a caller would wait forever on a connection that broke silently.
    """
    items = aiter(stream)
    while True:
        try:
            async with asyncio.timeout(max_silence):
                item = await anext(items)
        except StopAsyncIteration:
            return
        yield item


async def follow(
    method: UnaryStreamMultiCallable[_Request, _Response],
    request: _Request,
    *,
    max_pause: float = MAX_PAUSE,
    max_silence: float = MAX_SILENCE,
) -> AsyncGenerator[_Response, None]:
    """Yields the responses of a Watch method, including heartbeats.

    When the stream ends, opens a new one that continues after the last response.
    ``async for response in follow(care.customers.WatchChat, request)``. ``request`` is not changed.

    The service sends a first response immediately. To miss no change, read the current state (for example with
    ListTickets) after that first response.

    A new stream starts when:

    - the service shuts down (DRAINING),
    - the connection breaks,
    - no response arrives for ``max_silence`` seconds,
    - the service is unavailable or overloaded, or
    - the token expires.

    The pauses between attempts grow from a fraction of a second to ``max_pause`` seconds, with jitter.

    Raises:
        CareError: An error that a retry cannot fix, such as InvalidRequest, NotFound or PermissionDenied; or
            Unauthenticated, if a new token does not help.
    """
    next_request = type(request)()
    next_request.CopyFrom(request)
    backoff = _Backoff(max_pause)
    while True:
        retry_after, has_begun = None, False
        call = method(next_request)
        try:
            async with aclosing(raise_on_silence(call, max_silence)) as responses:
                async for response in responses:
                    # The first response may carry the resume token that we sent. That is not progress, so it must not
                    # reset the backoff.
                    if has_begun or response.resume_token != getattr(next_request, _RESUME_TOKEN):
                        backoff.reset()
                    has_begun = True
                    yield response
                    setattr(next_request, _RESUME_TOKEN, response.resume_token)
        except CareError as error:
            if not _is_temporary(error, has_begun=has_begun):
                raise
            retry_after = error.retry_after
        except TimeoutError:
            pass  # the same as a broken connection
        finally:
            call.cancel()  # for a caller that stops early; has no effect on a call that has ended
        await asyncio.sleep(backoff.next_pause(retry_after))


class _Backoff:
    """Doubles the pause before each attempt, with jitter.

    The cause that ended this stream has probably ended those of other clients, too. Jitter keeps them from all
    returning at the same moment.
    """

    def __init__(self, max_pause: float) -> None:
        self._max_pause = max_pause
        self._pause = _FIRST_PAUSE

    def reset(self) -> None:
        self._pause = _FIRST_PAUSE

    def next_pause(self, retry_after: timedelta | None) -> float:
        """Returns the seconds to wait: the backoff pause plus ``retry_after``, the delay that the service requested."""
        pause = min(self._max_pause, self._pause)
        self._pause = 2 * pause
        minimum = retry_after.total_seconds() if retry_after else 0.0
        return minimum + pause * random.uniform(0.5, 1)  # noqa: S311  (not for cryptography)


def _is_temporary(error: CareError, *, has_begun: bool) -> bool:
    # A gRPC server cancels some streams when too many start at once.
    if error.retryable or error.code is grpc.StatusCode.CANCELLED:
        return True
    return has_begun and (error.reason in _TOKEN_REJECTED or (error.code in _CONNECTION_LOST and not error.reason))
