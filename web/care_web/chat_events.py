"""Streams new chat messages to the browser as server-sent events (HTML, 9.2).

Each message is sent once, even if the stream is interrupted several times.
"""

from __future__ import annotations

from collections import Counter
from contextlib import aclosing, contextmanager
from datetime import timedelta
from secrets import randbelow
from typing import TYPE_CHECKING, Final

from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from care_web.chat_client import InvalidPageToken
from care_web.request_context import RequestContext, link_token
from care_web.service_errors import LinkUnknown, RateLimited, TryLater

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence

    from starlette.types import Receive, Scope, Send

    from care_web.chat_client import ChatClient, ChatMessage
    from care_web.rendering import Renderer

RESUME_PARAMETER: Final = "resume"
"""The name of the query parameter with the resume token after the last message that the page shows."""
MAX_STREAMS: Final = 10_000
"""The maximum number of open streams of one process."""
MAX_STREAMS_PER_LINK: Final = 5
"""The maximum number of open streams of one link. Over HTTP/1.1, a browser opens at most six connections to a site."""

_PING_SECONDS: Final = 15
"""Seconds between pings. Many proxies close a connection that is silent for a minute."""
_SEND_TIMEOUT_SECONDS: Final = 30
"""A client that reads nothing for this long is disconnected, so that messages do not pile up in memory."""
_RETRY_MILLISECONDS: Final = 2_000
"""Browsers reconnect after once to twice this time, so that they do not all return at once after a restart."""
_FULL_WAIT: Final = timedelta(seconds=30)

_ENDED: Final = ServerSentEvent("ended", event="ended")


class TooManyStreams(TryLater):
    """This process has reached its limit of open streams."""


class StreamLimit:
    """Limits the open streams of this process, in total and per link."""

    def __init__(self, max_streams: int, max_per_link: int = MAX_STREAMS_PER_LINK) -> None:
        self._max_streams = max_streams
        self._max_per_link = max_per_link
        self._open_by_token: Counter[str] = Counter()
        self._open = 0

    @contextmanager
    def reserve(self, token: str) -> Iterator[None]:
        """Counts one more open stream of a link until the end of the ``with`` block.

        Raises ``RateLimited`` if the link has reached its limit, and ``TooManyStreams`` if the process has.
        """
        if self._open_by_token[token] >= self._max_per_link:
            raise RateLimited(_FULL_WAIT)
        if self._open >= self._max_streams:
            raise TooManyStreams(_FULL_WAIT)
        self._open_by_token[token] += 1
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            self._open_by_token[token] -= 1
            if not self._open_by_token[token]:
                del self._open_by_token[token]


class ChatEvents:
    """The endpoint ``GET /c/{token}/events``: an ASGI application that runs as long as the stream is open.

    The stream has three kinds of events. Events without a type contain new messages as HTML. ``state`` says whether the
    case is ``open`` or ``closed``. ``ended`` says that this page gets no more events. If the stream ends without
    ``ended``, the browser reconnects.
    """

    def __init__(self, chats: ChatClient, renderer: Renderer, limit: StreamLimit) -> None:
        self._chats = chats
        self._renderer = renderer
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        request = Request(scope)
        token = link_token(request) or ""
        events = self._events(RequestContext.from_request(request), token, request)
        try:
            with self._limit.reserve(token):
                response = EventSourceResponse(events, ping=_PING_SECONDS, send_timeout=_SEND_TIMEOUT_SECONDS)
                await response(scope, receive, send)
                # When this process stops, the library stops sending but does not end the response.
                if response.active and request.method == "GET":
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (RateLimited, TooManyStreams) as error:
            headers = {"Retry-After": str(error.seconds)}
            refusal = PlainTextResponse("Too many open streams. Try again later.\n", error.status, headers)
            await refusal(scope, receive, send)
        except SendTimeoutError:
            return  # the server closes the connection

    async def _events(
        self, context: RequestContext, token: str, request: Request
    ) -> AsyncGenerator[ServerSentEvent, None]:
        resume_token = request.headers.get("Last-Event-ID") or request.query_params.get(RESUME_PARAMETER, "")
        was_closed: bool | None = None
        yield ServerSentEvent(retry=_RETRY_MILLISECONDS + randbelow(_RETRY_MILLISECONDS))
        if not token:
            yield _ENDED
            return
        try:
            async with aclosing(self._chats.watch(token, resume_token)) as updates:
                async for update in updates:
                    if update.is_closed is not was_closed:
                        was_closed = update.is_closed
                        yield ServerSentEvent("closed" if was_closed else "open", event="state")
                    if update.messages:
                        yield ServerSentEvent(self._html(context, update.messages), id=update.resume_token)
        except (LinkUnknown, InvalidPageToken):
            yield _ENDED
        except TryLater as error:
            yield ServerSentEvent(retry=error.seconds * 1000)

    def _html(self, context: RequestContext, messages: Sequence[ChatMessage]) -> str:
        # The page already has the name of the business, so the page's script adds the name.
        return self._renderer.fragment(context, "chat_messages.html", {"messages": messages, "business_label": ""})
