"""How the fake service refuses: the contract's codes, reasons and metadata, as ``CareError`` and over gRPC."""

from collections.abc import Mapping
from typing import Any, Final, Never

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from care_client.errors import DOMAIN, CareError

_CODES: Final[Mapping[str, grpc.StatusCode]] = {
    "INVALID_FIELD": grpc.StatusCode.INVALID_ARGUMENT,
    "RESOURCE_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "LINK_UNKNOWN": grpc.StatusCode.NOT_FOUND,
    "TICKET_EXISTS": grpc.StatusCode.ALREADY_EXISTS,
    "ILLEGAL_TRANSITION": grpc.StatusCode.FAILED_PRECONDITION,
    "CHAT_LOCKED": grpc.StatusCode.FAILED_PRECONDITION,
    "TICKET_CLOSED": grpc.StatusCode.FAILED_PRECONDITION,
    "NO_REVIEW": grpc.StatusCode.FAILED_PRECONDITION,
    "FORM_LIVE": grpc.StatusCode.FAILED_PRECONDITION,
    "LINK_EXPIRED": grpc.StatusCode.FAILED_PRECONDITION,
    "LINK_WITHDRAWN": grpc.StatusCode.FAILED_PRECONDITION,
}
"""The reasons that the kit knows, each with gRPC's code for it."""


def refused(reason: str, message: str, metadata: Mapping[str, str] | None = None) -> CareError:
    """Make the error that the service's client raises for ``reason``."""
    status = Status(code=_CODES[reason].value[0], message=message)
    status.details.add().Pack(ErrorInfo(domain=DOMAIN, reason=reason, metadata=metadata))
    return CareError.from_status(status)


def not_found(name: str) -> CareError:
    """Make the error for a resource that does not exist."""
    return refused("RESOURCE_NOT_FOUND", f"{name} does not exist, or is not yours.", {"resource": name})


async def abort(context: grpc.aio.ServicerContext[Any, Any], error: CareError) -> Never:
    """End the call as the service would."""
    status = Status(code=error.code.value[0], message=error.message)
    status.details.add().Pack(ErrorInfo(domain=DOMAIN, reason=error.reason, metadata=dict(error.metadata)))
    refusal = rpc_status.to_status(status)
    await context.abort(refusal.code, refusal.details, refusal.trailing_metadata)
