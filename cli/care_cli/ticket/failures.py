"""Explains a failed call in one line, with the command that helps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from care_cli.ticket.words import bare, one_line
from care_client.errors import CareError, InvalidRequest

EXIT_REFUSED: Final = 1
EXIT_USAGE: Final = 2
EXIT_AGAIN: Final = 3
"""The service was unreachable or busy: the same command may succeed later."""

_HINTS: Final[Mapping[str, str]] = {
    "ALREADY_ASSIGNED": "ask {assignee} to hand it over",
    "CONTENDED": "try again",
    "DATABASE_UNAVAILABLE": "try again in a moment",
    "ETAG_MISMATCH": "look again: care ticket show {ticket}",
    "FORM_LIVE": "wait for the customer's answer, or: care ticket withdraw {ticket}",
    "ILLEGAL_TRANSITION": "see what is possible: care ticket show {ticket}",
    "INVALID_PAGE_TOKEN": "start over",
    "NO_REVIEW": "care ticket contact add {ticket} --email …",
    "NOT_ASSIGNEE": "ask {assignee} to hand it over, or a supervisor to assign it to you",
    "RESOURCE_NOT_FOUND": "check the number, and --organization",
    "ROLE_NOT_ALLOWED": "it needs the role {allowed}",
    "TICKET_CLOSED": "create another ticket: care ticket create",
    "TOKEN_EXPIRED": "get a new token, and set CARE_TOKEN",
    "TOKEN_INVALID": "get a token of this service, and set CARE_TOKEN",
    "UNASSIGNED": "care ticket take {ticket}",
}
_HINTS_BY_CODE: Final[Mapping[str, str]] = {
    "DEADLINE_EXCEEDED": "it may have succeeded: check before you try again",
    "UNAVAILABLE": (
        "is the service up, and at this address? See --address; with TLS set CARE_SERVICE_CA; `make up` starts one"
    ),
    "UNIMPLEMENTED": "the service is older than this program",
}


class _Metadata(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "…"


def explain(error: CareError) -> str:
    """Returns one line: the reason, the service's message, and what to do."""
    problems = [error.message] if error.message else []
    # Care's messages describe each field violation already; another server's may not.
    problems += [
        f"{violation.field}: {violation.description}"
        for violation in error.field_violations
        if violation.description not in error.message
    ]
    if error.reason:
        hint = _HINTS.get(error.reason, "")
    else:
        hint = _HINTS_BY_CODE.get(error.code.name, "")
        # gRPC's own message for a broken connection lists several addresses and does not help.
        problems = problems if not hint else []
    metadata = _Metadata({key: bare(value) if "/" in value else value for key, value in error.metadata.items()})
    message = " ".join(problems)
    line = ": ".join(filter(None, [error.reason or error.code.name, message]))
    return one_line(f"{line} – {hint.format_map(metadata)}" if hint else line)


def exit_status(error: CareError) -> int:
    """Returns the exit status, which tells scripts the kind of failure."""
    if isinstance(error, InvalidRequest):
        return EXIT_USAGE
    return EXIT_AGAIN if error.retryable else EXIT_REFUSED
