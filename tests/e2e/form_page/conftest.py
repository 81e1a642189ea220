"""A browser, and the pages with a service behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from care.v1 import customer_service_pb2 as pb
from care.v1.customer_service_pb2_grpc import CustomerServiceStub
from care_client.channel import open_channel
from care_web.app import create_app
from tests.e2e.form_page.visits import LONG_WORD, Site
from tests.integration.web import customer_service
from tests.integration.web.customer_service import CustomerService
from tests.support.browser import chromium
from tests.support.serving import serve


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as found:
        yield found


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    service = CustomerService()
    service.add("open")
    service.add("answered", pb.CONTACT_FORM_STATE_ANSWERED)
    service.add("closed", pb.CONTACT_FORM_STATE_CLOSED)
    service.add("expired", pb.CONTACT_FORM_STATE_EXPIRED)
    service.add("withdrawn", pb.CONTACT_FORM_STATE_WITHDRAWN)
    service.add("replaced", pb.CONTACT_FORM_STATE_REPLACED)
    service.add("long", business_name=LONG_WORD, reply_text=f"{LONG_WORD} " * 20, consent_text=LONG_WORD)
    async with (
        customer_service.serve(service) as address,
        open_channel(address) as channel,
        serve(create_app(CustomerServiceStub(channel))) as url,
    ):
        yield Site(url, service)
