"""ASGI middleware for all responses: security headers, and a page for unexpected exceptions."""

import traceback
from collections.abc import Callable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from care_roles.logs import get_logger

_CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

SECURITY_HEADERS: Final = {
    # No scripts, no frames, nothing from other sites. A page may only load styles and images and send its form.
    "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    # The path contains the link's token.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}

SCRIPT_HEADERS: Final = {
    "Content-Security-Policy": f"{_CONTENT_SECURITY_POLICY}; script-src 'self'; connect-src 'self'",
}
"""For a page with a script. It allows this site's own scripts, and connections to this site only."""

logger = get_logger(__name__)


class SecurityHeaders:
    """Adds ``SECURITY_HEADERS`` and ``Cache-Control: no-store`` to every response.

    A response that already has one of these headers keeps its own value.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in (*SECURITY_HEADERS.items(), ("Cache-Control", "no-store")):
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class CatchErrors:
    """Responds to an unexpected exception with a page, and logs its type and stack.

    The exception's message and the path are not logged, because both may contain private data of a customer. For the
    same reason the exception does not reach the server, which would log it in full.
    """

    def __init__(self, app: ASGIApp, error_page: Callable[[HTTPConnection], Response]) -> None:
        self._app = app
        self._error_page = error_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection."""
        has_started = False

        async def send_and_mark_started(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_mark_started)
        except ClientDisconnect:
            return  # nobody is left to receive a response
        except Exception as error:  # noqa: BLE001  (the outermost handler)
            frames = traceback.extract_tb(error.__traceback__)
            stack = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
            logger.error("page failed", error=type(error).__qualname__, stack=stack)  # noqa: TRY400  (see above)
            if not has_started:
                await self._error_page(HTTPConnection(scope))(scope, receive, send)
