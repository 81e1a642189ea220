"""The adapter for Google Business Profile: replies to reviews, by version 4 of the My Business API.

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
from care_workflows.channels.quiet import quiet_http
from care_workflows.channels.review_site import PublicReply, ReplyTarget

T = TypeVar("T")

PUBLIC_URL: Final = "https://mybusiness.googleapis.com"
DEFAULT_DEADLINE: Final = 10.0
"""Seconds that one call of the adapter may take in all: a token, reading, and writing."""

REPLY_LIMIT_BYTES: Final = 4096
"""Of UTF-8: `ReviewReply.comment` is limited in bytes, not in characters."""

_NAME: Final = re.compile(r"accounts/[A-Za-z0-9_=-]+/locations/[A-Za-z0-9_=-]+/reviews/[A-Za-z0-9_=-]+")
_LINK: Final = re.compile(r"https?://\S+", re.IGNORECASE)
_FORM_LINK: Final = re.compile(r"(https?://\S+/f/)[^\s./]+\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{22}")
"""A link to a form ends in a key's id, a UUID's 16 bytes and a MAC's 16, in base64url (`usecases.links`)."""

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

_REJECTED_WORDS: Final = "Google's moderation rejected the reply: word it otherwise, by Google's policies for replies."
_FOREIGN_WORDS: Final = (
    "The review has a reply already that Care did not write, and keeps it: delete it at Google and send the form again."
)


@dataclass(frozen=True, slots=True)
class _Reply:
    """The reply as the owner of the business sees it, public or not."""

    text: str = field(repr=False)
    state: str
    """Of the moderation; empty where Google says none, as for replies that it does not moderate."""


class GoogleBusiness:
    """Posts to Google Business Profile; an implementation of ``ReviewSite``.

    A review has one reply, and a write replaces it: so a repeated write has the effect of one, without a key. A reply
    that we did not write is kept, unless ``overwrite``.

    Which replies are ours? Google does not say who wrote one, so its words do, see ``_is_ours``. Between our reading
    and our writing somebody may write: Google offers no condition on a write.
    """

    def __init__(
        self,
        account: GoogleAccount,
        base_url: str = PUBLIC_URL,
        *,
        overwrite: bool = False,
        deadline: float = DEFAULT_DEADLINE,
    ) -> None:
        """Act as ``account``; opens no connection yet. ``deadline`` is in seconds, per call of the adapter."""
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
        """Return the adapter itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; the adapter cannot be used afterwards."""
        await self._client.aclose()
        await self._account.aclose()

    async def post_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        """Make ``text`` the review's reply, unless somebody else's stands there; see ``ReviewSite.post_reply``."""
        del key  # a write that replaces the whole reply needs none
        if (size := len(text.encode())) > REPLY_LIMIT_BYTES:
            words = f"Google takes replies of at most {REPLY_LIMIT_BYTES} bytes in UTF-8; this one has {size}."
            raise ReplyRefused(RefusalReason.TOO_LONG, words)
        written = await self._in_time(self._post(target, text))
        if written.state == _REJECTED:
            raise ReplyRefused(RefusalReason.OTHER, _REJECTED_WORDS)

    async def retract_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        """Replace our reply by ``text``, which has no link; see ``ReviewSite.retract_reply``.

        Where there is no reply any more, or none with a link to our forms, nothing is written. Of a reply that the
        owner has reworded only the link goes.
        """
        del key
        await self._in_time(self._retract(target, text))

    async def read_reply(self, target: ReplyTarget) -> PublicReply | None:
        """Return the reply that is public now, if any; see ``ReviewSite.read_reply``.

        Raises ``SiteUnavailable`` with IN_MODERATION as long as Google has not decided.
        """
        present = await self._in_time(self._read(target))
        if present is None or present.state == _REJECTED:
            return None
        if present.state == _PENDING:
            raise SiteUnavailable(UnavailableReason.IN_MODERATION)
        return PublicReply(present.text)

    async def _post(self, target: ReplyTarget, text: str) -> _Reply:
        present = await self._read(target)
        if present is not None and present.text == text:
            return present
        if present is not None and not self._overwrite and not _is_ours(present.text, text):
            raise ReplyRefused(RefusalReason.OTHER, _FOREIGN_WORDS)
        return await self._write(target, text)

    async def _retract(self, target: ReplyTarget, text: str) -> None:
        present = await self._read(target)
        if present is None or _forms(present.text).isdisjoint(_forms(target.link)):
            return
        is_as_posted = _said(present.text) == _said(text)
        reworded = "" if is_as_posted else _without_forms(present.text, _forms(target.link))
        await self._write(target, reworded or text)

    async def _read(self, target: ReplyTarget) -> _Reply | None:
        response = await self._call("GET", _name(target))
        reply = _json_object(response).get("reviewReply")
        if reply is None:
            return None
        return _reply(reply)

    async def _write(self, target: ReplyTarget, text: str) -> _Reply:
        response = await self._call("PUT", f"{_name(target)}/reply", {"comment": text})
        return _reply(_json_object(response))

    async def _call(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Return the answer to a call that succeeded; a token that Google no longer takes is replaced once."""
        token = await self._account.token()
        response = await self._send(method, path, body, token)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            response = await self._send(method, path, body, await self._account.token(instead_of=token))
        _check(response)
        return response

    async def _send(self, method: str, path: str, body: object, token: str) -> httpx.Response:
        url = f"{self._base_url}/v4/{path}"
        try:
            with quiet_http():
                return await self._client.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"})
        except httpx.TimeoutException:
            reason = UnavailableReason.TIMEOUT
        except httpx.TransportError:
            reason = UnavailableReason.CONNECTION
        except httpx.RequestError:
            reason = UnavailableReason.UNEXPECTED_ANSWER  # such as a body that is not in its declared encoding
        # Raised out here, so that httpx's exception, which holds the request, is not kept as the context of ours.
        raise SiteUnavailable(reason)

    async def _in_time(self, work: Awaitable[T]) -> T:
        """Hold a whole call of the adapter to its deadline; httpx's own covers each single read and write."""
        try:
            async with asyncio.timeout(self._deadline):
                return await work
        except TimeoutError:
            pass
        # Raised out here for the same reason as in `_send`.
        raise SiteUnavailable(UnavailableReason.TIMEOUT)


def _name(target: ReplyTarget) -> str:
    if not _NAME.fullmatch(target.external_id):
        words = "The review's external id is no name as Google gives it: accounts/…/locations/…/reviews/…."
        raise ReplyRefused(RefusalReason.REVIEW_NOT_FOUND, words)
    return target.external_id


def _is_ours(present: str, text: str) -> bool:
    """Tell whether we wrote the reply that is there, by what we are about to write instead.

    It is, where both say the same but for links and punctuation: the same reply with an earlier link. And it is,
    where both have a link to our forms: an earlier recovery's, in whatever words.
    """
    said = _said(text)
    return (said != "" and _said(present) == said) or not _forms(present).isdisjoint(_forms(text))


def _said(text: str) -> str:
    return "".join(character for character in _LINK.sub("", text).casefold() if character.isalnum())


def _forms(text: str) -> set[str]:
    """Return where the links to forms lead that a text has, without their tokens."""
    return set(_FORM_LINK.findall(text))


def _without_forms(text: str, forms: set[str]) -> str:
    """Return a text without the links that lead to these forms."""

    def left(match: re.Match[str]) -> str:
        return "" if match[1] in forms else match[0]

    return re.sub(rf"[ \t]*{_FORM_LINK.pattern}", left, text).strip()


def _check(response: httpx.Response) -> None:
    """Raise what the answer's status stands for, unless it is a success."""
    if response.is_success:
        return
    status = response.status_code
    if outage := _OUTAGES.get(status):
        raise SiteUnavailable(outage)
    if response.is_server_error:
        raise SiteUnavailable(UnavailableReason.SERVER_ERROR)
    if not response.is_client_error:
        raise SiteUnavailable(UnavailableReason.UNEXPECTED_ANSWER)
    raise ReplyRefused(_REFUSALS.get(status, RefusalReason.OTHER), _message(response))


def _message(response: httpx.Response) -> str:
    """Return Google's words (AIP-193); empty if there are none, as when something else listens there."""
    try:
        error = _json_object(response).get("error")
    except SiteUnavailable:
        return ""
    return str(error.get("message", "")) if isinstance(error, dict) else ""


def _reply(json: object) -> _Reply:
    if not isinstance(json, dict) or not isinstance(json.get("comment"), str):
        raise SiteUnavailable(UnavailableReason.UNEXPECTED_ANSWER)
    return _Reply(json["comment"], str(json.get("reviewReplyState", "")))


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except (JSONDecodeError, UnicodeDecodeError):
        body = None
    if not isinstance(body, dict):
        raise SiteUnavailable(UnavailableReason.UNEXPECTED_ANSWER)
    return body
