"""The pages behind a form's link: the form, the thanks, and what is shown instead of them.

There is no token against cross-site request forgery, because there is nothing to forge: the pages know no session and
set no cookie. Whoever has the link, which is public, may submit, and from anywhere; another site that makes a
visitor's browser do so gains nothing that it could not send itself.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from markupsafe import Markup
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from care_web.customers import Customers, Form, FormState, LinkEnded, LinkUnknown, NotAccepted, TooMany, TryLater
from care_web.languages import LANGUAGES
from care_web.submission import FIELDS, MEDIA_TYPE, Submission, TooLarge, Unreadable, read_body
from care_web.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.exceptions import HTTPException
    from starlette.requests import HTTPConnection, Request

    from care_web.languages import Language
    from care_web.rate_limit import AddressLimit
    from care_web.rendering import Renderer

_MAX_TOKEN_CHARACTERS: Final = 200
"""Several times the length of ours; what is longer is no link of ours, and not worth a call."""

_LONG_REPLY: Final = 500
"""From so many characters on, a phone shows the form so far down that a link to it helps."""

_REFERENCE: Final = re.compile(r"[0-9A-F]{4}-[0-9A-F]{4}")
"""What a reference looks like. It comes back in the thanks page's address, where anybody could write anything."""

_FORM_ID: Final = "form"
"""Of the form in its page; the buttons of the switch name it."""

_FAULTS: Final = {
    HTTPStatus.NOT_FOUND: "missing",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "large",
}
"""Texts for answers to requests that the pages do not make; for all other statuses ``unreadable``."""


class Pages:
    """The endpoints."""

    def __init__(self, customers: Customers, renderer: Renderer, limit: AddressLimit) -> None:
        self._customers = customers
        self._renderer = renderer
        self._limit = limit
        self._broken = {
            tag: self._message(Visit(language), "broken", HTTPStatus.INTERNAL_SERVER_ERROR, ["broken.lead"])
            for tag, language in LANGUAGES.items()
        }

    async def handle_form(self, request: Request) -> Response:
        """GET or POST ``/f/{token}``."""
        visit, token = Visit.of(request), _token(request)
        if token is None:
            return self._unknown(visit)
        if request.method == "POST":
            return await self._take(visit, token, request)
        return await self._show_form(visit, token, Submission.empty())

    async def show_thanks(self, request: Request) -> Response:
        """GET ``/f/{token}/thanks``: where a customer comes to after submitting."""
        visit, token = Visit.of(request), _token(request)
        if token is None:
            return self._unknown(visit)
        business = ""
        try:
            form = await self._customers.read(token)
        except LinkUnknown:
            return self._unknown(visit)
        except TryLater:
            pass  # the answer has arrived all the same; only the name is missing
        else:
            if form.state is FormState.OPEN:  # nobody has submitted anything
                return RedirectResponse(visit.url(_form_path(token)), HTTPStatus.SEE_OTHER)
            business = form.business_name
        say, query = visit.language.say, _with_reference(request.query_params.get("reference", ""))
        hint = [say("thanks.reference.hint")] if query else []
        return self._message(
            visit,
            "thanks",
            HTTPStatus.OK,
            [*hint, say("thanks.lead", business=business), say("thanks.close")],
            action=(visit.url(_form_path(token)), say("thanks.more")),
            query=query,
        )

    async def show_root(self, request: Request) -> Response:
        """GET ``/``: say what this site is for."""
        return self._message(Visit.of(request), "root", HTTPStatus.OK, ["root.lead", "root.advice"])

    async def check_health(self, request: Request) -> Response:
        """GET ``/healthz``: whether this process serves; not whether the service does, as a restart would not help."""
        del request
        return PlainTextResponse("ok\n")

    async def handle_http_error(self, request: Request, error: HTTPException) -> Response:
        """Show what the router refused, such as a path that does not exist."""
        return self._fault(Visit.of(request), HTTPStatus(error.status_code), error.headers)

    def broken(self, request: HTTPConnection) -> HTMLResponse:
        """Return the page for a mistake of ours; made beforehand, so that no mistake can be in the way of it."""
        return self._broken[Visit.of(request).language.tag]

    async def _show_form(self, visit: Visit, token: str, submission: Submission) -> Response:
        """Show the form with what was typed into it so far, or what became of it."""
        try:
            form = await self._customers.read(token)
        except LinkUnknown:
            return self._unknown(visit)
        except TryLater as error:
            if submission.is_blank:
                return self._unavailable(visit, token, error.seconds)
            return self._again(visit, token, submission, error)
        if not form.takes_answers:
            return self._ended(visit, form)
        return self._form(visit, token, form, submission, HTTPStatus.OK)

    async def _take(self, visit: Visit, token: str, request: Request) -> Response:
        """Take what was posted: an answer, or the wish to read the form in another language."""
        if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
            return self._fault(visit, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        try:
            submission = Submission.parse(await read_body(request))
        except TooLarge:
            return self._fault(visit, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        except Unreadable:
            return self._fault(visit, HTTPStatus.BAD_REQUEST)
        if language := LANGUAGES.get(submission.switch):
            return await self._switch(Visit(language, chosen=True), token, submission)
        # Behind a proxy, uvicorn has put the customer's own address here; without one it is the connection's.
        if wait := await self._limit.admit(request.client.host if request.client else ""):
            return self._again(visit, token, submission, TooMany(wait))
        try:
            return await self._submit(visit, token, submission)
        except LinkUnknown:
            return self._unknown(visit)
        except TryLater as error:
            return self._again(visit, token, submission, error)

    async def _switch(self, visit: Visit, token: str, submission: Submission) -> Response:
        """Show the form in another language, and in it what was typed: nothing of that is sent on, or looked at."""
        if submission.is_blank:  # a page that can be reloaded
            return RedirectResponse(visit.url(_form_path(token)), HTTPStatus.SEE_OTHER)
        return await self._show_form(visit, token, submission)

    async def _submit(self, visit: Visit, token: str, submission: Submission) -> Response:
        """Submit, then redirect, so that reloading the next page sends nothing.

        Of what submitting raises, ``LinkUnknown`` and ``TryLater`` are left to the caller, as of a second call.
        """
        try:
            reference = await self._customers.submit(token, submission)
        except NotAccepted as error:
            form = await self._customers.read(token)
            if not form.takes_answers:
                return self._ended(visit, form)
            errors = _errors(visit.language, error.fields, submission, form)
            return self._form(visit, token, form, submission, HTTPStatus.UNPROCESSABLE_ENTITY, errors)
        except LinkEnded as error:
            form = await self._customers.read(token)
            # What it says was a moment ago; the refusal counts.
            return self._ended(visit, form, error.state if form.takes_answers else form.state)
        thanks = visit.url(f"{_form_path(token)}/thanks", _with_reference(reference))
        return RedirectResponse(thanks, HTTPStatus.SEE_OTHER)

    def _form(
        self,
        visit: Visit,
        token: str,
        form: Form,
        submission: Submission,
        status: HTTPStatus,
        errors: Mapping[str, Markup] | None = None,
    ) -> HTMLResponse:
        tell = visit.language.tell
        title = tell(f"{'form' if form.state is FormState.OPEN else form.state}.title", business=form.business_name)
        context = {
            "title": tell("title.error", title=title) if errors else title,
            "form": form,
            "business": form.business_name,
            "path": visit.url(_form_path(token)),
            "form_id": _FORM_ID,
            "submission": submission,
            "typed": not submission.is_blank,
            "errors": errors or {},
            "is_long": len(form.reply_text) > _LONG_REPLY,
        }
        return self._renderer.page(visit, "form.html", status, context)

    def _again(self, visit: Visit, token: str, submission: Submission, error: TryLater) -> HTMLResponse:
        """Return what was typed, in a form that can be sent again; without the service it knows no business."""
        tell = visit.language.tell
        name = "busy" if isinstance(error, TooMany) else "down"
        status = HTTPStatus.TOO_MANY_REQUESTS if isinstance(error, TooMany) else HTTPStatus.SERVICE_UNAVAILABLE
        context = {
            "title": tell("title.error", title=tell(f"{name}.title")),
            "name": name,
            "wait": visit.language.wait(error.seconds),
            "path": visit.url(_form_path(token)),
            "form_id": _FORM_ID,
            "submission": submission,
            "errors": {},
        }
        return self._renderer.page(visit, "again.html", status, context, _retry_after(error.seconds))

    def _ended(self, visit: Visit, form: Form, state: FormState | None = None) -> HTMLResponse:
        state, language, business = state or form.state, visit.language, form.business_name
        if state is FormState.EXPIRED:
            when = form.expire_time
            lead = language.say("expired.lead", time=language.time(when)) if when else "expired.lead.timeless"
        else:
            lead = language.say(f"{state}.lead", business=business)
        elsewhere = [] if state is FormState.REPLACED else [language.say("ended.elsewhere", business=business)]
        return self._message(visit, state, HTTPStatus.GONE, [lead, *elsewhere], business=business)

    def _unknown(self, visit: Visit) -> HTMLResponse:
        return self._message(visit, "unknown", HTTPStatus.NOT_FOUND, ["unknown.lead", "unknown.advice"])

    def _unavailable(self, visit: Visit, token: str, seconds: int) -> HTMLResponse:
        language = visit.language
        return self._message(
            visit,
            "unavailable",
            HTTPStatus.SERVICE_UNAVAILABLE,
            [language.say("unavailable.lead", wait=language.wait(seconds))],
            action=(visit.url(_form_path(token)), language.say("unavailable.retry")),
            headers=_retry_after(seconds),
        )

    def _fault(self, visit: Visit, status: HTTPStatus, headers: Mapping[str, str] | None = None) -> HTMLResponse:
        """Return the page for a request that the pages themselves do not make."""
        name = _FAULTS.get(status, "unreadable")
        advice = ["missing.advice"] if name == "missing" else []
        return self._message(visit, name, status, [f"{name}.lead", *advice], headers=headers)

    def _message(
        self,
        visit: Visit,
        name: str,
        status: HTTPStatus,
        paragraphs: Sequence[str],
        *,
        business: str = "",
        action: tuple[str, Markup] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """Return a page of one message; ``paragraphs`` are keys of texts, or texts that were filled in already."""
        say = visit.language.say
        context = {
            "title": visit.language.tell(f"{name}.title"),
            "name": name,
            "tone": "done" if name == "thanks" else "plain",
            "business": business,
            "paragraphs": [text if isinstance(text, Markup) else say(text) for text in paragraphs],
            "action": action,
            "kept": query or {},
            "reference": (query or {}).get("reference"),
        }
        return self._renderer.page(visit, "message.html", status, context, headers)


def _token(request: Request) -> str | None:
    """Return the token of the path; None if it can't be one of ours."""
    token = str(request.path_params["token"])
    return token if len(token) <= _MAX_TOKEN_CHARACTERS else None


def _form_path(token: str) -> str:
    return f"/f/{quote(token, safe='')}"


def _with_reference(reference: str) -> dict[str, str]:
    """Return the query of the thanks page that shows ``reference``; none if that is no reference."""
    return {"reference": reference} if _REFERENCE.fullmatch(reference) else {}


def _retry_after(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(seconds)}


def _errors(language: Language, refused: frozenset[str], submission: Submission, form: Form) -> dict[str, Markup]:
    """Return what to say about the refused fields, in the order of the page; of an unknown field under ``""``."""
    say = language.say
    errors: dict[str, Markup] = {field: say(f"errors.{field}") for field in FIELDS if field in refused}
    if not submission.email and not submission.phone:
        # The service names one of the two or both; it is one mistake, told at the first.
        errors.pop("phone", None)
        errors = {"email": say("errors.contact")} | {k: v for k, v in errors.items() if k != "email"}
    elif "phone" in errors and form.phone_region:
        errors["phone"] = say("errors.phone.region")
    return errors or {"": say("errors.other")}
