"""The endpoints that need no link: the root page, the health check and error pages."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response

from care_web.request_context import RequestContext

if TYPE_CHECKING:
    from starlette.exceptions import HTTPException
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import HTMLResponse

    from care_web.responses import Responses


class SitePages:
    """Handles requests that have no link's token."""

    def __init__(self, responses: Responses) -> None:
        self._responses = responses

    async def show_root(self, request: Request) -> Response:
        """Handles ``GET /``, the page that explains what this site is for."""
        context = RequestContext.from_request(request)
        return self._responses.notice(context, "root", HTTPStatus.OK, paragraphs=["root.lead", "root.advice"])

    async def check_health(self, request: Request) -> Response:
        """Handles ``GET /healthz``. Reports that this process serves requests.

        This does not check the health of the service, because a restart of this process would not restore the service.
        """
        del request
        return PlainTextResponse("ok\n")

    async def handle_http_error(self, request: Request, error: HTTPException) -> Response:
        """Shows the page for an error that the router raised, such as an unknown path."""
        context = RequestContext.from_request(request)
        return self._responses.client_error(context, HTTPStatus(error.status_code), error.headers)

    def internal_error(self, request: HTTPConnection) -> HTMLResponse:
        """Returns the page for an unexpected exception."""
        return self._responses.internal_error(RequestContext.from_request(request))
