"""The adapter for Google Business Profile: replies to reviews, through version 4 of the My Business API.

https://developers.google.com/my-business/reference/rest/v4/accounts.locations.reviews
"""

import asyncio
import re
from collections.abc import Awaitable
from dataclasses import dataclass, field
from json import JSONDecodeError
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx

from care_workflows.channels.errors import RefusalReason, ReplyRefused, SiteUnavailable, UnavailableReason
from care_workflows.channels.google_account import GoogleAccount
from care_workflows.channels.google_reply_text import have_same_form, is_by_care, is_same_wording, remove_form_links
from care_workflows.channels.httpx_logging import suppress_httpx_logs
from care_workflows.channels.review_site import PublicReply, ReplyTarget

T = TypeVar("T")

PUBLIC_URL: Final = "https://mybusiness.googleapis.com"
DEFAULT_DEADLINE: Final = 10.0
"""Seconds that one call of the adapter may take, including the token, reading and writing."""

REPLY_LIMIT_BYTES: Final = 4096
"""The limit of `ReviewReply.comment`, in bytes of UTF-8 and not in characters."""

_REVIEW_NAME: Final = re.compile(r"accounts/[A-Za-z0-9_=-]+/locations/[A-Za-z0-9_=-]+/reviews/[A-Za-z0-9_=-]+")

_REFUSALS: Final[dict[int, RefusalReason]] = {
    httpx.codes.UNAUTHORIZED: RefusalReason.NOT_PERMITTED,
    httpx.codes.FORBIDDEN: RefusalReason.NOT_PERMITTED,
    httpx.codes.NOT_FOUND: RefusalReason.REVIEW_NOT_FOUND,
}
_OUTAGES: Final[dict[int, UnavailableReason]] = {
    httpx.codes.TOO_MANY_REQUESTS: UnavailableReason.RATE_LIMITED,
    httpx.codes.REQUEST_TIMEOUT: UnavailableReason.TIMEOUT,
}

_PENDING: Final = "PENDING"
_REJECTED: Final = "REJECTED"

_REJECTED_MESSAGE: Final = "Google's moderation rejected the reply: reword it to follow Google's policies for replies."
_FOREIGN_REPLY_MESSAGE: Final = (
    "The review already has a reply that Care did not write. Delete that reply at Google and send the form again."
)


@dataclass(frozen=True, slots=True)
class _Reply:
    """The reply as the business owner sees it, public or not."""

    text: str = field(repr=False)
    state: str
    """The state of moderation; empty if Google does not moderate the reply."""


class GoogleBusiness:
    """Posts to Google Business Profile; an implementation of ``ReviewSite``.

    A review has one reply, and a write replaces it. So a repeated write is harmless, and needs no idempotency key. A
    reply that Care did not write is kept, unless ``overwrite`` is set.

    Google does not say who wrote a reply, so the adapter recognizes Care's replies by their text; see ``is_by_care``. A
    reply that somebody writes between our read and our write is lost, because Google has no conditional writes.
    """

    def __init__(
        self,
        account: GoogleAccount,
        base_url: str = PUBLIC_URL,
        *,
        overwrite: bool = False,
        deadline: float = DEFAULT_DEADLINE,
    ) -> None:
        """``deadline`` is in seconds, per call of the adapter."""
        url = httpx.URL(base_url)
        if url.scheme not in {"http", "https"} or not url.host:
            raise ValueError(f"base_url must be an absolute http or https URL, got {base_url!r}")
        if not deadline > 0:
            raise ValueError(f"deadline must be a positive number of seconds, got {deadline!r}")
        self._account = account
        self._base_url = base_url.rstrip("/")
        self._overwrite = overwrite
        self._deadline = deadline
        self._client = httpx.AsyncClient(timeout=deadline, follow_redirects=False)

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
        await self._account.aclose()

    async def post_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        """Makes ``text`` the review's public reply; see ``ReviewSite.post_reply``.

        Raises ``ReplyRefused`` if somebody else wrote the present reply and ``overwrite`` is not set.
        """
        del key  # not needed, because a write replaces the whole reply
        if (size := len(text.encode())) > REPLY_LIMIT_BYTES:
            explanation = f"Google allows replies of at most {REPLY_LIMIT_BYTES} bytes in UTF-8; this one has {size}."
            raise ReplyRefused(RefusalReason.TOO_LONG, explanation)
        written = await self._within_deadline(self._post(target, text))
        if written.state == _REJECTED:
            raise ReplyRefused(RefusalReason.OTHER, _REJECTED_MESSAGE)

    async def retract_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        """Replaces our reply with ``text``, which contains no link; see ``ReviewSite.retract_reply``.

        If the owner has reworded the reply, only removes the link. If there is no reply with a link to our forms,
        writes nothing.
        """
        del key
        await self._within_deadline(self._retract(target, text))

    async def read_reply(self, target: ReplyTarget) -> PublicReply | None:
        """Returns the reply that is public now, if any; see ``ReviewSite.read_reply``.

        Raises ``SiteUnavailable`` with IN_MODERATION until Google has decided whether to publish the reply.
        """
        present = await self._within_deadline(self._read(target))
        if present is None or present.state == _REJECTED:
            return None
        if present.state == _PENDING:
            raise SiteUnavailable(UnavailableReason.IN_MODERATION)
        return PublicReply(present.text)

    async def _post(self, target: ReplyTarget, text: str) -> _Reply:
        present = await self._read(target)
        if present is not None and present.text == text:
            return present
        if present is not None and not self._overwrite and not is_by_care(present.text, text):
            raise ReplyRefused(RefusalReason.OTHER, _FOREIGN_REPLY_MESSAGE)
        return await self._write(target, text)

    async def _retract(self, target: ReplyTarget, text: str) -> None:
        present = await self._read(target)
        if present is None or not have_same_form(present.text, target.link):
            return
        reworded = "" if is_same_wording(present.text, text) else remove_form_links(present.text, target.link)
        await self._write(target, reworded or text)

    async def _read(self, target: ReplyTarget) -> _Reply | None:
        response = await self._call("GET", _review_name(target))
        reply = _json_object(response).get("reviewReply")
        if reply is None:
            return None
        return _parse_reply(reply)

    async def _write(self, target: ReplyTarget, text: str) -> _Reply:
        response = await self._call("PUT", f"{_review_name(target)}/reply", {"comment": text})
        return _parse_reply(_json_object(response))

    async def _call(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Returns the response to a successful call. If Google refuses the token, tries once more with a new token."""
        token = await self._account.token()
        response = await self._send(method, path, body, token)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            response = await self._send(method, path, body, await self._account.token(instead_of=token))
        _raise_for_status(response)
        return response

    async def _send(self, method: str, path: str, body: object, token: str) -> httpx.Response:
        url = f"{self._base_url}/v4/{path}"
        try:
            with suppress_httpx_logs():
                return await self._client.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"})
        except httpx.TimeoutException:
            reason = UnavailableReason.TIMEOUT
        except httpx.TransportError:
            reason = UnavailableReason.CONNECTION
        except httpx.RequestError:
            reason = UnavailableReason.UNEXPECTED_RESPONSE  # such as a body that does not match its declared encoding
        # Raised outside the handler. Inside it, httpx's exception, which holds the request, would become the context.
        raise SiteUnavailable(reason)

    async def _within_deadline(self, work: Awaitable[T]) -> T:
        """Ends a whole call of the adapter at its deadline; httpx's timeout applies to each single read and write."""
        try:
            async with asyncio.timeout(self._deadline):
                return await work
        except TimeoutError:
            pass
        # Raised outside the handler for the same reason as in `_send`.
        raise SiteUnavailable(UnavailableReason.TIMEOUT)


def _review_name(target: ReplyTarget) -> str:
    if not _REVIEW_NAME.fullmatch(target.external_id):
        explanation = "The review's external id is not a Google resource name: accounts/…/locations/…/reviews/…."
        raise ReplyRefused(RefusalReason.REVIEW_NOT_FOUND, explanation)
    return target.external_id


def _raise_for_status(response: httpx.Response) -> None:
    """Raises our exception for a status that is not a success."""
    if response.is_success:
        return
    status = response.status_code
    if outage := _OUTAGES.get(status):
        raise SiteUnavailable(outage)
    if response.is_server_error:
        raise SiteUnavailable(UnavailableReason.SERVER_ERROR)
    if not response.is_client_error:
        raise SiteUnavailable(UnavailableReason.UNEXPECTED_RESPONSE)
    raise ReplyRefused(_REFUSALS.get(status, RefusalReason.OTHER), _error_message(response))


def _error_message(response: httpx.Response) -> str:
    """Returns Google's message (AIP-193); empty if there is none, for example because a proxy responded."""
    try:
        error = _json_object(response).get("error")
    except SiteUnavailable:
        return ""
    return str(error.get("message", "")) if isinstance(error, dict) else ""


def _parse_reply(json: object) -> _Reply:
    if not isinstance(json, dict) or not isinstance(json.get("comment"), str):
        raise SiteUnavailable(UnavailableReason.UNEXPECTED_RESPONSE)
    return _Reply(json["comment"], str(json.get("reviewReplyState", "")))


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except (JSONDecodeError, UnicodeDecodeError):
        body = None
    if not isinstance(body, dict):
        raise SiteUnavailable(UnavailableReason.UNEXPECTED_RESPONSE)
    return body
