"""The pages with a real gRPC connection to a fake service."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from care.v1.customer_service_pb2_grpc import CustomerServiceStub
from care_client.channel import open_channel
from care_web.app import create_app
from tests.integration.web.customer_service import CustomerService, serve

ORIGIN = "http://care.example"


@pytest.fixture
async def service() -> CustomerService:
    return CustomerService()


@pytest.fixture
async def pages(service: CustomerService) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the pages. It does not follow redirects."""
    async with serve(service) as address, open_channel(address) as channel:
        transport = httpx.ASGITransport(create_app(CustomerServiceStub(channel)))
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            yield client
