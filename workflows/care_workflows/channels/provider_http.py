"""HTTP requests to a messenger's provider: with a deadline, without redirects, and without log records."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from care_workflows.channels.errors import MessengerUnavailable, UnavailableReason
from care_workflows.channels.httpx_logging import suppress_httpx_logs

DEFAULT_DEADLINE: Final = 20.0
"""Seconds that one request may take, including its response."""

_MAX_RESPONSE_BYTES: Final = 1 << 20
"""A provider's usual response is about a thousand times smaller."""


@dataclass(frozen=True, slots=True)
class ProviderResponse:
    """A response with a status of success (2xx) or of a client error (4xx)."""

    status: int
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return self.status < httpx.codes.BAD_REQUEST

    @property
    def fields(self) -> dict[str, Any] | None:
        """The body's JSON object; None if the body is not a JSON object."""
        try:
            body = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return body if isinstance(body, dict) else None

    def text(self, name: str) -> str:
        """Returns the string in the field ``name`` of the JSON object; empty if there is no such string."""
        value = (self.fields or {}).get(name)
        # JSON strings can contain lone surrogates, which UTF-8 cannot encode.
        return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


class ProviderClient:
    """An HTTP client for one provider; close it with ``aclose``."""

    def __init__(self, deadline: float = DEFAULT_DEADLINE, auth: tuple[str, str] | None = None) -> None:
        """``deadline`` is in seconds, per request. ``auth`` is a user name and a password (RFC 7617)."""
        if not deadline > 0:
            raise ValueError(f"deadline must be a positive number of seconds, got {deadline!r}")
        self._deadline = deadline
        # httpx's timeout applies to each single read and write. `request` limits the whole request.
        self._client = httpx.AsyncClient(timeout=deadline, follow_redirects=False, auth=auth)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def request(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> ProviderResponse:
        """Sends a request with ``form`` or ``content`` as its body.

        Raises ``MessengerUnavailable`` if the request fails, the response is too long, or its status is neither a
        success nor a refusal.
        """
        request = self._client.build_request(method, url, data=form, content=content, headers=headers)
        try:
            with suppress_httpx_logs():
                async with asyncio.timeout(self._deadline):
                    response = await self._send(request)
        except (TimeoutError, httpx.TimeoutException):
            reason = UnavailableReason.TIMEOUT
        except httpx.TransportError:
            reason = UnavailableReason.CONNECTION
        except httpx.RequestError:
            reason = UnavailableReason.UNEXPECTED_RESPONSE  # such as a body that does not match its declared encoding
        else:
            if (unavailable := _unavailable(response.status)) is None:
                return response
            reason = unavailable
        # Raised outside the handler. Inside it, httpx's exception, which holds the request, would become the context.
        raise MessengerUnavailable(reason)

    async def _send(self, request: httpx.Request) -> ProviderResponse:
        response = await self._client.send(request, stream=True)
        try:
            body = bytearray()
            async for part in response.aiter_bytes():
                body += part
                if len(body) > _MAX_RESPONSE_BYTES:
                    raise MessengerUnavailable(UnavailableReason.UNEXPECTED_RESPONSE)
            return ProviderResponse(response.status_code, bytes(body))
        finally:
            await response.aclose()


def _unavailable(status: int) -> UnavailableReason | None:
    """Returns why a response with this status is not usable; None if the status is a success or a refusal."""
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return UnavailableReason.RATE_LIMITED
    if status == httpx.codes.REQUEST_TIMEOUT:
        return UnavailableReason.TIMEOUT
    if httpx.codes.is_server_error(status):
        return UnavailableReason.SERVER_ERROR
    if not httpx.codes.is_success(status) and not httpx.codes.is_client_error(status):
        return UnavailableReason.UNEXPECTED_RESPONSE
    return None
