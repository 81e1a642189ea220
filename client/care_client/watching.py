"""Follows live streams for as long as the caller likes, across whatever ends one of them but a refusal."""

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

if TYPE_CHECKING:  # this class exists for type checkers only
    from care.v1.ticket_service_pb2_grpc import TicketServiceAsyncStub

LONGEST_SILENCE: Final = 60.0
"""Seconds; the service says something every 20. A connection that broke without a word would be waited at for ever."""
LONGEST_PAUSE: Final = 15.0
"""Seconds between two tries at most, unless the service asks for more."""

_FIRST_PAUSE: Final = 0.2
_TOKEN: Final = "resume_token"  # noqa: S105  (of a place in the stream)
_CUT: Final = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})
"""What gRPC may say where a connection breaks in the middle of a stream; at its start, it is a failure like others."""
_TOKEN_IS_OVER: Final = frozenset({"TOKEN_EXPIRED", "TOKEN_INVALID"})
"""Ends a stream that goes on with another token. At its start, another one was asked for and did not help either."""


class _Answer(Protocol):
    @property
    def resume_token(self) -> str: ...


_Request = TypeVar("_Request", bound=Message)
_Response = TypeVar("_Response", bound=_Answer)
_Answered = TypeVar("_Answered")


async def watch_tickets(
    tickets: "TicketServiceAsyncStub", request: WatchTicketsRequest, *, longest_pause: float = LONGEST_PAUSE
) -> AsyncGenerator[WatchTicketsResponse, None]:
    """Yield each change of the tickets that ``request`` asks for, once, those of one ticket in order, without end.

    ``async for change in watch_tickets(care.tickets, WatchTicketsRequest(parent="organizations/acme"))``. To go on
    after the program's own end, keep the ``resume_token`` of the last change that was dealt with. The tickets come
    without ``actions`` unless ``request.view`` is ``TICKET_VIEW_FULL``. Otherwise as ``follow``, without its
    heartbeats.
    """
    async with aclosing(follow(tickets.WatchTickets, request, longest_pause=longest_pause)) as answers:
        async for answer in answers:
            if answer.HasField("activity"):
                yield answer


async def heard(answers: AsyncIterable[_Answered], within: float = LONGEST_SILENCE) -> AsyncGenerator[_Answered, None]:
    """Yield what a stream sends; raises TimeoutError where nothing comes for so many seconds, not even a heartbeat."""
    each = aiter(answers)
    while True:
        try:
            async with asyncio.timeout(within):
                answer = await anext(each)
        except StopAsyncIteration:
            return
        yield answer


async def follow(
    method: UnaryStreamMultiCallable[_Request, _Response],
    request: _Request,
    *,
    longest_pause: float = LONGEST_PAUSE,
    longest_silence: float = LONGEST_SILENCE,
) -> AsyncGenerator[_Response, None]:
    """Yield what a Watch method sends, heartbeats too, and resume after the last answer whenever the stream ends.

    ``async for answer in follow(care.customers.WatchChat, request)``. The first answer comes at once: what is read
    from then on with other methods is as new as what the stream began with. ``request`` stays as it is.

    It goes on after the stream's orderly end (DRAINING: the service stops), a broken connection or one of which nothing
    is heard for ``longest_silence`` seconds, a service that is away or has too much to do, and a token that is over
    (with another one of the client's source), with pauses that grow from a fraction of a second to ``longest_pause``
    seconds, longer or shorter by chance.

    Raises:
        CareError: A refusal, which the same request would meet again: such as InvalidRequest, NotFound,
            PermissionDenied, or Unauthenticated where no better token can be had.
    """
    following = type(request)()
    following.CopyFrom(request)
    pauses = _Pauses(longest_pause)
    while True:
        retry_after, has_begun = None, False
        call = method(following)
        try:
            async with aclosing(heard(call, longest_silence)) as answers:
                async for answer in answers:
                    # The first answer of a stream may say what is known already, and may be all that there is.
                    if has_begun or answer.resume_token != getattr(following, _TOKEN):
                        pauses.reset()
                    has_begun = True
                    yield answer
                    setattr(following, _TOKEN, answer.resume_token)
        except CareError as error:
            if not _passes(error, has_begun=has_begun):
                raise
            retry_after = error.retry_after
        except TimeoutError:
            pass  # as any other broken connection
        finally:
            call.cancel()  # where the caller leaves in the middle; of no effect where it has ended
        await asyncio.sleep(pauses.next(retry_after))


class _Pauses:
    """How long to wait before each try: twice as long as the last time, and a half of it by chance.

    What cut off one follower cut off others too: they are not to come back all at once.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._next = _FIRST_PAUSE

    def reset(self) -> None:
        self._next = _FIRST_PAUSE

    def next(self, retry_after: timedelta | None) -> float:
        whole = min(self._longest, self._next)
        self._next = 2 * whole
        asked_for = retry_after.total_seconds() if retry_after else 0.0
        return asked_for + whole * random.uniform(0.5, 1)  # noqa: S311  (no secret)


def _passes(error: CareError, *, has_begun: bool) -> bool:
    # A gRPC server that more streams are begun at than it can take up at once cancels some of them.
    if error.retryable or error.code is grpc.StatusCode.CANCELLED:
        return True
    return has_begun and (error.reason in _TOKEN_IS_OVER or (error.code in _CUT and not error.reason))
