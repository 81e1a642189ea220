"""Calls methods with raw bytes and metadata, without the generated stubs."""

from __future__ import annotations

import grpc

from care_client.errors import care_errors
from tests.integration.service.renew_access import full_name, methods
from tests.support.care import Care
from tests.support.reflection import send

_STREAMS = {full_name(method) for method in methods() if method.server_streaming}


async def raw(service: Care, method: str, body: bytes = b"", token: str | None = None) -> bytes:
    """Calls a method with raw bytes. Returns the response, or the first one of a stream."""
    async with grpc.aio.insecure_channel(service.address) as channel:
        metadata = () if token is None else (("authorization", token),)
        with care_errors():
            return await send(channel, method, body, metadata, streams=method in _STREAMS)
