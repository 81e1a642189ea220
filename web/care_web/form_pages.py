"""The pages behind a form's link: the form, the thank-you page, and the notices shown in their place.

The form has no token against cross-site request forgery. The pages know no session and set no cookie, and anyone who
has the public link may submit the form from anywhere. A site that makes a browser submit the form achieves nothing
that it could not achieve by submitting the form itself.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.responses import HTMLResponse, RedirectResponse, Response

from care_web.form_body import InvalidFormBody, read_form
from care_web.form_client import Form, FormClient, FormEnded, FormState
from care_web.languages import LANGUAGES
from care_web.request_context import RequestContext, link_token
from care_web.responses import FORM_ID
from care_web.service_errors import InvalidFields, LinkUnknown, TryLater
from care_web.submission import FIELDS, MAX_BODY_BYTES, MAX_MESSAGE_CHARACTERS, Submission

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup
    from starlette.requests import Request

    from care_web.languages import Language
    from care_web.rate_limit import AddressLimit
    from care_web.responses import Responses

_LONG_REPLY: Final = 500
"""Characters. A longer reply pushes the form far down on a phone. So a link to the form precedes the reply."""

_REFERENCE: Final = re.compile(r"[0-9A-F]{4}-[0-9A-F]{4}")
"""Matches a reference number. The thank-you page takes the number from its URL, in which anyone can put any text."""


class FormPages:
    """Handles requests to a form's link."""

    def __init__(self, forms: FormClient, responses: Responses, limit: AddressLimit) -> None:
        self._forms = forms
        self._responses = responses
        self._limit = limit

    async def handle_form(self, request: Request) -> Response:
        """Handles ``GET`` and ``POST /f/{token}``."""
        context, token = RequestContext.from_request(request), link_token(request)
        if token is None:
            return self._responses.unknown_link(context)
        if request.method == "POST":
            return await self._handle_post(context, token, request)
        return await self._show_form(context, token, Submission.empty())

    async def show_thanks(self, request: Request) -> Response:
        """Handles ``GET /f/{token}/thanks``, the page that follows a submission."""
        context, token = RequestContext.from_request(request), link_token(request)
        if token is None:
            return self._responses.unknown_link(context)
        business = ""
        try:
            form = await self._forms.read(token)
        except LinkUnknown:
            return self._responses.unknown_link(context)
        except TryLater:
            pass  # the submission was accepted; only the name of the business is missing
        else:
            if form.state is FormState.OPEN:  # nobody has submitted anything yet
                return RedirectResponse(context.url(_path(token)), HTTPStatus.SEE_OTHER)
            business = form.business_name
        translate, query = context.language.translate, _reference_query(request.query_params.get("reference", ""))
        hint = [translate("thanks.reference.hint")] if query else []
        return self._responses.notice(
            context,
            "thanks",
            HTTPStatus.OK,
            paragraphs=[*hint, translate("thanks.lead", business=business), translate("thanks.close")],
            action=(context.url(_path(token)), translate("thanks.more")),
            query=query,
        )

    async def _show_form(self, context: RequestContext, token: str, submission: Submission) -> Response:
        """Shows the form with the customer's input, or a notice if the form has ended."""
        try:
            form = await self._forms.read(token)
        except LinkUnknown:
            return self._responses.unknown_link(context)
        except TryLater as error:
            if submission.is_blank:
                return self._responses.unavailable(context, context.url(_path(token)), error)
            return self._retry_page(context, token, submission, error)
        if not form.accepts_submissions:
            return self._ended_page(context, form, form.state)
        return self._form_page(context, token, form, submission, HTTPStatus.OK)

    async def _handle_post(self, context: RequestContext, token: str, request: Request) -> Response:
        """Submits the form, or shows it in another language if the customer pressed a button of the language menu."""
        try:
            submission = Submission.from_fields(await read_form(request, MAX_BODY_BYTES))
        except InvalidFormBody as error:
            return self._responses.client_error(context, error.status, limit=MAX_MESSAGE_CHARACTERS)
        if language := LANGUAGES.get(submission.requested_language):
            return await self._switch_language(RequestContext.with_chosen_language(language), token, submission)
        try:
            await self._limit.check(request)
            return await self._submit(context, token, submission)
        except LinkUnknown:
            return self._responses.unknown_link(context)
        except TryLater as error:
            return self._retry_page(context, token, submission, error)

    async def _switch_language(self, context: RequestContext, token: str, submission: Submission) -> Response:
        """Shows the form in another language with the customer's input, which is neither validated nor submitted."""
        if submission.is_blank:  # a redirect leads to a page that can be reloaded
            return RedirectResponse(context.url(_path(token)), HTTPStatus.SEE_OTHER)
        return await self._show_form(context, token, submission)

    async def _submit(self, context: RequestContext, token: str, submission: Submission) -> Response:
        """Submits the form and redirects, so that reloading the next page sends nothing again.

        Raises ``LinkUnknown`` or ``TryLater``; each class says when.
        """
        try:
            reference = await self._forms.submit(token, submission)
        except InvalidFields as error:
            form = await self._forms.read(token)
            if not form.accepts_submissions:
                return self._ended_page(context, form, form.state)
            errors = _field_errors(context.language, error.fields, submission, form)
            return self._form_page(context, token, form, submission, HTTPStatus.UNPROCESSABLE_ENTITY, errors)
        except FormEnded as error:
            form = await self._forms.read(token)
            # If the form still appears to accept submissions, the error is the newer information.
            return self._ended_page(context, form, error.state if form.accepts_submissions else form.state)
        thanks = context.url(f"{_path(token)}/thanks", _reference_query(reference))
        return RedirectResponse(thanks, HTTPStatus.SEE_OTHER)

    def _form_page(
        self,
        context: RequestContext,
        token: str,
        form: Form,
        submission: Submission,
        status: HTTPStatus,
        errors: Mapping[str, Markup] | None = None,
    ) -> HTMLResponse:
        text = context.language.translate_plain
        key = "form" if form.state is FormState.OPEN else form.state
        title = text(f"{key}.title", business=form.business_name)
        variables = {
            "title": text("title.error", title=title) if errors else title,
            "form": form,
            "business": form.business_name,
            "path": context.url(_path(token)),
            "form_id": FORM_ID,
            "submission": submission,
            "errors": errors or {},
            "is_reply_long": len(form.reply_text) > _LONG_REPLY,
        }
        return self._responses.page(context, "form.html", status, variables)

    def _retry_page(self, context: RequestContext, token: str, submission: Submission, error: TryLater) -> HTMLResponse:
        """Returns a form to send the customer's input again. This needs no call of the service."""
        variables = {"submission": submission, "errors": {}}
        return self._responses.retry_form(context, context.url(_path(token)), error, "retry_form.html", variables)

    def _ended_page(self, context: RequestContext, form: Form, state: FormState) -> HTMLResponse:
        translate, business = context.language.translate, form.business_name
        if state is not FormState.EXPIRED:
            lead = translate(f"{state}.lead", business=business)
        elif form.expire_time:
            lead = translate("expired.lead", time=context.language.format_time(form.expire_time))
        else:
            lead = translate("expired.lead.timeless")
        elsewhere = [] if state is FormState.REPLACED else [translate("ended.elsewhere", business=business)]
        return self._responses.notice(context, state, HTTPStatus.GONE, paragraphs=[lead, *elsewhere], business=business)


def _path(token: str) -> str:
    return f"/f/{quote(token, safe='')}"


def _reference_query(reference: str) -> dict[str, str]:
    """Returns the query that makes the thank-you page show ``reference``. Empty if it is not a reference number."""
    return {"reference": reference} if _REFERENCE.fullmatch(reference) else {}


def _field_errors(language: Language, fields: frozenset[str], submission: Submission, form: Form) -> dict[str, Markup]:
    """Returns a text for each refused field, in the order of the page.

    If the page has none of the refused fields, returns one general text with the key ``""``.
    """
    translate = language.translate
    errors: dict[str, Markup] = {field: translate(f"errors.{field}") for field in FIELDS if field in fields}
    if not submission.email and not submission.phone:
        # The service names one of the two fields or both. The page shows one error, at the first field.
        errors.pop("phone", None)
        errors = {"email": translate("errors.contact")} | {k: v for k, v in errors.items() if k != "email"}
    elif "phone" in errors and form.phone_region:
        errors["phone"] = translate("errors.phone.region")
    return errors or {"": translate("errors.other")}
