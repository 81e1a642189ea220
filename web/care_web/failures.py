"""How a call to the service can fail, in the words of the pages."""

from __future__ import annotations

import math
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar, Final

from care_roles.logs import get_logger

if TYPE_CHECKING:
    from care_client.errors import CareError

DEFAULT_WAIT: Final = timedelta(seconds=10)

logger = get_logger(__name__)


class LinkUnknown(Exception):
    """The link is none of ours."""


class NotAccepted(Exception):
    """The service refused some fields; ``fields`` names them as the contract does."""

    def __init__(self, fields: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(fields)))
        self.fields: Final = fields


class TryLater(Exception):
    """The service can't be reached or can't do it just now; it may have been done all the same."""

    name: ClassVar[str] = "down"
    """What its texts start with."""
    status: ClassVar[HTTPStatus] = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, wait: timedelta) -> None:
        self.seconds: Final = max(1, math.ceil(wait.total_seconds()))
        """How long to wait before the next try."""
        super().__init__(f"in {self.seconds} seconds")


class TooMany(TryLater):
    """The link, or the address, sent too much in a short time."""

    name = "busy"
    status = HTTPStatus.TOO_MANY_REQUESTS


def refusal(method: str, error: CareError) -> Exception:
    """Return what the pages make of a call that failed; tells the operator of what is no customer's mistake."""
    if error.reason == "LINK_UNKNOWN":
        return LinkUnknown()
    if error.reason == "INVALID_FIELD":
        fields = frozenset(violation.field for violation in error.field_violations)
        return LinkUnknown() if fields == {"token"} else NotAccepted(fields)
    if error.reason == "RATE_LIMITED":
        return TooMany(error.retry_after or DEFAULT_WAIT)
    log = logger.warning if error.retryable else logger.error
    log("service call failed", method=method, code=error.code.name, reason=error.reason)
    return TryLater(error.retry_after or DEFAULT_WAIT)


def reading_refusal(method: str, error: CareError) -> Exception:
    """Return the same for a call that has no fields of a customer's: ``LinkUnknown`` or ``TryLater``."""
    # A token so odd that the field itself is refused is an unknown link like any other.
    return LinkUnknown() if error.reason == "INVALID_FIELD" else refusal(method, error)
