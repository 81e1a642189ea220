"""The page behind a chat's link: the messages, and the form that writes another one.

It works without scripts: a button asks for what is new, and whatever a button asks for, what was typed comes along.
As with the form's pages there is nothing to forge: only who has the link, which is private, can write.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from care_web.answers import FORM_ID
from care_web.asgi import LIVE
from care_web.chats import Chats, NoSuchPlace
from care_web.draft import BEFORE, MAX_BODY_BYTES, MAX_TEXT_CHARACTERS, Draft
from care_web.failures import LinkUnknown, NotAccepted, TryLater
from care_web.languages import LANGUAGES
from care_web.live import RESUME
from care_web.posted import NotPosted, read_form
from care_web.visit import PARAMETER, Visit, link_token

if TYPE_CHECKING:
    from starlette.requests import Request

    from care_web.answers import Answers
    from care_web.chats import Chat
    from care_web.rate_limit import AddressLimit

_FIELD: Final = "text"
"""Names the text area; also where a page goes on after a message was sent."""
_SENT: Final = {"sent": "yes"}
"""In the query after a message was sent: where the case was closed, its chat does not show it."""


class ChatPages:
    """The endpoints."""

    def __init__(self, chats: Chats, answers: Answers, limit: AddressLimit) -> None:
        self._chats = chats
        self._answers = answers
        self._limit = limit

    async def handle_chat(self, request: Request) -> Response:
        """GET or POST ``/c/{token}``."""
        visit, token = Visit.of(request), link_token(request)
        if token is None:
            return self._answers.unknown(visit)
        if request.method == "POST":
            return await self._take(visit, token, request)
        before = request.query_params.get(BEFORE, "")
        has_sent = _SENT.items() <= dict(request.query_params).items()
        return await self._show(visit, token, Draft.empty(), before, has_sent=has_sent)

    async def _show(
        self, visit: Visit, token: str, draft: Draft, before: str = "", *, error: str = "", has_sent: bool = False
    ) -> Response:
        """Show some of the chat, with what was typed so far; ``error`` is the key of what to say about that."""
        path = _path(token)
        try:
            chat = await self._chats.read(token, before)
        except LinkUnknown:
            return self._answers.unknown(visit)
        except NoSuchPlace:
            return RedirectResponse(visit.url(path), HTTPStatus.SEE_OTHER)
        except TryLater as failure:
            if not draft.text:
                return self._answers.unavailable(visit, visit.url(path), failure)
            return self._again(visit, token, draft, failure)
        language = visit.language
        title = language.tell("chat.title", business=chat.business_name)
        context = {
            "title": language.tell("title.error", title=title) if error else title,
            "chat": chat,
            "messages": chat.messages,
            "business": chat.business_name,
            "us": chat.business_name or language.tell("chat.us"),
            "path": visit.url(path, {BEFORE: before} if before else {}),
            "events": "" if before else _events(visit, token, chat),
            "form_id": FORM_ID,
            "draft": draft,
            "errors": {_FIELD: language.say(error, limit=language.number(MAX_TEXT_CHARACTERS))} if error else {},
            "has_sent": has_sent,
            "is_latest": not before,
        }
        status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
        return self._answers.page(visit, "chat.html", status, context, LIVE)

    async def _take(self, visit: Visit, token: str, request: Request) -> Response:
        """Take what was posted: a message, or the wish to see something else."""
        try:
            draft = Draft.of(await read_form(request, MAX_BODY_BYTES))
        except NotPosted as reason:
            return self._answers.fault(visit, reason.status, limit=MAX_TEXT_CHARACTERS)
        before = request.query_params.get(BEFORE, "") if draft.before is None else draft.before
        language = LANGUAGES.get(draft.switch)
        if language or draft.before is not None:
            return await self._look(Visit(language, chosen=True) if language else visit, token, draft, before)
        try:
            await self._limit.check(request)
            await self._chats.post(token, draft)
        except LinkUnknown:
            return self._answers.unknown(visit)
        except NotAccepted:
            # Empty, too, is what consists of characters that nobody sees.
            error = "chat.errors.long" if len(draft.text) > MAX_TEXT_CHARACTERS else "chat.errors.empty"
            return await self._show(visit, token, draft, error=error)
        except TryLater as failure:
            return self._again(visit, token, draft, failure)
        # To a page that can be reloaded, and there to where the next message is written.
        return RedirectResponse(f"{visit.url(_path(token), _SENT)}#{_FIELD}", HTTPStatus.SEE_OTHER)

    async def _look(self, visit: Visit, token: str, draft: Draft, before: str) -> Response:
        """Show other messages, or the same in another language, and what was typed: nothing of that is sent on."""
        if not draft.text:  # a page that can be reloaded
            url = visit.url(_path(token), {BEFORE: before} if before else {})
            return RedirectResponse(url, HTTPStatus.SEE_OTHER)
        return await self._show(visit, token, draft, before)

    def _again(self, visit: Visit, token: str, draft: Draft, failure: TryLater) -> Response:
        return self._answers.again(visit, visit.url(_path(token)), failure, "chat_again.html", {"draft": draft})


def _path(token: str) -> str:
    return f"/c/{quote(token, safe='')}"


def _events(visit: Visit, token: str, chat: Chat) -> str:
    """Return the address of what comes after the messages of ``chat``, in the language of the page."""
    resume = {RESUME: chat.resume_token} if chat.resume_token else {}
    return visit.url(f"{_path(token)}/events", {PARAMETER: visit.language.tag, **resume})
