"""The adapter for the local review site, which stands in for Google Business Profile in development."""

import asyncio
from json import JSONDecodeError
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import httpx

from care_workflows.channels.errors import RefusalReason, ReplyRefused, SiteUnavailable, UnavailableReason
from care_workflows.channels.httpx_logging import suppress_httpx_logs
from care_workflows.channels.review_site import PublicReply, ReplyTarget

DEFAULT_DEADLINE: Final = 10.0
"""Seconds that one request may take, including its response."""

_REASONS: Final = {
    "TOO_LONG": RefusalReason.TOO_LONG,
    "LINKS_NOT_ALLOWED": RefusalReason.LINKS_NOT_ALLOWED,
    "REVIEW_NOT_FOUND": RefusalReason.REVIEW_NOT_FOUND,
}
_STATUSES: Final = {
    401: RefusalReason.NOT_PERMITTED,
    403: RefusalReason.NOT_PERMITTED,
    404: RefusalReason.REVIEW_NOT_FOUND,
}


class LocalReviewSite:
    """Posts to the local review site over HTTP; an implementation of ``ReviewSite``.

    Each write sends its key as ``Idempotency-Key``, and the site applies a key only once.
    """

    def __init__(self, base_url: str, deadline: float = DEFAULT_DEADLINE) -> None:
        """``deadline`` is in seconds, per call. Raises ValueError for an invalid URL or deadline."""
        url = httpx.URL(base_url)
        if url.scheme not in {"http", "https"} or not url.host:
            raise ValueError(f"base_url must be an absolute http or https URL, got {base_url!r}")
        if not deadline > 0:
            raise ValueError(f"deadline must be a positive number of seconds, got {deadline!r}")
        self._base_url = base_url.rstrip("/")
        self._deadline = deadline
        # httpx's timeout applies to each single read and write. `_send` limits the whole request.
        # The site runs on the worker's machine, so proxies from the environment do not apply.
        self._client = httpx.AsyncClient(timeout=deadline, follow_redirects=False, trust_env=False)

    async def __aenter__(self) -> Self:
        """Returns the adapter itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the connections."""
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the connections; the adapter cannot be used afterwards."""
        await self._client.aclose()

    async def post_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        """Makes ``text`` the review's public reply; see ``ReviewSite.post_reply``."""
        await self._put(target, text, f"post:{key}")

    async def retract_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        """Replaces the public reply with ``text``, which contains no link; see ``ReviewSite.retract_reply``."""
        await self._put(target, text, f"retract:{key}")

    async def read_reply(self, target: ReplyTarget) -> PublicReply | None:
        """Returns the reply that is public now, if any; see ``ReviewSite.read_reply``."""
        response = await self._send("GET", target)
        if response.status_code == httpx.codes.NOT_FOUND and _error(response).get("reason") == "REPLY_NOT_FOUND":
            return None
        _raise_for_status(response)
        text = _json_object(response).get("comment")
        if not isinstance(text, str):
            raise SiteUnavailable(UnavailableReason.UNEXPECTED_RESPONSE)
        return PublicReply(text)

    async def _put(self, target: ReplyTarget, text: str, key: str) -> None:
        # Quoted, because a header is ASCII and a key may be any text.
        response = await self._send(
            "PUT", target, json={"comment": text}, headers={"Idempotency-Key": quote(key, safe="/:")}
        )
        _raise_for_status(response)

    async def _send(
        self, method: str, target: ReplyTarget, *, json: object = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        organization, review = _path_segment(target.organization), _path_segment(target.external_id)
        url = f"{self._base_url}/v1/{organization}/reviews/{review}/reply"
        try:
            with suppress_httpx_logs():
                async with asyncio.timeout(self._deadline):
                    return await self._client.request(method, url, json=json, headers=headers)
        except (TimeoutError, httpx.TimeoutException):
            reason = UnavailableReason.TIMEOUT
        except httpx.TransportError:
            reason = UnavailableReason.CONNECTION
        except httpx.RequestError:
            reason = UnavailableReason.UNEXPECTED_RESPONSE  # such as a body that does not match its declared encoding
        # Raised outside the handler. Inside it, httpx's exception, which holds the request, would become the context.
        raise SiteUnavailable(reason)


def _path_segment(text: str) -> str:
    """Quotes ``text`` as one path segment. An unquoted dot segment (RFC 3986) would lead to another path."""
    return text.replace(".", "%2E") if text in {".", ".."} else quote(text, safe="")


def _raise_for_status(response: httpx.Response) -> None:
    """Raises our exception for a status that is not a success."""
    status = response.status_code
    if response.is_success:
        return
    if status == httpx.codes.TOO_MANY_REQUESTS:
        raise SiteUnavailable(UnavailableReason.RATE_LIMITED)
    if status == httpx.codes.REQUEST_TIMEOUT:
        raise SiteUnavailable(UnavailableReason.TIMEOUT)
    if response.is_server_error:
        raise SiteUnavailable(UnavailableReason.SERVER_ERROR)
    if not response.is_client_error:
        raise SiteUnavailable(UnavailableReason.UNEXPECTED_RESPONSE)
    error = _error(response)
    reason = _REASONS.get(str(error.get("reason"))) or _STATUSES.get(status, RefusalReason.OTHER)
    raise ReplyRefused(reason, str(error.get("message", "")))


def _error(response: httpx.Response) -> dict[str, Any]:
    """Returns the ``error`` object of a response; empty if there is none, for example because a proxy responded."""
    try:
        error = _json_object(response).get("error")
    except SiteUnavailable:
        return {}
    return error if isinstance(error, dict) else {}


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except (JSONDecodeError, UnicodeDecodeError):
        body = None
    if not isinstance(body, dict):
        raise SiteUnavailable(UnavailableReason.UNEXPECTED_RESPONSE)
    return body
