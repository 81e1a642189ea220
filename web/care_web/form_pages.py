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

from starlette.responses import HTMLResponse, RedirectResponse, Response

from care_web.answers import FORM_ID
from care_web.customers import Customers, Form, FormState, LinkEnded
from care_web.failures import LinkUnknown, NotAccepted, TryLater
from care_web.languages import LANGUAGES
from care_web.posted import NotPosted, read_form
from care_web.submission import FIELDS, MAX_BODY_BYTES, MAX_MESSAGE_CHARACTERS, Submission
from care_web.visit import Visit, link_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup
    from starlette.requests import Request

    from care_web.answers import Answers
    from care_web.languages import Language
    from care_web.rate_limit import AddressLimit

_LONG_REPLY: Final = 500
"""From so many characters on, a phone shows the form so far down that a link to it helps."""

_REFERENCE: Final = re.compile(r"[0-9A-F]{4}-[0-9A-F]{4}")
"""What a reference looks like. It comes back in the thanks page's address, where anybody could write anything."""


class FormPages:
    """The endpoints."""

    def __init__(self, customers: Customers, answers: Answers, limit: AddressLimit) -> None:
        self._customers = customers
        self._answers = answers
        self._limit = limit

    async def handle_form(self, request: Request) -> Response:
        """GET or POST ``/f/{token}``."""
        visit, token = Visit.of(request), link_token(request)
        if token is None:
            return self._answers.unknown(visit)
        if request.method == "POST":
            return await self._take(visit, token, request)
        return await self._show_form(visit, token, Submission.empty())

    async def show_thanks(self, request: Request) -> Response:
        """GET ``/f/{token}/thanks``: where a customer comes to after submitting."""
        visit, token = Visit.of(request), link_token(request)
        if token is None:
            return self._answers.unknown(visit)
        business = ""
        try:
            form = await self._customers.read(token)
        except LinkUnknown:
            return self._answers.unknown(visit)
        except TryLater:
            pass  # the answer has arrived all the same; only the name is missing
        else:
            if form.state is FormState.OPEN:  # nobody has submitted anything
                return RedirectResponse(visit.url(_path(token)), HTTPStatus.SEE_OTHER)
            business = form.business_name
        say, query = visit.language.say, _with_reference(request.query_params.get("reference", ""))
        hint = [say("thanks.reference.hint")] if query else []
        return self._answers.message(
            visit,
            "thanks",
            HTTPStatus.OK,
            [*hint, say("thanks.lead", business=business), say("thanks.close")],
            action=(visit.url(_path(token)), say("thanks.more")),
            query=query,
        )

    async def _show_form(self, visit: Visit, token: str, submission: Submission) -> Response:
        """Show the form with what was typed into it so far, or what became of it."""
        try:
            form = await self._customers.read(token)
        except LinkUnknown:
            return self._answers.unknown(visit)
        except TryLater as error:
            if submission.is_blank:
                return self._answers.unavailable(visit, visit.url(_path(token)), error)
            return self._again(visit, token, submission, error)
        if not form.takes_answers:
            return self._ended(visit, form)
        return self._form(visit, token, form, submission, HTTPStatus.OK)

    async def _take(self, visit: Visit, token: str, request: Request) -> Response:
        """Take what was posted: an answer, or the wish to read the form in another language."""
        try:
            submission = Submission.of(await read_form(request, MAX_BODY_BYTES))
        except NotPosted as error:
            return self._answers.fault(visit, error.status, limit=MAX_MESSAGE_CHARACTERS)
        if language := LANGUAGES.get(submission.switch):
            return await self._switch(Visit(language, chosen=True), token, submission)
        try:
            await self._limit.check(request)
            return await self._submit(visit, token, submission)
        except LinkUnknown:
            return self._answers.unknown(visit)
        except TryLater as error:
            return self._again(visit, token, submission, error)

    async def _switch(self, visit: Visit, token: str, submission: Submission) -> Response:
        """Show the form in another language, and in it what was typed: nothing of that is sent on, or looked at."""
        if submission.is_blank:  # a page that can be reloaded
            return RedirectResponse(visit.url(_path(token)), HTTPStatus.SEE_OTHER)
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
        thanks = visit.url(f"{_path(token)}/thanks", _with_reference(reference))
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
            "path": visit.url(_path(token)),
            "form_id": FORM_ID,
            "submission": submission,
            "typed": not submission.is_blank,
            "errors": errors or {},
            "is_long": len(form.reply_text) > _LONG_REPLY,
        }
        return self._answers.page(visit, "form.html", status, context)

    def _again(self, visit: Visit, token: str, submission: Submission, error: TryLater) -> HTMLResponse:
        """Return what was typed, in a form that can be sent again; without the service it knows no business."""
        context = {"submission": submission, "errors": {}}
        return self._answers.again(visit, visit.url(_path(token)), error, "again.html", context)

    def _ended(self, visit: Visit, form: Form, state: FormState | None = None) -> HTMLResponse:
        state, language, business = state or form.state, visit.language, form.business_name
        if state is FormState.EXPIRED:
            when = form.expire_time
            lead = language.say("expired.lead", time=language.time(when)) if when else "expired.lead.timeless"
        else:
            lead = language.say(f"{state}.lead", business=business)
        elsewhere = [] if state is FormState.REPLACED else [language.say("ended.elsewhere", business=business)]
        return self._answers.message(visit, state, HTTPStatus.GONE, [lead, *elsewhere], business=business)


def _path(token: str) -> str:
    return f"/f/{quote(token, safe='')}"


def _with_reference(reference: str) -> dict[str, str]:
    """Return the query of the thanks page that shows ``reference``; none if that is no reference."""
    return {"reference": reference} if _REFERENCE.fullmatch(reference) else {}


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
