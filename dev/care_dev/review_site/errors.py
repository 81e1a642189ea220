"""The errors of the site's API, in the form of Google's APIs (AIP-193): a JSON object with code, status and message."""

from enum import StrEnum
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse


class Reason(StrEnum):
    """What was wrong, for programs; each belongs to one HTTP status."""

    INVALID_FIELD = "INVALID_FIELD"
    TOO_LONG = "TOO_LONG"
    LINKS_NOT_ALLOWED = "LINKS_NOT_ALLOWED"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    CROSS_SITE_REQUEST = "CROSS_SITE_REQUEST"
    REVIEW_NOT_FOUND = "REVIEW_NOT_FOUND"
    REPLY_NOT_FOUND = "REPLY_NOT_FOUND"
    DOWN = "DOWN"


_STATUS = {
    Reason.CROSS_SITE_REQUEST: (HTTPStatus.FORBIDDEN, "PERMISSION_DENIED"),
    Reason.REVIEW_NOT_FOUND: (HTTPStatus.NOT_FOUND, "NOT_FOUND"),
    Reason.REPLY_NOT_FOUND: (HTTPStatus.NOT_FOUND, "NOT_FOUND"),
    Reason.DOWN: (HTTPStatus.SERVICE_UNAVAILABLE, "UNAVAILABLE"),
}
_INVALID = (HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT")


class ApiError(Exception):
    """A request that the site does not carry out."""

    def __init__(self, reason: Reason, message: str) -> None:
        """Take a message of one line that says what to do."""
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.code, self.status = _STATUS.get(reason, _INVALID)


def error_response(error: ApiError) -> JSONResponse:
    """Return the API's answer for ``error``."""
    body = {"code": error.code, "status": error.status, "reason": error.reason, "message": error.message}
    return JSONResponse({"error": body}, status_code=error.code)


async def handle_api_error(request: Request, error: Exception) -> JSONResponse:
    """Answer a request that ended in an ``ApiError``."""
    del request
    if not isinstance(error, ApiError):
        raise error
    return error_response(error)
