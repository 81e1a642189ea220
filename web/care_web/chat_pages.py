"""The page behind a chat's link: the messages, and a form to write another one.

The page works without scripts. Buttons of the form load new or earlier messages, and the customer's input is kept. The
form needs no token against cross-site request forgery: only those who have the private link can write.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from care_web.chat_client import ChatClient, InvalidPageToken
from care_web.chat_events import RESUME_PARAMETER
from care_web.draft import BEFORE_PARAMETER, MAX_BODY_BYTES, MAX_TEXT_CHARACTERS, Draft
from care_web.form_body import InvalidFormBody, read_form
from care_web.languages import LANGUAGES
from care_web.middleware import SCRIPT_HEADERS
from care_web.request_context import LANGUAGE_PARAMETER, RequestContext, link_token
from care_web.responses import FORM_ID
from care_web.service_errors import InvalidFields, LinkUnknown, TryLater

if TYPE_CHECKING:
    from starlette.requests import Request

    from care_web.chat_client import Chat
    from care_web.rate_limit import AddressLimit
    from care_web.responses import Responses

_TEXT_FIELD: Final = "text"
"""The name and id of the text area. After a message was sent, the browser scrolls to the text area."""
_SENT: Final = {"sent": "yes"}
"""The query after a message was sent. The chat of a closed case does not show the message, so the page confirms it."""


class ChatPages:
    """Handles requests to a chat's link."""

    def __init__(self, chats: ChatClient, responses: Responses, limit: AddressLimit) -> None:
        self._chats = chats
        self._responses = responses
        self._limit = limit

    async def handle_chat(self, request: Request) -> Response:
        """Handles ``GET`` and ``POST /c/{token}``."""
        context, token = RequestContext.from_request(request), link_token(request)
        if token is None:
            return self._responses.unknown_link(context)
        if request.method == "POST":
            return await self._handle_post(context, token, request)
        before = request.query_params.get(BEFORE_PARAMETER, "")
        was_sent = _SENT.items() <= dict(request.query_params).items()
        return await self._show(context, token, Draft.empty(), before, was_sent=was_sent)

    async def _show(
        self,
        context: RequestContext,
        token: str,
        draft: Draft,
        before: str = "",
        *,
        error: str = "",
        was_sent: bool = False,
    ) -> Response:
        """Shows a page of messages and the form with ``draft``. ``error`` is the key of a text about the draft."""
        path = _path(token)
        try:
            chat = await self._chats.read(token, before)
        except LinkUnknown:
            return self._responses.unknown_link(context)
        except InvalidPageToken:
            return RedirectResponse(context.url(path), HTTPStatus.SEE_OTHER)
        except TryLater as failure:
            if not draft.text:
                return self._responses.unavailable(context, context.url(path), failure)
            return self._retry_page(context, token, draft, failure)
        language = context.language
        title = language.translate_plain("chat.title", business=chat.business_name)
        limit = language.format_number(MAX_TEXT_CHARACTERS)
        variables = {
            "title": language.translate_plain("title.error", title=title) if error else title,
            "chat": chat,
            "messages": chat.messages,
            "business": chat.business_name,
            "business_label": chat.business_name or language.translate_plain("chat.us"),
            "path": context.url(path, {BEFORE_PARAMETER: before} if before else {}),
            "events_url": "" if before else _events_url(context, token, chat),
            "form_id": FORM_ID,
            "draft": draft,
            "errors": {_TEXT_FIELD: language.translate(error, limit=limit)} if error else {},
            "was_sent": was_sent,
            "is_latest": not before,
        }
        status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
        return self._responses.page(context, "chat.html", status, variables, SCRIPT_HEADERS)

    async def _handle_post(self, context: RequestContext, token: str, request: Request) -> Response:
        """Sends the message. If another button sent the form, shows other messages or another language instead."""
        try:
            draft = Draft.from_fields(await read_form(request, MAX_BODY_BYTES))
        except InvalidFormBody as error:
            return self._responses.client_error(context, error.status, limit=MAX_TEXT_CHARACTERS)
        if language := LANGUAGES.get(draft.requested_language):
            context = RequestContext.with_chosen_language(language)
        if language or draft.before is not None:
            before = request.query_params.get(BEFORE_PARAMETER, "") if draft.before is None else draft.before
            return await self._show_with_draft(context, token, draft, before)
        try:
            await self._limit.check(request)
            await self._chats.post(token, draft)
        except LinkUnknown:
            return self._responses.unknown_link(context)
        except InvalidFields:
            # The service also counts a text of invisible characters as empty.
            error_key = "chat.errors.long" if len(draft.text) > MAX_TEXT_CHARACTERS else "chat.errors.empty"
            return await self._show(context, token, draft, error=error_key)
        except TryLater as failure:
            return self._retry_page(context, token, draft, failure)
        # The redirect makes the next page safe to reload. The URL's fragment scrolls to the field for the next message.
        return RedirectResponse(f"{context.url(_path(token), _SENT)}#{_TEXT_FIELD}", HTTPStatus.SEE_OTHER)

    async def _show_with_draft(self, context: RequestContext, token: str, draft: Draft, before: str) -> Response:
        """Shows other messages, or the page in another language, with the draft, which is not sent."""
        if not draft.text:  # a redirect leads to a page that can be reloaded
            url = context.url(_path(token), {BEFORE_PARAMETER: before} if before else {})
            return RedirectResponse(url, HTTPStatus.SEE_OTHER)
        return await self._show(context, token, draft, before)

    def _retry_page(self, context: RequestContext, token: str, draft: Draft, error: TryLater) -> Response:
        url = context.url(_path(token))
        return self._responses.retry_form(context, url, error, "retry_message.html", {"draft": draft})


def _path(token: str) -> str:
    return f"/c/{quote(token, safe='')}"


def _events_url(context: RequestContext, token: str, chat: Chat) -> str:
    """Returns the URL that streams the messages after those of ``chat``, in the language of the page."""
    resume = {RESUME_PARAMETER: chat.resume_token} if chat.resume_token else {}
    return context.url(f"{_path(token)}/events", {LANGUAGE_PARAMETER: context.language.tag, **resume})
