"""Calls with bytes and metadata as they are, past the generated stubs."""

from __future__ import annotations

import grpc

from care_client.errors import care_errors
from tests.support.care import Care


async def raw(service: Care, method: str, body: bytes = b"", token: str | None = None) -> bytes:
    """Calls a method with bytes as they are."""
    async with grpc.aio.insecure_channel(service.address) as channel:
        call = channel.unary_unary(
            f"/{method}", request_serializer=lambda data: data, response_deserializer=lambda data: data
        )
        metadata = () if token is None else (("authorization", token),)
        with care_errors():
            answer: bytes = await call(body, metadata=metadata)
        return answer
