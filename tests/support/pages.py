"""Serves the customer's pages in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from care.v1.customer_service_pb2_grpc import CustomerServiceStub
from care_client.channel import open_channel
from care_web.app import create_app
from tests.support.serving import serve


@asynccontextmanager
async def serve_pages(service_address: str, **limits: Any) -> AsyncIterator[str]:  # noqa: ANN401 - as `create_app` has them
    """Serves the pages of the service at the address, with `limits` for `create_app`. Yields the pages' URL."""
    async with (
        open_channel(service_address) as channel,
        serve(create_app(CustomerServiceStub(channel), **limits)) as url,
    ):
        yield url
