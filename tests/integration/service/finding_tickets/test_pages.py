"""ListTickets and CountTickets: orders, pages, totals and counts."""

from __future__ import annotations

import pytest

from care.v1 import ticket_service_pb2 as tickets
from tests.integration.service.commands import assert_refused
from tests.integration.service.finding_tickets.known_tickets import World
from tests.support.care import refusal


@pytest.mark.parametrize(
    ("order", "letters"),
    [
        ("", "GFEDCBA"),
        ("number", "ABCDEFG"),
        ("number desc", "GFEDCBA"),
        ("create_time", "ABCDEFG"),
        ("create_time desc", "GFEDCBA"),
        ("update_time", "ACDEFGB"),
        ("update_time desc", "BGFEDCA"),
        # Newest first among tickets of the same priority.
        ("priority", "BGFECAD"),
        ("priority desc", "DAGFECB"),
        ("priority, number", "BCEFGAD"),
        ("priority desc, update_time", "DACEFGB"),
        ("priority, update_time desc", "BGFECAD"),
        ("  update_time   desc ,  priority", "BGFEDCA"),
        ("create_time asc", "ABCDEFG"),
    ],
)
@pytest.mark.parametrize("text", ["", "status != CLOSED", "stars:*", "pizza OR soup OR status = OPEN"])
async def test_an_order_is_kept_over_pages_of_any_size(world: World, order: str, letters: str, text: str) -> None:
    found = set(await world.find(text))
    expected = "".join(letter for letter in letters if letter in found)
    for size in (1, 2, 3, 7):
        met, token = "", ""
        while True:
            page = await world.page(text, order, size, token)
            met += "".join(world.letters[ticket.name] for ticket in page.tickets)
            if not (token := page.next_page_token):
                break
            assert len(page.tickets) == size
        assert met == expected


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("", (3, 1, 1, 1, 1)),
        ("labels:vip", (1, 1, 0, 0, 0)),
        ("status = CLOSED", (0, 0, 0, 1, 1)),
        ("stars > 1", (1, 0, 1, 1, 0)),
        ("pizza", (0, 1, 0, 1, 0)),
        ("umbrella stars = 1", (0, 0, 0, 0, 0)),
    ],
)
async def test_tickets_are_counted_by_status_and_closed_ones_by_who_closed_them(
    world: World, text: str, counts: tuple[int, ...]
) -> None:
    request = tickets.CountTicketsRequest(parent=world.tenant.name, filter=text)
    found = await world.tenant.agent("alice").tickets.CountTickets(request)
    assert (found.open, found.in_progress, found.resolved, found.closed, found.auto_closed) == counts
    assert found.total == sum(counts)


async def test_total_size_is_set_only_on_request(world: World) -> None:
    request = tickets.ListTicketsRequest(parent=world.tenant.name, page_size=2)
    page = await world.tenant.service.tickets.ListTickets(request)
    assert (page.total_size, page.total_size_exact) == (0, False)
    request.include_total_size = True
    page = await world.tenant.service.tickets.ListTickets(request)
    assert (page.total_size, page.total_size_exact) == (7, True)


async def test_a_page_token_is_valid_only_for_its_filter_and_order(world: World) -> None:
    token = (await world.page("status = OPEN", "update_time", 1)).next_page_token
    assert (await world.page("status = OPEN", "update_time", 1, token)).tickets
    for text, order in (("status = OPEN", ""), ("", "update_time"), ("status=OPEN", "update_time"), ("", "")):
        assert_refused(await refusal(world.page(text, order, 1, token)), "INVALID_PAGE_TOKEN")


@pytest.mark.parametrize(
    "order", ["subject", "number down", "number desc desc", ",", "number, number", "number,", "Number"]
)
async def test_an_invalid_order_is_refused(world: World, order: str) -> None:
    error = await refusal(world.page(order=order))
    assert_refused(error, "INVALID_FIELD")
    assert {violation.field for violation in error.field_violations} == {"order_by"}
