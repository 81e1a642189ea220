"""What failed calls raise, made from the details of `google.rpc`: a class for each kind that callers tell apart.

CareError
├── InvalidRequest          INVALID_ARGUMENT: a field, a filter or a page token is wrong; see `field_violations`
├── Unauthenticated         UNAUTHENTICATED: the token is missing, wrong or over
├── PermissionDenied        PERMISSION_DENIED: somebody else may, such as the assignee
├── NotFound                NOT_FOUND
├── AlreadyExists           ALREADY_EXISTS: such as the review's ticket, which `metadata` names
├── FailedPrecondition      FAILED_PRECONDITION: not now, as the ticket stands
│   └── IllegalTransition   the state machine refuses; see `machine`, `state` and `allowed`
├── Conflict                ABORTED: others changed the same ticket; after ETAG_MISMATCH read it again and decide again
├── ResourceExhausted       RESOURCE_EXHAUSTED: too much, or too often; see `retry_after`
├── Unavailable             UNAVAILABLE: the service, or its database, can't be reached
└── DeadlineExceeded        DEADLINE_EXCEEDED: no answer in time

Whatever has another code is a `CareError` itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final, cast

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

DOMAIN: Final = "care"
"""The ``ErrorInfo.domain`` of errors that Care itself gives."""

_RETRYABLE_CODES: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
_CONTENDED: Final = "CONTENDED"
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A field of the request that was refused."""

    field: str
    """Path of the field, as in ``BadRequest.FieldViolation``."""
    description: str
    """What is wrong with it and what to do."""


class CareError(Exception):
    """A call failed.

    ``str()`` holds code, reason and the names of fields, as what a request contained must not get into logs by it;
    ``message`` and ``field_violations`` say what is wrong with them.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: str = "",
        *,
        message: str = "",
        metadata: Mapping[str, str] | None = None,
        field_violations: Sequence[FieldViolation] = (),
        retry_after: timedelta | None = None,
    ) -> None:
        fields = ", ".join(violation.field for violation in field_violations if violation.field)
        super().__init__(": ".join(filter(None, [code.name, reason, fields])))
        self.code: Final = code
        self.reason: Final = reason
        """Bare word of ``care.v1.ErrorReason``, such as ``TICKET_CLOSED``; empty where Care itself did not answer."""
        self.message: Final = message
        """The words for developers that came with the error; they may quote the request."""
        self.metadata: Final[Mapping[str, str]] = MappingProxyType(dict(metadata or {}))
        """What ``care.v1.ErrorReason`` documents for the reason."""
        self.field_violations: Final = tuple(field_violations)
        self.retry_after: Final = retry_after
        """How long to wait at least before the next try; None if the error does not say."""

    @property
    def machine(self) -> str:
        """The state machine that refused, ``status`` or ``recovery``; empty where none did."""
        return self.metadata.get("machine", "")

    @property
    def state(self) -> str:
        """That machine's present state, by its bare word; empty where none refused."""
        return self.metadata.get("state", "")

    @property
    def allowed(self) -> tuple[str, ...]:
        """The triggers that it has from that state; for ROLE_NOT_ALLOWED, the roles that may call the method.

        Triggers are the state machine's words, and some are the system's own: draw buttons from ``Ticket.actions``.
        """
        return tuple(filter(None, self.metadata.get("allowed", "").split(",")))

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later; a call that writes needs its own ``request_id`` for that.

        UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED unless gRPC itself says so (of a message that is too long),
        and ABORTED with CONTENDED; after ETAG_MISMATCH the caller has to read and decide again instead.
        """
        if self.code is grpc.StatusCode.ABORTED:
            return self.reason == _CONTENDED
        if self.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return self.retry_after is not None or bool(self.reason)
        return self.code in _RETRYABLE_CODES

    @staticmethod
    def from_rpc_error(error: grpc.aio.AioRpcError) -> "CareError":
        """Return the error of the class that fits ``error``.

        Details of other domains or without meaning here are left out.
        """
        status = _status(error) or Status()
        return _make(error.code(), error.details() or "", status.details)

    @staticmethod
    def from_status(status: Status) -> "CareError":
        """Return the error of a status that is not OK, such as ``BatchTicketResult.status`` of one item of a batch."""
        return _make(_CODES.get(status.code, grpc.StatusCode.UNKNOWN), status.message, status.details)


class InvalidRequest(CareError):
    """INVALID_ARGUMENT: the request itself is wrong; ``field_violations`` say where and what to do."""


class Unauthenticated(CareError):
    """UNAUTHENTICATED: the bearer token is missing, wrong or over."""


class PermissionDenied(CareError):
    """PERMISSION_DENIED: this caller may not, but somebody else may."""


class NotFound(CareError):
    """NOT_FOUND: there is no such resource, or it belongs to another organization."""


class AlreadyExists(CareError):
    """ALREADY_EXISTS: what was to be made is there; ``metadata`` names it."""


class FailedPrecondition(CareError):
    """FAILED_PRECONDITION: not as the ticket stands now."""


class IllegalTransition(FailedPrecondition):
    """The state machine refuses: ``machine`` says which, ``state`` where it stands, ``allowed`` what it would take."""


class Conflict(CareError):
    """ABORTED: others changed the ticket. Read it again and decide again, or, where ``retryable``, just call again."""


class ResourceExhausted(CareError):
    """RESOURCE_EXHAUSTED: too much or too often; ``retry_after`` may say how long to wait."""


class Unavailable(CareError):
    """UNAVAILABLE: the service or its database can't be reached; retries within the deadline have been made."""


class DeadlineExceeded(CareError):
    """DEADLINE_EXCEEDED: no answer in time. Whether it was done is unknown."""


_CLASSES: Final[Mapping[grpc.StatusCode, type[CareError]]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.ABORTED: Conflict,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
}


@contextmanager
def care_errors() -> Iterator[None]:
    """Turn failed calls into ``CareError``: for stubs on a channel that ``care_client`` did not open.

    Those of ``CareClient.connect`` and ``open_channel`` raise it by themselves.
    """
    try:
        yield
    except grpc.aio.AioRpcError as error:
        failure = CareError.from_rpc_error(error)
        # The cause is dropped: its text holds what the server said, which may quote the request.
        raise failure from None


def _make(code: grpc.StatusCode, message: str, details: Sequence[Any]) -> CareError:
    info, bad_request, retry = ErrorInfo(), BadRequest(), RetryInfo()
    for detail in details:
        for found in (info, bad_request, retry):
            _unpack(detail, found)
    if info.domain != DOMAIN:
        info = ErrorInfo()
    kind = _CLASSES.get(code, CareError)
    if kind is FailedPrecondition and "machine" in info.metadata:
        kind = IllegalTransition
    return kind(
        code,
        info.reason,
        message=message,
        metadata=info.metadata,
        field_violations=[FieldViolation(v.field, v.description) for v in bad_request.field_violations],
        retry_after=retry.retry_delay.ToTimedelta() if retry.HasField("retry_delay") else None,
    )


def _unpack(detail: Any, message: Message) -> None:
    try:
        detail.Unpack(message)
    except DecodeError:
        message.Clear()  # says nothing that could be relied on


def _status(error: grpc.aio.AioRpcError) -> Status | None:
    """Return the rich status of ``error``; None if it has none, or one that contradicts the error's own code."""
    try:
        # It reads nothing but code, details and trailing metadata, which this exception has like a call does.
        return cast("Status | None", rpc_status.from_call(cast("grpc.Call", error)))
    except (ValueError, DecodeError):
        return None
