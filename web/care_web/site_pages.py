"""The pages that belong to no link."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response

from care_web.visit import Visit

if TYPE_CHECKING:
    from starlette.exceptions import HTTPException
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import HTMLResponse

    from care_web.answers import Answers


class SitePages:
    """The endpoints."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def show_root(self, request: Request) -> Response:
        """GET ``/``: say what this site is for."""
        return self._answers.message(Visit.of(request), "root", HTTPStatus.OK, ["root.lead", "root.advice"])

    async def check_health(self, request: Request) -> Response:
        """GET ``/healthz``: whether this process serves; not whether the service does, as a restart would not help."""
        del request
        return PlainTextResponse("ok\n")

    async def handle_http_error(self, request: Request, error: HTTPException) -> Response:
        """Show what the router refused, such as a path that does not exist."""
        return self._answers.fault(Visit.of(request), HTTPStatus(error.status_code), error.headers)

    def broken(self, request: HTTPConnection) -> HTMLResponse:
        """Return the page for a mistake of ours."""
        return self._answers.broken(Visit.of(request))
