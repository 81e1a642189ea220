"""ASGI middleware and path parameters: percent-encoded ids, security headers, refusal of cross-site requests."""

from typing import Final
from urllib.parse import quote, unquote

from starlette.convertors import Convertor
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from care_dev.review_site.errors import ApiError, Reason, error_response

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class QuotedConvertor(Convertor[str]):
    """A percent-encoded path segment of any characters. Needs `RawPath`, because an id may contain a slash."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        """Returns the decoded segment."""
        return unquote(value)

    def to_string(self, value: str) -> str:
        """Returns `value` encoded as one segment."""
        return quote(value, safe="")


class RawPath:
    """Makes the router match the undecoded path. With `%2F` decoded, an id would look like two segments."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on with its path undecoded."""
        if scope["type"] == "http":
            scope = {**scope, "path": scope["raw_path"].decode("ascii")}
        await self._app(scope, receive, send)


class SafeHeaders:
    """Adds response headers: a page cannot load or run anything external, and no response is cached by default."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on and adds headers to the response."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class SameSiteWrites:
    """Refuses a write if its `Sec-Fetch-Site` header (Fetch Metadata) says that a page of another origin sent it.

    A request without the header passes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or refuses it with CROSS_SITE_REQUEST."""
        app = self._app
        if scope["type"] == "http" and scope["method"] not in {"GET", "HEAD"}:
            origin = Headers(scope=scope).get("Sec-Fetch-Site", "same-origin")
            if origin not in {"same-origin", "none"}:
                app = error_response(ApiError(Reason.CROSS_SITE_REQUEST, "Send the form from the site's own page."))
        await app(scope, receive, send)
