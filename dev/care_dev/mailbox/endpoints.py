"""The mailbox's HTTP endpoints: the list of emails and one email, as pages and as JSON.

The page of an email shows its HTML in a sandboxed frame, which runs nothing and loads nothing.
"""

from http import HTTPStatus

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.templating import Jinja2Templates

from care_dev.mailbox.store import Email, EmailStore, NamedAddress
from care_dev.review_site.links import linkify


class Endpoints:
    """Serves the emails of one store."""

    def __init__(self, store: EmailStore) -> None:
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
        """Adds `path_for` to the templates. It returns a path of `app`, without a host from the Host header."""
        self._templates.env.globals["path_for"] = app.url_path_for

    async def list_emails(self, request: Request) -> Response:
        """Shows all emails, or those for the address in the query parameter `to`; at most `LISTED_EMAILS`."""
        recipient = request.query_params.get("to") or None
        context = {"list": self._store.list_emails(recipient), "recipient": recipient}
        return self._templates.TemplateResponse(request, "emails.html", context)

    async def show_email(self, request: Request) -> Response:
        """Shows one email."""
        return self._templates.TemplateResponse(request, "email.html", {"email": self._email(request)})

    async def delete_emails(self, request: Request) -> Response:
        """Deletes all emails, for the button of the list."""
        self._store.clear()
        return RedirectResponse(request.app.url_path_for("list_emails"), status_code=HTTPStatus.SEE_OTHER)

    async def list_json(self, request: Request) -> Response:
        """Returns the emails that `list_emails` shows, as JSON."""
        found = self._store.list_emails(request.query_params.get("to") or None)
        return JSONResponse({"emails": [_json(email) for email in found.emails], "totalSize": found.total})

    async def get_json(self, request: Request) -> Response:
        """Returns one email."""
        return JSONResponse(_json(self._email(request)))

    async def get_source(self, request: Request) -> Response:
        """Returns the source of one email as plain text, which no browser renders as HTML."""
        content = self._store.get_content(request.path_params["id"])
        if content is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return Response(content, media_type="text/plain; charset=utf-8")

    async def handle_not_found(self, request: Request, error: Exception) -> Response:
        """Returns the response for an unknown path or email: JSON below `/v1/`, and a page elsewhere."""
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
        "from": [_address_json(each) for each in email.sender],
        "to": [_address_json(each) for each in email.to],
        "subject": email.subject,
        "messageId": email.message_id,
        "inReplyTo": email.in_reply_to,
        "text": email.text,
        "html": email.html,
    }


def _address_json(named: NamedAddress) -> dict[str, str]:
    return {"name": named.name, "address": named.address}
