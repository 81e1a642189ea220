"""The error line of `care ticket` for a refusal, and the exit status, which tells scripts the kind of failure."""

from __future__ import annotations

from collections.abc import Mapping

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status

from care.v1.error_reason_pb2 import ErrorReason
from care_cli.ticket.failures import _HINTS, exit_status, explain
from care_client.errors import CareError

WITHOUT_HINT = {
    # The message says which field is wrong and what it must be.
    *("INVALID_FIELD", "INVALID_FILTER", "NOT_ASSIGNABLE", "REPORTER_NOT_ALLOWED"),
    # The message says what to do.
    *("CHAT_LOCKED", "TICKET_EXISTS", "TOKEN_MISSING", "TOKEN_KEYS_UNAVAILABLE", "TIME_LIMIT_EXCEEDED"),
    *("RATE_LIMITED", "OVERLOADED", "DRAINING"),
    # The command cannot cause them: it sends a new request_id with each call, and uses no link.
    *("REQUEST_ID_REUSED", "LINK_UNKNOWN", "LINK_EXPIRED", "LINK_WITHDRAWN"),
}


def test_each_reason_has_a_hint_or_needs_none() -> None:
    reasons = {name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys()} - {"UNSPECIFIED"}  # noqa: SIM118 - not a dict
    assert _HINTS.keys() | WITHOUT_HINT == reasons
    assert _HINTS.keys() & WITHOUT_HINT == set()


def error(code: str, reason: str = "", message: str = "", fields: Mapping[str, str] = {}, **metadata: str) -> CareError:
    status = Status(code=grpc.StatusCode[code].value[0], message=message)
    if reason:
        status.details.add().Pack(ErrorInfo(domain="care", reason=reason, metadata=metadata))
    if fields:
        violations = [
            BadRequest.FieldViolation(field=name, description=description) for name, description in fields.items()
        ]
        status.details.add().Pack(BadRequest(field_violations=violations))
    return CareError.from_status(status)


@pytest.mark.parametrize(
    ("code", "reason", "status"),
    [
        ("FAILED_PRECONDITION", "UNASSIGNED", 1),
        ("NOT_FOUND", "RESOURCE_NOT_FOUND", 1),
        ("ABORTED", "ETAG_MISMATCH", 1),
        ("INTERNAL", "", 1),
        ("INVALID_ARGUMENT", "INVALID_FILTER", 2),
        ("ABORTED", "CONTENDED", 3),
        ("UNAVAILABLE", "", 3),
        ("DEADLINE_EXCEEDED", "", 3),
        ("RESOURCE_EXHAUSTED", "RATE_LIMITED", 3),
    ],
)
def test_the_exit_status_depends_on_the_kind_of_failure(code: str, reason: str, status: int) -> None:
    assert exit_status(error(code, reason)) == status


def test_the_line_has_the_reason_the_message_of_the_service_and_the_command_that_helps() -> None:
    given = error("FAILED_PRECONDITION", "UNASSIGNED", "Nobody owns the ticket.", ticket="organizations/acme/tickets/7")
    assert explain(given) == "UNASSIGNED: Nobody owns the ticket. – care ticket take 7"


def test_missing_metadata_leaves_a_gap_in_the_line() -> None:
    assert explain(error("FAILED_PRECONDITION", "UNASSIGNED", "x")) == "UNASSIGNED: x – care ticket take …"


def test_texts_of_the_service_cannot_break_the_line_or_control_the_terminal() -> None:
    given = error("INVALID_ARGUMENT", "INVALID_FIELD", "two\nlines", {"text": "is \x1b[31mred"})
    assert explain(given) == "INVALID_FIELD: two lines text: is �[31mred"


def test_a_mistake_in_a_field_is_reported_once() -> None:
    given = error("INVALID_ARGUMENT", "INVALID_FIELD", "text: is missing", {"text": "is missing"})
    assert explain(given) == "INVALID_FIELD: text: is missing"


def test_the_message_of_grpc_about_a_connection_is_left_out() -> None:
    line = explain(error("UNAVAILABLE", "", "failed to connect to all addresses; last error: ipv4:127.0.0.1:1"))
    assert line.startswith("UNAVAILABLE – is the service up")
    assert "ipv4" not in line
