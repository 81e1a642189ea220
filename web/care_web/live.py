"""What comes in a chat, as server-sent events (HTML, 9.2): each message once, however often the stream is cut off."""

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

from care_web.chats import NoSuchPlace
from care_web.failures import LinkUnknown, TooMany, TryLater
from care_web.visit import Visit, link_token

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence

    from starlette.types import Receive, Scope, Send

    from care_web.chats import ChatMessage, Chats
    from care_web.rendering import Renderer

RESUME: Final = "resume"
"""Names, in the query, the place after the last message that the page shows already."""
MAX_STREAMS: Final = 10_000
"""Of one process."""
STREAMS_PER_LINK: Final = 5
"""More than somebody has windows of one chat open. Browsers have six connections to a site at most, over HTTP/1.1."""

_PING_SECONDS: Final = 15
"""Proxies close what is silent for a minute."""
_SEND_SECONDS: Final = 30
"""A client that takes nothing for so long has to come again: what it is sent waits nowhere but with the service."""
_RETRY_MILLISECONDS: Final = 2_000
"""After which browsers come again, and up to twice as long, so that not all come at once after a restart."""
_FULL_WAIT: Final = timedelta(seconds=30)

_GONE: Final = ServerSentEvent("gone", event="gone")


class Full(TryLater):
    """This process has as many streams as it may."""


class Streams:
    """Counts the open streams of this process."""

    def __init__(self, most: int, per_link: int = STREAMS_PER_LINK) -> None:
        self._most = most
        self._per_link = per_link
        self._of_link: Counter[str] = Counter()
        self._open = 0

    @contextmanager
    def one(self, token: str) -> Iterator[None]:
        """Count one for a link. Raises ``TooMany`` where the link has as many as it may, and ``Full``."""
        if self._of_link[token] >= self._per_link:
            raise TooMany(_FULL_WAIT)
        if self._open >= self._most:
            raise Full(_FULL_WAIT)
        self._of_link[token] += 1
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            self._of_link[token] -= 1
            if not self._of_link[token]:
                del self._of_link[token]


class LiveChat:
    """GET ``/c/{token}/events``, as an ASGI application: it lasts as long as the stream.

    Events without a type hold messages as HTML; ``state`` says whether the case is ``open`` or ``closed``; ``gone``
    that nothing more comes to this page. Whatever else ends the stream, the browser comes again.
    """

    def __init__(self, chats: Chats, renderer: Renderer, streams: Streams) -> None:
        self._chats = chats
        self._renderer = renderer
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        request = Request(scope)
        token = link_token(request) or ""
        events = self._events(Visit.of(request), token, request)
        try:
            with self._streams.one(token):
                response = EventSourceResponse(events, ping=_PING_SECONDS, send_timeout=_SEND_SECONDS)
                await response(scope, receive, send)
                if response.active and request.method == "GET":  # this process stops: the library leaves it open
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (TooMany, Full) as failure:
            headers = {"Retry-After": str(failure.seconds)}
            refusal = PlainTextResponse("Too many open streams: come again later.\n", failure.status, headers)
            await refusal(scope, receive, send)
        except SendTimeoutError:
            return  # the server closes what it can't write to

    async def _events(self, visit: Visit, token: str, request: Request) -> AsyncGenerator[ServerSentEvent, None]:
        resume_token = request.headers.get("Last-Event-ID") or request.query_params.get(RESUME, "")
        was_closed: bool | None = None
        yield ServerSentEvent(retry=_RETRY_MILLISECONDS + randbelow(_RETRY_MILLISECONDS))
        if not token:
            yield _GONE
            return
        try:
            async with aclosing(self._chats.watch(token, resume_token)) as all_news:
                async for news in all_news:
                    if news.is_closed is not was_closed:
                        was_closed = news.is_closed
                        yield ServerSentEvent("closed" if was_closed else "open", event="state")
                    if news.messages:
                        yield ServerSentEvent(self._html(visit, news.messages), id=news.resume_token)
        except (LinkUnknown, NoSuchPlace):
            yield _GONE
        except TryLater as failure:
            yield ServerSentEvent(retry=failure.seconds * 1000)

    def _html(self, visit: Visit, messages: Sequence[ChatMessage]) -> str:
        # The name of the business is left to the page: it stands there already.
        return self._renderer.part(visit, "messages.html", {"messages": messages, "us": ""})
