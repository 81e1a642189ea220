"""One exchange with a messenger's provider over HTTP: in time, without redirects, and quiet about what it held."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from care_workflows.channels.errors import MessengerUnavailable, UnavailableReason
from care_workflows.channels.quiet import quiet_http

DEFAULT_DEADLINE: Final = 20.0
"""Seconds that one exchange may take from start to end."""

_LONGEST_ANSWER: Final = 1 << 20
"""Bytes; a thousand times what a provider says of a message."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A success (2xx) or a client error (4xx)."""

    status: int
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the provider did what was asked."""
        return self.status < httpx.codes.BAD_REQUEST

    @property
    def fields(self) -> dict[str, Any] | None:
        """The body's JSON object; None where it has none."""
        try:
            body = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return body if isinstance(body, dict) else None

    def text(self, name: str) -> str:
        """The text under ``name`` in the JSON object; empty where it has none."""
        value = (self.fields or {}).get(name)
        # JSON can spell half a character, which nothing else can hold.
        return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


class ProviderHttp:
    """The connections to one provider, to be closed by ``aclose``."""

    def __init__(self, deadline: float = DEFAULT_DEADLINE, auth: tuple[str, str] | None = None) -> None:
        """Open no connection yet; ``deadline`` is in seconds, and ``auth`` is a user and a password (RFC 7617)."""
        if not deadline > 0:
            raise ValueError(f"deadline must be a positive number of seconds, got {deadline!r}")
        self._deadline = deadline
        # httpx applies its limit to each single read and write; what covers the whole exchange is in `_exchange`.
        self._client = httpx.AsyncClient(timeout=deadline, follow_redirects=False, auth=auth)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def exchange(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request, with ``form`` or ``content`` as its body; raises ``MessengerUnavailable``."""
        request = self._client.build_request(method, url, data=form, content=content, headers=headers)
        try:
            with quiet_http():
                async with asyncio.timeout(self._deadline):
                    answer = await self._answer(request)
        except (TimeoutError, httpx.TimeoutException):
            reason = UnavailableReason.TIMEOUT
        except httpx.TransportError:
            reason = UnavailableReason.CONNECTION
        except httpx.RequestError:
            reason = UnavailableReason.UNEXPECTED_ANSWER  # such as a body that is not in its declared encoding
        else:
            if (unavailable := _unavailable(answer.status)) is None:
                return answer
            reason = unavailable
        # Raised out here, so that httpx's exception, which holds the request, is not kept as the context of ours.
        raise MessengerUnavailable(reason)

    async def _answer(self, request: httpx.Request) -> Answer:
        response = await self._client.send(request, stream=True)
        try:
            body = bytearray()
            async for part in response.aiter_bytes():
                body += part
                if len(body) > _LONGEST_ANSWER:
                    raise MessengerUnavailable(UnavailableReason.UNEXPECTED_ANSWER)
            return Answer(response.status_code, bytes(body))
        finally:
            await response.aclose()


def _unavailable(status: int) -> UnavailableReason | None:
    """Return what a status stands for that is neither a success nor a refusal."""
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return UnavailableReason.RATE_LIMITED
    if status == httpx.codes.REQUEST_TIMEOUT:
        return UnavailableReason.TIMEOUT
    if httpx.codes.is_server_error(status):
        return UnavailableReason.SERVER_ERROR
    if not httpx.codes.is_success(status) and not httpx.codes.is_client_error(status):
        return UnavailableReason.UNEXPECTED_ANSWER
    return None
