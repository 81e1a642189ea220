"""How the services that tests make up refuse calls."""

from __future__ import annotations

from typing import Final, Never

import grpc
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

_AGAIN_AT_ONCE: Final = ("grpc-retry-pushback-ms", "1")
"""Has clients make their retries as ever, but without the pauses between them, which add up to seconds."""


async def abort(context: grpc.aio.ServicerContext[Message, Message], status: Status) -> Never:
    """End the call with ``status`` and all its details."""
    refusal = rpc_status.to_status(status)
    await context.abort(refusal.code, refusal.details, (*refusal.trailing_metadata, _AGAIN_AT_ONCE))
