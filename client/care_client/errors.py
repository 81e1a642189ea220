"""The exceptions that failed calls raise, with the details of `google.rpc`. Each kind of error has a class.

CareError
├── InvalidRequest          INVALID_ARGUMENT: a field, a filter or a page token is invalid; see `field_violations`
├── Unauthenticated         UNAUTHENTICATED: the token is missing, invalid or expired
├── PermissionDenied        PERMISSION_DENIED: the caller may not do this, but others may, such as the assignee
├── NotFound                NOT_FOUND
├── AlreadyExists           ALREADY_EXISTS: such as the review's ticket, whose name is in `metadata`
├── FailedPrecondition      FAILED_PRECONDITION: not possible in the ticket's current state
│   └── IllegalTransition   a state machine does not allow it; see `machine`, `state` and `allowed`
├── Conflict                ABORTED: another call changed the resource; after ETAG_MISMATCH, read it and decide again
├── ResourceExhausted       RESOURCE_EXHAUSTED: a limit is reached; see `retry_after`
├── Unavailable             UNAVAILABLE: the service or its database cannot be reached
└── DeadlineExceeded        DEADLINE_EXCEEDED: no response in time

An error with any other code is a plain `CareError`.
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
"""The ``ErrorInfo.domain`` of errors that come from Care itself."""

_RETRYABLE_CODES: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
_CONTENDED: Final = "CONTENDED"
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A field of the request that the service refused."""

    field: str
    """The path of the field, as in ``BadRequest.FieldViolation``."""
    description: str
    """What is wrong and what to do."""


class CareError(Exception):
    """A call failed.

    ``str()`` contains only the code, the reason and the names of fields, so that no content of a request gets into
    logs. ``message`` and ``field_violations`` have the explanations.
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
        """A value of ``care.v1.ErrorReason`` without its prefix, such as ``TICKET_CLOSED``. Empty for other errors."""
        self.message: Final = message
        """An explanation for developers. It may quote the request."""
        self.metadata: Final[Mapping[str, str]] = MappingProxyType(dict(metadata or {}))
        """The metadata that ``care.v1.ErrorReason`` documents for the reason."""
        self.field_violations: Final = tuple(field_violations)
        self.retry_after: Final = retry_after
        """The minimum time to wait before the next attempt. None if the service requested none."""

    @property
    def machine(self) -> str:
        """The state machine that refused the call: ``status`` or ``recovery``. Empty for other errors."""
        return self.metadata.get("machine", "")

    @property
    def state(self) -> str:
        """The machine's current state, without the enum's prefix. Empty for other errors."""
        return self.metadata.get("state", "")

    @property
    def allowed(self) -> tuple[str, ...]:
        """The triggers that the machine allows in ``state``. For ROLE_NOT_ALLOWED, the roles that may call the method.

        Some triggers are not commands of the API. To decide which buttons to show, use ``Ticket.actions``.
        """
        return tuple(filter(None, self.metadata.get("allowed", "").split(",")))

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later. A call that writes must be repeated with the same ``request_id``.

        True for UNAVAILABLE, DEADLINE_EXCEEDED, ABORTED with CONTENDED, and RESOURCE_EXHAUSTED. The exception is a
        RESOURCE_EXHAUSTED from gRPC itself, which means that a message is too long. After ETAG_MISMATCH, the caller
        must read the resource and decide again.
        """
        if self.code is grpc.StatusCode.ABORTED:
            return self.reason == _CONTENDED
        if self.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return self.retry_after is not None or bool(self.reason)
        return self.code in _RETRYABLE_CODES

    @staticmethod
    def from_rpc_error(error: grpc.aio.AioRpcError) -> "CareError":
        """Returns the exception for ``error``. Details of unknown types and of other domains are ignored."""
        status = _status(error) or Status()
        return _build(error.code(), error.details() or "", status.details)

    @staticmethod
    def from_status(status: Status) -> "CareError":
        """Returns the exception for a status that is not OK, such as ``BatchTicketResult.status`` in a batch."""
        return _build(_CODES.get(status.code, grpc.StatusCode.UNKNOWN), status.message, status.details)


class InvalidRequest(CareError):
    """INVALID_ARGUMENT: the request is invalid. ``field_violations`` say where, and what to do."""


class Unauthenticated(CareError):
    """UNAUTHENTICATED: the bearer token is missing, invalid or expired."""


class PermissionDenied(CareError):
    """PERMISSION_DENIED: this caller may not do this, but others may."""


class NotFound(CareError):
    """NOT_FOUND: the resource does not exist, or it belongs to another organization."""


class AlreadyExists(CareError):
    """ALREADY_EXISTS: the resource exists. ``metadata`` has its name."""


class FailedPrecondition(CareError):
    """FAILED_PRECONDITION: not possible in the ticket's current state."""


class IllegalTransition(FailedPrecondition):
    """The state machine ``machine`` does not allow the call in ``state``. It allows the triggers in ``allowed``."""


class Conflict(CareError):
    """ABORTED: another call changed the resource. If ``retryable``, repeat the call. If not, read and decide again."""


class ResourceExhausted(CareError):
    """RESOURCE_EXHAUSTED: a limit is reached. ``retry_after`` may say how long to wait."""


class Unavailable(CareError):
    """UNAVAILABLE: the service or its database cannot be reached, even after retries."""


class DeadlineExceeded(CareError):
    """DEADLINE_EXCEEDED: no response in time. The call may or may not have taken effect."""


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
    """Converts the errors of failed calls to ``CareError``.

    Use this for stubs on other channels. On channels of ``CareClient.connect`` and ``open_channel``, stubs already
    raise ``CareError``.
    """
    try:
        yield
    except grpc.aio.AioRpcError as error:
        failure = CareError.from_rpc_error(error)
        # The cause is dropped, because its text has the server's message, which may quote the request.
        raise failure from None


def _build(code: grpc.StatusCode, message: str, details: Sequence[Any]) -> CareError:
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
        message.Clear()  # a malformed detail is ignored


def _status(error: grpc.aio.AioRpcError) -> Status | None:
    """Returns the `google.rpc` status of ``error``. None if the error has no status, or if the two codes differ."""
    try:
        # This reads only the code, the details and the trailing metadata, which the exception has just as a call does.
        return cast("Status | None", rpc_status.from_call(cast("grpc.Call", error)))
    except (ValueError, DecodeError):
        return None
