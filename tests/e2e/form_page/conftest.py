"""The pages with a fake service behind them, which has a form in each state."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from care.v1 import customer_service_pb2 as pb
from tests.e2e.form_page.visits import LONG_WORD, Pages
from tests.integration.web import customer_service
from tests.integration.web.customer_service import CustomerService
from tests.support.pages import serve_pages


@pytest.fixture
async def pages() -> AsyncIterator[Pages]:
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
        serve_pages(address) as url,
    ):
        yield Pages(url, service)
