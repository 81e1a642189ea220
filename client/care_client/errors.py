"""The one exception for calls that Care refuses or that do not reach it, made from the details of `google.rpc`."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final, Self, cast

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

DOMAIN: Final = "care"
"""The ``ErrorInfo.domain`` of errors that Care itself gives."""

_RETRYABLE_CODES: Final = frozenset(
    {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.DEADLINE_EXCEEDED}
)
_CONTENDED: Final = "CONTENDED"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A field of the request that was refused."""

    field: str
    """Path of the field, as in ``BadRequest.FieldViolation``."""
    description: str
    """What is wrong with it and what to do."""


class CareError(Exception):
    """A call failed. ``str()`` holds code and reason only: what a request contained must not get into logs by it."""

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: str = "",
        *,
        message: str = "",
        metadata: Mapping[str, str] | None = None,
        field_violations: Sequence[FieldViolation] = (),
        retry_delay: timedelta | None = None,
    ) -> None:
        super().__init__(f"{code.name}: {reason}" if reason else code.name)
        self.code: Final = code
        self.reason: Final = reason
        """Bare word of ``care.v1.ErrorReason``, such as ``TICKET_CLOSED``; empty where Care itself did not answer."""
        self.message: Final = message
        """The words for developers that came with the error; they may quote the request."""
        self.metadata: Final[Mapping[str, str]] = MappingProxyType(dict(metadata or {}))
        """What ``care.v1.ErrorReason`` documents for the reason."""
        self.field_violations: Final = tuple(field_violations)
        self.retry_delay: Final = retry_delay
        """How long to wait at least before the next try; None if the error does not say."""

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later; a call that writes needs its ``request_id`` for that.

        UNAVAILABLE, RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED, and ABORTED with CONTENDED; after ETAG_MISMATCH the caller
        has to read and decide again instead.
        """
        if self.code is grpc.StatusCode.ABORTED:
            return self.reason == _CONTENDED
        return self.code in _RETRYABLE_CODES

    @classmethod
    def from_rpc_error(cls, error: grpc.aio.AioRpcError) -> Self:
        """Read the details of ``error``; those of other domains or without meaning here are left out."""
        info, bad_request, retry = ErrorInfo(), BadRequest(), RetryInfo()
        status = _status(error)
        for detail in status.details if status else ():
            for message in (info, bad_request, retry):
                _unpack(detail, message)
        if info.domain != DOMAIN:
            info = ErrorInfo()
        return cls(
            error.code(),
            info.reason,
            message=error.details() or "",
            metadata=info.metadata,
            field_violations=[FieldViolation(v.field, v.description) for v in bad_request.field_violations],
            retry_delay=retry.retry_delay.ToTimedelta() if retry.HasField("retry_delay") else None,
        )


@contextmanager
def care_errors() -> Iterator[None]:
    """Turn failed calls into ``CareError``.

    A context manager: ``with care_errors(): response = await care.tickets.GetTicket(request)``.
    """
    try:
        yield
    except grpc.aio.AioRpcError as error:
        failure = CareError.from_rpc_error(error)
        # The cause is dropped: its text holds what the server said, which may quote the request.
        raise failure from None


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
