"""Follows server streams across interruptions, so that a caller sees every change once."""

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
"""The longest pause in seconds between two tries, unless the service asks for a longer one."""

_FIRST_PAUSE: Final = 0.2
_RESUME_TOKEN: Final = "resume_token"  # noqa: S105  (not a credential)
_CONNECTION_LOST: Final = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})
"""What gRPC may report if the connection breaks during a stream. At the start of a stream, these are other errors."""
_TOKEN_EXPIRED: Final = frozenset({"TOKEN_EXPIRED", "TOKEN_INVALID"})
"""These end a stream whose bearer token expires; the next stream gets another token.

At the start of a stream they mean that another token was tried already, without success.
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
    """Yield each change of the tickets that ``request`` selects once, forever. Changes of one ticket come in order.

    ``async for change in watch_tickets(care.tickets, WatchTicketsRequest(parent="organizations/acme"))``. To continue
    after a restart of the program, store the ``resume_token`` of the last change that was handled. The tickets have no
    ``actions`` unless ``request.view`` is ``TICKET_VIEW_FULL``. Everything else is as in ``follow``, but without
    heartbeats.
    """
    async with aclosing(follow(tickets.WatchTickets, request, max_pause=max_pause)) as responses:
        async for response in responses:
            if response.HasField("activity"):
                yield response


async def raise_on_silence(
    stream: AsyncIterable[_Item], max_silence: float = MAX_SILENCE
) -> AsyncGenerator[_Item, None]:
    """Yield the items of a stream. Raise TimeoutError if none comes for ``max_silence`` seconds.

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
    """Yield the responses of a Watch method, including heartbeats, and resume after the last one when the stream ends.

    ``async for response in follow(care.customers.WatchChat, request)``. The first response comes at once. What other
    methods return after it is at least as recent as the start of the stream. ``request`` is not changed.

    A new stream starts after an orderly end (DRAINING: the service stops), a broken connection, ``max_silence`` seconds
    without a response, an unavailable or overloaded service, and the expiry of the token. The pauses between tries grow
    from a fraction of a second to ``max_pause`` seconds, with jitter.

    Raises:
        CareError: An error that the same request would meet again, such as InvalidRequest, NotFound, PermissionDenied,
            or Unauthenticated without another token.
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
                    # The first response may only repeat the position. A stream that never gets further is no progress.
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
    """Doubles the pause before each try, with jitter.

    Jitter matters because whatever ended this stream has probably ended those of other clients, too.
    """

    def __init__(self, max_pause: float) -> None:
        self._max_pause = max_pause
        self._pause = _FIRST_PAUSE

    def reset(self) -> None:
        self._pause = _FIRST_PAUSE

    def next_pause(self, retry_after: timedelta | None) -> float:
        """Return how many seconds to wait. ``retry_after`` is the wait that the service requests. It is added."""
        pause = min(self._max_pause, self._pause)
        self._pause = 2 * pause
        minimum = retry_after.total_seconds() if retry_after else 0.0
        return minimum + pause * random.uniform(0.5, 1)  # noqa: S311  (not for cryptography)


def _is_temporary(error: CareError, *, has_begun: bool) -> bool:
    # A gRPC server cancels some streams when too many start at once.
    if error.retryable or error.code is grpc.StatusCode.CANCELLED:
        return True
    return has_begun and (error.reason in _TOKEN_EXPIRED or (error.code in _CONNECTION_LOST and not error.reason))
