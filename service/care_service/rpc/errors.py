"""Converts refusals to gRPC statuses with details (AIP-193). `CODES` has the status code of each reason."""

from __future__ import annotations

from typing import Final

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from care_rules.completeness import check_complete
from care_rules.refusals import Reason, Refusal

DOMAIN: Final = "care"
DETAILS_KEY: Final = "grpc-status-details-bin"
"""The key of the trailing metadata that contains `google.rpc.Status`."""

_LONGEST_MESSAGE: Final = 1_200
_LONGEST_VALUE: Final = 400
_LONGEST_DESCRIPTION: Final = 250
"""Limits in bytes. They keep the trailers below 8 KiB, which every client accepts. For longer trailers, gRPC reports
another error instead. The trailers contain the message twice, and base64 makes the details a third longer."""

CODES: Final = check_complete(
    Reason,
    {
        Reason.INVALID_FIELD: grpc.StatusCode.INVALID_ARGUMENT,
        Reason.INVALID_PAGE_TOKEN: grpc.StatusCode.INVALID_ARGUMENT,
        Reason.INVALID_FILTER: grpc.StatusCode.INVALID_ARGUMENT,
        Reason.TOKEN_MISSING: grpc.StatusCode.UNAUTHENTICATED,
        Reason.TOKEN_INVALID: grpc.StatusCode.UNAUTHENTICATED,
        Reason.TOKEN_EXPIRED: grpc.StatusCode.UNAUTHENTICATED,
        Reason.TOKEN_KEYS_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
        Reason.ROLE_NOT_ALLOWED: grpc.StatusCode.PERMISSION_DENIED,
        Reason.NOT_ASSIGNEE: grpc.StatusCode.PERMISSION_DENIED,
        Reason.NOT_ASSIGNABLE: grpc.StatusCode.PERMISSION_DENIED,
        Reason.REPORTER_NOT_ALLOWED: grpc.StatusCode.PERMISSION_DENIED,
        Reason.RESOURCE_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
        Reason.LINK_UNKNOWN: grpc.StatusCode.NOT_FOUND,
        Reason.REQUEST_ID_REUSED: grpc.StatusCode.ALREADY_EXISTS,
        Reason.TICKET_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
        Reason.ILLEGAL_TRANSITION: grpc.StatusCode.FAILED_PRECONDITION,
        Reason.UNASSIGNED: grpc.StatusCode.FAILED_PRECONDITION,
        Reason.ALREADY_ASSIGNED: grpc.StatusCode.FAILED_PRECONDITION,
        Reason.CHAT_LOCKED: grpc.StatusCode.FAILED_PRECONDITION,
        Reason.TICKET_CLOSED: grpc.StatusCode.FAILED_PRECONDITION,
        Reason.NO_REVIEW: grpc.StatusCode.FAILED_PRECONDITION,
        Reason.FORM_LIVE: grpc.StatusCode.FAILED_PRECONDITION,
        Reason.LINK_EXPIRED: grpc.StatusCode.FAILED_PRECONDITION,
        Reason.LINK_WITHDRAWN: grpc.StatusCode.FAILED_PRECONDITION,
        Reason.ETAG_MISMATCH: grpc.StatusCode.ABORTED,
        Reason.CONTENDED: grpc.StatusCode.ABORTED,
        Reason.RATE_LIMITED: grpc.StatusCode.RESOURCE_EXHAUSTED,
        Reason.DATABASE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
        Reason.TIME_LIMIT_EXCEEDED: grpc.StatusCode.DEADLINE_EXCEEDED,
        Reason.OVERLOADED: grpc.StatusCode.RESOURCE_EXHAUSTED,
        Reason.DRAINING: grpc.StatusCode.UNAVAILABLE,
    },
)


def message_of(refusal: Refusal) -> str:
    """Returns the message of the status for a refusal, shortened to the limit of messages."""
    return _shorten(refusal.message, _LONGEST_MESSAGE)


def to_status(refusal: Refusal) -> Status:
    """Returns the status for a refusal. The details always contain ErrorInfo.

    They contain BadRequest if the refusal has violations, and RetryInfo if it has a delay. Texts can contain client
    input of any length, so each text is shortened.
    """
    metadata = {key: _shorten(value, _LONGEST_VALUE) for key, value in refusal.metadata.items()}
    details = [ErrorInfo(reason=refusal.reason.value, domain=DOMAIN, metadata=metadata)]
    packed = [_pack(details[0])]
    if refusal.violations:
        fields = [
            BadRequest.FieldViolation(
                field=violation.field, description=_shorten(violation.description, _LONGEST_DESCRIPTION)
            )
            for violation in refusal.violations
        ]
        packed.append(_pack(BadRequest(field_violations=fields)))
    if refusal.retry_after is not None:
        delay = Duration()
        delay.FromTimedelta(refusal.retry_after)
        packed.append(_pack(RetryInfo(retry_delay=delay)))
    return Status(code=CODES[refusal.reason].value[0], message=message_of(refusal), details=packed)


def _shorten(text: str, longest: int) -> str:
    """Cuts a text that has more than `longest` bytes in a gRPC header, and adds `…`.

    The encoding has one byte for a printable ASCII character, and three (`%F0`) for `%` and for each other byte.
    """
    length = 0
    for at, character in enumerate(text):
        length += 1 if " " <= character <= "~" and character != "%" else 3 * len(character.encode())
        if length > longest:
            return f"{text[:at]}…"
    return text


def _pack(detail: ErrorInfo | BadRequest | RetryInfo) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(detail)
    return packed
