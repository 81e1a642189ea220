"""What holds for every answer, whichever part of the application makes it: safe headers, and a page for a failure."""

import traceback
from collections.abc import Callable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from care_roles.logs import get_logger

_NOTHING_OF_OTHERS: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

HEADERS: Final = {
    # No script, no frame, nothing of others; a page can only be styled and sent back to where it came from.
    "Content-Security-Policy": _NOTHING_OF_OTHERS,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    # The path holds the link's token.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}

LIVE: Final = {
    # Beyond that our own script, which asks nobody but us.
    "Content-Security-Policy": f"{_NOTHING_OF_OTHERS}; script-src 'self'; connect-src 'self'",
}
"""For a page that shows what is new by itself."""

logger = get_logger(__name__)


class SafeHeaders:
    """Adds ``HEADERS`` to every answer, and keeps it from caches; an answer's own headers count before these."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the answer's headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in (*HEADERS.items(), ("Cache-Control", "no-store")):
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class LastResort:
    """Answers a request that ended in an exception, and logs where, without the exception's text or the path.

    Both may hold what is private to a customer; so the exception is not handed on to the server, which logs it whole.
    """

    def __init__(self, app: ASGIApp, answer: Callable[[HTTPConnection], Response]) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except ClientDisconnect:
            return  # nobody is left to answer to
        except Exception as error:  # noqa: BLE001  (the last resort)
            frames = traceback.extract_tb(error.__traceback__)
            where = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
            logger.error("page failed", error=type(error).__qualname__, where=where)  # noqa: TRY400  (see above)
            if not started:
                await self._answer(HTTPConnection(scope))(scope, receive, send)
