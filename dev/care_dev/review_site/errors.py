"""The errors of the site's API, in the format of AIP-193: a JSON object with code, status, reason and message."""

from enum import StrEnum
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse


class Reason(StrEnum):
    """Machine-readable cause of the error. Each reason has one HTTP status."""

    INVALID_FIELD = "INVALID_FIELD"
    TOO_LONG = "TOO_LONG"
    LINKS_NOT_ALLOWED = "LINKS_NOT_ALLOWED"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    CROSS_SITE_REQUEST = "CROSS_SITE_REQUEST"
    REVIEW_NOT_FOUND = "REVIEW_NOT_FOUND"
    REPLY_NOT_FOUND = "REPLY_NOT_FOUND"
    SITE_DOWN = "SITE_DOWN"


_STATUS = {
    Reason.CROSS_SITE_REQUEST: (HTTPStatus.FORBIDDEN, "PERMISSION_DENIED"),
    Reason.REVIEW_NOT_FOUND: (HTTPStatus.NOT_FOUND, "NOT_FOUND"),
    Reason.REPLY_NOT_FOUND: (HTTPStatus.NOT_FOUND, "NOT_FOUND"),
    Reason.SITE_DOWN: (HTTPStatus.SERVICE_UNAVAILABLE, "UNAVAILABLE"),
}
_DEFAULT_STATUS = (HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT")


class ApiError(Exception):
    """A refused request. The message is one line and says what to do."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.code, self.status = _STATUS.get(reason, _DEFAULT_STATUS)


def error_response(error: ApiError) -> JSONResponse:
    """Returns the response for `error`."""
    body = {"code": error.code, "status": error.status, "reason": error.reason, "message": error.message}
    return JSONResponse({"error": body}, status_code=error.code)


async def handle_api_error(request: Request, error: Exception) -> JSONResponse:
    """Turns an ApiError into its response."""
    del request
    if not isinstance(error, ApiError):
        raise error
    return error_response(error)
