"""Refuses calls in the fake services of tests."""

from __future__ import annotations

from typing import Final, Never

import grpc
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

_AGAIN_AT_ONCE: Final = ("grpc-retry-pushback-ms", "1")
"""Makes clients retry without the usual pauses, which would add up to seconds."""


async def abort(context: grpc.aio.ServicerContext[Message, Message], status: Status) -> Never:
    """Ends the call with `status` and its details."""
    refusal = rpc_status.to_status(status)
    await context.abort(refusal.code, refusal.details, (*refusal.trailing_metadata, _AGAIN_AT_ONCE))
