"""Refusals and failures of the fake service, in the contract's format."""

from dataclasses import dataclass
from typing import NoReturn

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from tests.support import aborting


@dataclass
class Failure:
    """The error that the fake service returns."""

    code: int
    reason: str
    retry_seconds: int = 0
    after_acting: bool = False
    """Whether a submission is accepted before its response is lost."""


async def fail(context: grpc.aio.ServicerContext[Message, Message], failure: Failure) -> NoReturn:
    retry = RetryInfo(retry_delay=Duration(seconds=failure.retry_seconds))
    await abort(context, failure.code, failure.reason, *([retry] if failure.retry_seconds else []))


async def abort(
    context: grpc.aio.ServicerContext[Message, Message], code: int, reason: str, *details: Message
) -> NoReturn:
    # The message quotes personal data, so that the tests notice a page that logs it.
    status = Status(code=code, message=f"refused {context.peer()} jane@example.com")
    for detail in (ErrorInfo(reason=reason, domain="care"), *details):
        status.details.add().Pack(detail)
    await aborting.abort(context, status)
