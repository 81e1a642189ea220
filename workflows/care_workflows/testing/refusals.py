"""How the fake service refuses: the contract's codes, reasons and details, as ``CareError`` and over gRPC."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from care_client.errors import DOMAIN, CareError
from care_rules.refusals import Reason, Refusal

CODES: Final[Mapping[Reason, grpc.StatusCode]] = {
    Reason.INVALID_FIELD: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.RESOURCE_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.LINK_UNKNOWN: grpc.StatusCode.NOT_FOUND,
    Reason.TICKET_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Reason.ILLEGAL_TRANSITION: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.CHAT_LOCKED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.TICKET_CLOSED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.NO_REVIEW: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.FORM_LIVE: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.LINK_EXPIRED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.LINK_WITHDRAWN: grpc.StatusCode.FAILED_PRECONDITION,
}
"""The gRPC code of each reason that the kit can refuse with. A test compares these codes with those of the service."""


@contextmanager
def as_care_errors() -> Iterator[None]:
    """Turns refusals of the rules into the errors that the service's client raises."""
    try:
        yield
    except Refusal as refusal:
        raise CareError.from_status(_status(refusal)) from None


@asynccontextmanager
async def as_statuses(context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[None]:
    """Turns refusals of the rules into the status of the call."""
    try:
        yield
    except Refusal as refusal:
        status = rpc_status.to_status(_status(refusal))
    else:
        return
    await context.abort(status.code, status.details, status.trailing_metadata)


def _status(refusal: Refusal) -> Status:
    status = Status(code=CODES[refusal.reason].value[0], message=refusal.message)
    status.details.add().Pack(ErrorInfo(domain=DOMAIN, reason=refusal.reason.value, metadata=refusal.metadata))
    if refusal.violations:
        details = BadRequest()
        for violation in refusal.violations:
            details.field_violations.add(field=violation.field, description=violation.description)
        status.details.add().Pack(details)
    return status
