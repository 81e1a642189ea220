"""ASGI middleware and path parameters of the site: quoted ids, safe headers, no writes from other sites' pages."""

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
    """A path segment of any characters; needs ``RawPath``, because an id may hold a slash."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        """Return what the segment stands for."""
        return unquote(value)

    def to_string(self, value: str) -> str:
        """Return the segment that stands for ``value``."""
        return quote(value, safe="")


class RawPath:
    """Lets the router match the path as it was sent: once ``%2F`` is decoded, an id looks like two segments."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap ``app``."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its path undecoded."""
        if scope["type"] == "http":
            scope = {**scope, "path": scope["raw_path"].decode("ascii")}
        await self._app(scope, receive, send)


class SafeHeaders:
    """Adds the headers that keep a page from running or loading anything of others, and answers from caches."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap ``app``."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the answer's headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class SameSiteWrites:
    """Refuses writes that a page of another site makes a browser send (Fetch Metadata); other clients pass."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap ``app``."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on unless it is a foreign page's."""
        app = self._app
        if scope["type"] == "http" and scope["method"] not in {"GET", "HEAD"}:
            origin = Headers(scope=scope).get("Sec-Fetch-Site", "same-origin")
            if origin not in {"same-origin", "none"}:
                app = error_response(ApiError(Reason.CROSS_SITE_REQUEST, "Send the form from the site's own page."))
        await app(scope, receive, send)
