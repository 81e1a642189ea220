"""The client reads lists page by page, for every List method of the contract."""

from __future__ import annotations

import importlib
import pkgutil
from typing import get_overloads, get_type_hints

import pytest
from google.protobuf.message import Message

import care.v1
from care.v1.ticket_pb2 import Ticket
from care.v1.ticket_service_pb2 import ListTicketsRequest, ListTicketsResponse
from care_client.client import CareClient
from care_client.paging import items, pages
from tests.unit.client.scripted import Script, serving


def page(numbers: range, following: str) -> ListTicketsResponse:
    return ListTicketsResponse(tickets=[Ticket(number=number) for number in numbers], next_page_token=following)


PAGES = (page(range(3), "a"), page(range(0), "b"), page(range(3, 5), ""))
REQUEST = ListTicketsRequest(parent="organizations/acme", filter="status = OPEN", page_size=3, page_token="0")


async def test_items_of_all_pages_come_in_order_and_the_request_is_unchanged() -> None:
    script, request = Script(*PAGES), ListTicketsRequest()
    request.CopyFrom(REQUEST)
    async with serving(script) as address, CareClient.connect(address) as client:
        assert [ticket.number async for ticket in items(client.tickets.ListTickets, request)] == [0, 1, 2, 3, 4]
    sent = [ListTicketsRequest.FromString(call.body) for call in script.calls]
    assert [one.page_token for one in sent] == ["0", "a", "b"]
    assert {(one.parent, one.filter, one.page_size) for one in sent} == {("organizations/acme", "status = OPEN", 3)}
    assert request == REQUEST


async def test_no_page_is_requested_before_it_is_needed() -> None:
    script = Script(*PAGES)
    async with serving(script) as address, CareClient.connect(address) as client:
        async for answer in pages(client.tickets.ListTickets, REQUEST):
            assert answer == PAGES[0]
            break
    assert len(script.calls) == 1


def list_answers() -> dict[str, type[Message]]:
    modules = [module.name for module in pkgutil.iter_modules(care.v1.__path__) if module.name.endswith("service_pb2")]
    return {
        name: value
        for module in modules
        for name, value in vars(importlib.import_module(f"care.v1.{module}")).items()
        if name.startswith("List") and name.endswith("Response")
    }


@pytest.mark.parametrize("answer", sorted(list_answers()))
async def test_every_list_method_can_be_paged_with_the_type_of_its_items(answer: str) -> None:
    kind = list_answers()[answer]
    hints = [get_type_hints(overload) for overload in get_overloads(items)]
    (given,) = [hint["return"].__args__[0] for hint in hints if hint["method"].__args__[1] is kind]
    lists = [field for field in kind.DESCRIPTOR.fields if field.is_repeated]
    assert [field.message_type for field in lists] == [given.DESCRIPTOR]
