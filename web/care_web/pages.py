"""The pages behind a form's link: the form, the thanks, and what is shown instead of them.

There is no token against cross-site request forgery, because there is nothing to forge: the pages know no session and
set no cookie. Whoever has the link, which is public, may submit, and from anywhere; another site that makes a
visitor's browser do so gains nothing that it could not send itself.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from care_web.customers import Customers, Form, FormState, LinkEnded, LinkUnknown, NotAccepted, TooMany, TryLater
from care_web.rendering import say, tell
from care_web.submission import FIELDS, MEDIA_TYPE, Submission, TooLarge, Unreadable, read_body
from care_web.texts import ENGLISH, describe_time, describe_wait

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup
    from starlette.exceptions import HTTPException
    from starlette.requests import Request

    from care_web.rate_limit import AddressLimit
    from care_web.rendering import Renderer

_MAX_TOKEN_CHARACTERS: Final = 200
"""Several times the length of ours; what is longer is no link of ours, and not worth a call."""

_LONG_REPLY: Final = 500
"""From so many characters on, a phone shows the form so far down that a link to it helps."""

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

    async def handle_form(self, request: Request) -> Response:
        """GET or POST ``/f/{token}``."""
        token = _token(request)
        if token is None:
            return self._unknown()
        return await (self._submit(request, token) if request.method == "POST" else self._show_form(token))

    async def show_thanks(self, request: Request) -> Response:
        """GET ``/f/{token}/thanks``: where a customer comes to after submitting."""
        token = _token(request)
        if token is None:
            return self._unknown()
        business = ""
        try:
            form = await self._customers.read(token)
        except LinkUnknown:
            return self._unknown()
        except TryLater:
            pass  # the answer has arrived all the same; only the name is missing
        else:
            if form.state is FormState.OPEN:  # nobody has submitted anything
                return RedirectResponse(_form_path(token), HTTPStatus.SEE_OTHER)
            business = form.business_name
        lead = say("thanks.lead", business=business) if business else say("thanks.lead.unnamed")
        return self._message(
            "thanks",
            HTTPStatus.OK,
            [lead, say("thanks.close")],
            tone="done",
            action=(_form_path(token), ENGLISH["thanks.more"]),
        )

    async def show_root(self, request: Request) -> Response:
        """GET ``/``: say what this site is for."""
        del request
        return self._message("root", HTTPStatus.OK, [say("root.lead"), say("root.advice")])

    async def check_health(self, request: Request) -> Response:
        """GET ``/healthz``: whether this process serves; not whether the service does, as a restart would not help."""
        del request
        return PlainTextResponse("ok\n")

    async def handle_http_error(self, request: Request, error: HTTPException) -> Response:
        """Show what the router refused, such as a path that does not exist."""
        del request
        return self.fault(HTTPStatus(error.status_code), error.headers)

    def fault(self, status: HTTPStatus, headers: Mapping[str, str] | None = None) -> HTMLResponse:
        """Return the page for a request that the pages themselves do not make."""
        name = _FAULTS.get(status, "unreadable")
        advice = [say("missing.advice")] if name == "missing" else []
        return self._message(name, status, [say(f"{name}.lead"), *advice], headers=headers)

    def broken(self) -> HTMLResponse:
        """Return the page for a mistake of ours."""
        return self._message("broken", HTTPStatus.INTERNAL_SERVER_ERROR, [say("broken.lead")])

    async def _show_form(self, token: str) -> Response:
        """Show the form, or what became of it."""
        try:
            form = await self._customers.read(token)
        except LinkUnknown:
            return self._unknown()
        except TryLater as error:
            return self._unavailable(token, error.seconds)
        if not form.takes_answers:
            return self._ended(form)
        return self._form(token, form, Submission.empty(), HTTPStatus.OK)

    async def _submit(self, request: Request, token: str) -> Response:
        """Take an answer, then redirect, so that reloading the next page sends nothing."""
        if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
            return self.fault(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        try:
            submission = Submission.parse(await read_body(request))
        except TooLarge:
            return self.fault(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        except Unreadable:
            return self.fault(HTTPStatus.BAD_REQUEST)
        # Behind a proxy, uvicorn has put the customer's own address here; without one it is the connection's.
        if wait := await self._limit.admit(request.client.host if request.client else ""):
            return self._again(token, submission, TooMany(wait))
        try:
            return await self._pass_on(token, submission)
        except LinkUnknown:
            return self._unknown()
        except TryLater as error:
            return self._again(token, submission, error)

    async def _pass_on(self, token: str, submission: Submission) -> Response:
        """Submit; of what that raises, ``LinkUnknown`` and ``TryLater`` are left to the caller, as of a second call."""
        try:
            await self._customers.submit(token, submission)
        except NotAccepted as error:
            form = await self._customers.read(token)
            if not form.takes_answers:
                return self._ended(form)
            errors = _errors(error.fields, submission, form)
            return self._form(token, form, submission, HTTPStatus.UNPROCESSABLE_ENTITY, errors)
        except LinkEnded as error:
            form = await self._customers.read(token)
            # What it says was a moment ago; the refusal counts.
            return self._ended(form, error.state if form.takes_answers else form.state)
        return RedirectResponse(f"{_form_path(token)}/thanks", HTTPStatus.SEE_OTHER)

    def _form(
        self,
        token: str,
        form: Form,
        submission: Submission,
        status: HTTPStatus,
        errors: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        business = form.business_name or ENGLISH["business"]
        title = tell(f"{form.state}.title" if form.state is FormState.ANSWERED else "form.title", business=business)
        context = {
            "title": tell("title.error", title=title) if errors else title,
            "form": form,
            "business": business,
            "path": _form_path(token),
            "submission": submission,
            "errors": errors or {},
            "is_long": len(form.reply_text) > _LONG_REPLY,
        }
        return self._renderer.page("form.html", status, context)

    def _again(self, token: str, submission: Submission, error: TryLater) -> HTMLResponse:
        """Return what was typed, in a form that can be sent again; without the service it knows no business."""
        name = "busy" if isinstance(error, TooMany) else "down"
        status = HTTPStatus.TOO_MANY_REQUESTS if isinstance(error, TooMany) else HTTPStatus.SERVICE_UNAVAILABLE
        context = {
            "title": tell("title.error", title=tell(f"{name}.title")),
            "name": name,
            "wait": describe_wait(error.seconds),
            "path": _form_path(token),
            "submission": submission,
            "errors": {},
        }
        return self._renderer.page("again.html", status, context, _retry_after(error.seconds))

    def _ended(self, form: Form, state: FormState | None = None) -> HTMLResponse:
        state = state or form.state
        business = form.business_name or ENGLISH["business"]
        lead = say(f"{state}.lead", business=business)
        if state is FormState.EXPIRED:
            when = describe_time(form.expire_time) if form.expire_time else ""
            lead = lead + f" {when}." if when else lead
        elsewhere = [] if state is FormState.REPLACED else [say("ended.elsewhere", business=business)]
        return self._message(state, HTTPStatus.GONE, [lead, *elsewhere], business=business)

    def _unknown(self) -> HTMLResponse:
        return self._message("unknown", HTTPStatus.NOT_FOUND, [say("unknown.lead"), say("unknown.advice")])

    def _unavailable(self, token: str, seconds: int) -> HTMLResponse:
        return self._message(
            "unavailable",
            HTTPStatus.SERVICE_UNAVAILABLE,
            [say("unavailable.lead", wait=describe_wait(seconds))],
            action=(_form_path(token), ENGLISH["unavailable.retry"]),
            headers=_retry_after(seconds),
        )

    def _message(
        self,
        name: str,
        status: HTTPStatus,
        paragraphs: list[Markup],
        *,
        tone: str = "plain",
        business: str = "",
        action: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        context = {
            "title": tell(f"{name}.title"),
            "name": name,
            "tone": tone,
            "business": business,
            "paragraphs": paragraphs,
            "action": action,
        }
        return self._renderer.page("message.html", status, context, headers)


def _token(request: Request) -> str | None:
    """Return the token of the path; None if it can't be one of ours."""
    token = str(request.path_params["token"])
    return token if len(token) <= _MAX_TOKEN_CHARACTERS else None


def _form_path(token: str) -> str:
    return f"/f/{quote(token, safe='')}"


def _retry_after(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(seconds)}


def _errors(refused: frozenset[str], submission: Submission, form: Form) -> dict[str, str]:
    """Return what to say about the refused fields, in the order of the page; of an unknown field under ``""``."""
    errors: dict[str, str] = {field: ENGLISH[f"errors.{field}"] for field in FIELDS if field in refused}
    if not submission.email and not submission.phone:
        # The service names one of the two or both; it is one mistake, told at the first.
        errors.pop("phone", None)
        errors = {"email": ENGLISH["errors.contact"]} | {k: v for k, v in errors.items() if k != "email"}
    elif "phone" in errors and form.phone_region:
        errors["phone"] = ENGLISH["errors.phone.region"]
    return errors or {"": ENGLISH["errors.other"]}
