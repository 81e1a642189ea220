"""The errors that the pages distinguish when a call to the service fails."""

from __future__ import annotations

import math
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar, Final

from care_roles.logs import get_logger

if TYPE_CHECKING:
    from care_client.errors import CareError

DEFAULT_WAIT: Final = timedelta(seconds=10)
"""How long to wait before a retry if the error does not say."""

logger = get_logger(__name__)


class LinkUnknown(Exception):
    """The link is not valid."""


class InvalidFields(Exception):
    """The service refused some fields. ``fields`` contains the names of these fields in the contract."""

    def __init__(self, fields: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(fields)))
        self.fields: Final = fields


class TryLater(Exception):
    """The service cannot be reached or cannot handle the call now. The call may have taken effect."""

    key: ClassVar[str] = "down"
    """The group of texts that explains the error."""
    status: ClassVar[HTTPStatus] = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, wait: timedelta) -> None:
        self.seconds: Final = max(1, math.ceil(wait.total_seconds()))
        """How many seconds to wait before the next attempt."""
        super().__init__(f"in {self.seconds} seconds")


class RateLimited(TryLater):
    """Too many requests came with the link or from the network address in a short time."""

    key = "busy"
    status = HTTPStatus.TOO_MANY_REQUESTS


def convert_error(method: str, error: CareError) -> Exception:
    """Returns the pages' error for a failed call of ``method``.

    A failure that the customer did not cause is logged.
    """
    if error.reason == "LINK_UNKNOWN":
        return LinkUnknown()
    if error.reason == "INVALID_FIELD":
        fields = frozenset(violation.field for violation in error.field_violations)
        return LinkUnknown() if fields == {"token"} else InvalidFields(fields)
    if error.reason == "RATE_LIMITED":
        return RateLimited(error.retry_after or DEFAULT_WAIT)
    log = logger.warning if error.retryable else logger.error
    log("service call failed", method=method, code=error.code.name, reason=error.reason)
    return TryLater(error.retry_after or DEFAULT_WAIT)


def convert_read_error(method: str, error: CareError) -> Exception:
    """Returns the pages' error for a failed call whose only input from the customer is the link's token.

    Returns ``LinkUnknown`` or ``TryLater``, because the token is the only field that the service can refuse.
    """
    return LinkUnknown() if error.reason == "INVALID_FIELD" else convert_error(method, error)
