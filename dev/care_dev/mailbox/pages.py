"""The mailbox's pages and its JSON: the list of emails, and one email, which can do nothing to whoever reads it."""

from http import HTTPStatus

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.templating import Jinja2Templates

from care_dev.mailbox.store import Email, Mailbox, Store
from care_dev.review_site.links import linkify


class Pages:
    """The endpoints over one store."""

    def __init__(self, store: Store) -> None:
        """Show what is in ``store``."""
        self._store = store
        environment = Environment(
            loader=PackageLoader("care_dev.mailbox"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters.update(linkify=linkify)
        self._templates = Jinja2Templates(env=environment)

    def bind(self, app: Starlette) -> None:
        """Let the templates make paths of ``app``: relative ones, which no Host header can change."""
        self._templates.env.globals["path_for"] = app.url_path_for

    async def list_emails(self, request: Request) -> Response:
        """Show the emails, or those for the address that the query names."""
        recipient = request.query_params.get("to") or None
        context = {"list": self._store.list_emails(recipient), "recipient": recipient}
        return self._templates.TemplateResponse(request, "emails.html", context)

    async def show_email(self, request: Request) -> Response:
        """Show one email."""
        return self._templates.TemplateResponse(request, "email.html", {"email": self._email(request)})

    async def delete_emails(self, request: Request) -> Response:
        """Take the button of the list: delete all emails."""
        self._store.clear()
        return RedirectResponse(request.app.url_path_for("list_emails"), status_code=HTTPStatus.SEE_OTHER)

    async def list_json(self, request: Request) -> Response:
        """Return the emails, or those for the address that the query names, the latest first."""
        found = self._store.list_emails(request.query_params.get("to") or None)
        return JSONResponse({"emails": [_json(email) for email in found.emails], "totalSize": found.total})

    async def get_json(self, request: Request) -> Response:
        """Return one email."""
        return JSONResponse(_json(self._email(request)))

    async def get_source(self, request: Request) -> Response:
        """Return one email as it came, as text that no browser takes for anything else."""
        content = self._store.get_content(request.path_params["id"])
        if content is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return Response(content, media_type="text/plain; charset=utf-8")

    async def handle_not_found(self, request: Request, error: Exception) -> Response:
        """Show that there is no such page."""
        del error
        if request.url.path.startswith("/v1/"):
            body = {"code": 404, "status": "NOT_FOUND", "message": "There is no such email; GET /v1/emails lists them."}
            return JSONResponse({"error": body}, status_code=HTTPStatus.NOT_FOUND)
        return self._templates.TemplateResponse(request, "not_found.html", status_code=HTTPStatus.NOT_FOUND)

    def _email(self, request: Request) -> Email:
        email = self._store.get_email(request.path_params["id"])
        if email is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return email


def _json(email: Email) -> dict[str, object]:
    return {
        "id": email.id,
        "receiveTime": email.receive_time.isoformat().replace("+00:00", "Z"),
        "recipients": email.recipients,
        "from": [_mailbox_json(each) for each in email.sender],
        "to": [_mailbox_json(each) for each in email.to],
        "subject": email.subject,
        "messageId": email.message_id,
        "inReplyTo": email.in_reply_to,
        "text": email.text,
        "html": email.html,
    }


def _mailbox_json(mailbox: Mailbox) -> dict[str, str]:
    return {"name": mailbox.name, "address": mailbox.address}
