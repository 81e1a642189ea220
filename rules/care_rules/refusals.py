"""Refusals: why a command is not carried out. Each reason exists once, as one value of the contract's `ErrorReason`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final

_MOST_VIOLATIONS: Final = 10
"""gRPC clients accept 8 KiB of trailers by default, and each violation is in them three times."""


class Reason(StrEnum):
    """The bare words of `care.v1.ErrorReason`, which documents each one's metadata."""

    INVALID_FIELD = "INVALID_FIELD"
    INVALID_PAGE_TOKEN = "INVALID_PAGE_TOKEN"  # noqa: S105 - a reason, not a secret
    INVALID_FILTER = "INVALID_FILTER"
    TOKEN_MISSING = "TOKEN_MISSING"  # noqa: S105 - a reason, not a secret
    TOKEN_INVALID = "TOKEN_INVALID"  # noqa: S105 - a reason, not a secret
    TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105 - a reason, not a secret
    TOKEN_KEYS_UNAVAILABLE = "TOKEN_KEYS_UNAVAILABLE"  # noqa: S105 - a reason, not a secret
    ROLE_NOT_ALLOWED = "ROLE_NOT_ALLOWED"
    NOT_ASSIGNEE = "NOT_ASSIGNEE"
    NOT_ASSIGNABLE = "NOT_ASSIGNABLE"
    NOT_REPORTABLE = "NOT_REPORTABLE"
    RESOURCE_NOT_FOUND = "RESOURCE_NOT_FOUND"
    LINK_UNKNOWN = "LINK_UNKNOWN"
    REQUEST_ID_REUSED = "REQUEST_ID_REUSED"
    TICKET_EXISTS = "TICKET_EXISTS"
    ILLEGAL_TRANSITION = "ILLEGAL_TRANSITION"
    UNASSIGNED = "UNASSIGNED"
    ALREADY_ASSIGNED = "ALREADY_ASSIGNED"
    CHAT_LOCKED = "CHAT_LOCKED"
    TICKET_CLOSED = "TICKET_CLOSED"
    NO_REVIEW = "NO_REVIEW"
    FORM_LIVE = "FORM_LIVE"
    LINK_EXPIRED = "LINK_EXPIRED"
    LINK_WITHDRAWN = "LINK_WITHDRAWN"
    ETAG_MISMATCH = "ETAG_MISMATCH"
    CONTENDED = "CONTENDED"
    RATE_LIMITED = "RATE_LIMITED"
    DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"
    TIME_LIMIT_EXCEEDED = "TIME_LIMIT_EXCEEDED"
    OVERLOADED = "OVERLOADED"
    DRAINING = "DRAINING"


_RESUME_AFTER: Final = timedelta(seconds=1)
"""When a stream that the service ended may be resumed."""


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong with one field of a request, and what to do."""

    field: str
    """The field's path, such as `ticket.subject`."""
    description: str


@dataclass(eq=False)
class Refusal(Exception):
    """A command that is not carried out; nothing was written."""

    reason: Reason
    message: str
    """One sentence for a person: what is wrong and what to do."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    violations: tuple[Violation, ...] = ()
    """For INVALID_FIELD: each field that is wrong."""
    retry_after: timedelta | None = None
    """For reasons that pass by themselves: how long to wait."""

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


class Violations:
    """Collects what is wrong with a request, so that one refusal names all of it."""

    def __init__(self) -> None:
        self._found: list[Violation] = []

    def reject(self, field: str, description: str) -> None:
        """Adds a violation. After the first ten, further ones are dropped: an error has to fit into trailers."""
        if len(self._found) < _MOST_VIOLATIONS:
            self._found.append(Violation(field, description))

    def extend(self, violations: Iterable[Violation]) -> None:
        """Adds the violations of a refusal."""
        self._found.extend(violations)

    def check(self) -> None:
        """Refuses with INVALID_FIELD if anything is wrong."""
        if self._found:
            raise invalid(*self._found)


def invalid(*violations: Violation) -> Refusal:
    """Makes the refusal of a request with bad fields."""
    words = "; ".join(f"{violation.field}: {violation.description}" for violation in violations)
    return Refusal(Reason.INVALID_FIELD, words, violations=violations)


def not_found(resource: str) -> Refusal:
    """Makes the refusal for a resource that does not exist, or that is another organization's."""
    return Refusal(Reason.RESOURCE_NOT_FOUND, f"{resource} does not exist, or is not yours.", {"resource": resource})


def time_limit_exceeded() -> Refusal:
    """Makes the refusal of a call that reached a limit of the service's own: its whole time, or that of a statement."""
    words = "The call took too long: ask for less, or call again with the same request_id."
    return Refusal(Reason.TIME_LIMIT_EXCEEDED, words)


def draining() -> Refusal:
    """Makes the orderly end of a stream: the service stops, and the client goes on elsewhere."""
    words = "The service stops: resume the stream from its last resume_token."
    return Refusal(Reason.DRAINING, words, retry_after=_RESUME_AFTER)
