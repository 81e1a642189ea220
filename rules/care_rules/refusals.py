"""Refusals: why a command is rejected. Each reason is one value of the contract's `ErrorReason`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final

_MOST_VIOLATIONS: Final = 10
"""The maximum number of violations in a refusal.

gRPC clients accept 8 KiB of trailers by default, and the trailers contain each violation three times.
"""


class Reason(StrEnum):
    """The values of `care.v1.ErrorReason` without prefix. The contract documents the metadata of each."""

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
    REPORTER_NOT_ALLOWED = "REPORTER_NOT_ALLOWED"
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
"""How long a client waits before it resumes a stream that the service ended."""


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong with one field of a request, and what to do."""

    field: str
    """The field's path, such as `ticket.subject`."""
    description: str


@dataclass(eq=False)
class Refusal(Exception):
    """A command was rejected. Nothing was written."""

    reason: Reason
    message: str
    """One sentence for a person: what is wrong and what to do."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    violations: tuple[Violation, ...] = ()
    """For INVALID_FIELD: each field that is wrong."""
    retry_after: timedelta | None = None
    """How long to wait before the next attempt. Only for temporary reasons."""

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


class Violations:
    """Collects the violations of a request, so that one refusal lists all of them."""

    def __init__(self) -> None:
        self._found: list[Violation] = []

    def reject(self, field: str, description: str) -> None:
        """Adds a violation, unless there are already ten: an error must fit into the trailers."""
        if len(self._found) < _MOST_VIOLATIONS:
            self._found.append(Violation(field, description))

    def extend(self, violations: Iterable[Violation]) -> None:
        """Adds the violations of a refusal, even beyond ten."""
        self._found.extend(violations)

    def check(self) -> None:
        """Refuses with INVALID_FIELD if there is a violation."""
        if self._found:
            raise invalid(*self._found)


def invalid(*violations: Violation) -> Refusal:
    """Returns the refusal of a request with invalid fields. A violation of the whole request has no field."""
    parts = (f"{each.field}: {each.description}" if each.field else each.description for each in violations)
    message = "; ".join(parts)
    return Refusal(Reason.INVALID_FIELD, message, violations=violations)


def not_found(resource: str) -> Refusal:
    """Returns the refusal for a resource that does not exist, or that belongs to another organization."""
    return Refusal(Reason.RESOURCE_NOT_FOUND, f"{resource} does not exist, or is not yours.", {"resource": resource})


def time_limit_exceeded() -> Refusal:
    """Returns the refusal of a call that took too long: the whole call, or one of its database statements."""
    message = (
        "The call took too long. If it reads, narrow it, for example with a filter. "
        "If it writes, retry it unchanged with the same request_id: the write may have succeeded."
    )
    return Refusal(Reason.TIME_LIMIT_EXCEEDED, message)


def draining() -> Refusal:
    """Returns the refusal that ends a stream when the service shuts down. The client resumes at another replica."""
    message = "The service is shutting down. Resume the stream from its last resume_token."
    return Refusal(Reason.DRAINING, message, retry_after=_RESUME_AFTER)
