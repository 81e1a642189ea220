"""ListTickets of `organizations/-`: a service without organization finds tickets of all organizations."""

from __future__ import annotations

import pytest

from care.v1 import ticket_service_pb2 as tickets
from tests.integration.service.finding_tickets.known_tickets import World


@pytest.mark.parametrize(
    "order", ["", "number", "create_time desc", "update_time", "priority", "priority desc, update_time"]
)
async def test_a_service_without_organization_finds_tickets_of_all_organizations(world: World, order: str) -> None:
    everywhere = world.tenant.care.client(world.tenant.care.token(sub="intake", roles=["service"]))
    text = f"labels:vip pizza location = {world.tenant.name}/locations/camden OR stars = 1"
    request = tickets.ListTicketsRequest(parent="organizations/-", filter=text, order_by=order, include_total_size=True)
    all_at_once = await everywhere.tickets.ListTickets(request)
    assert [world.letters.get(ticket.name) for ticket in all_at_once.tickets if "finding/" in ticket.name] == ["B"]
    for nothing, is_found in (('"<br>"', False), ('NOT "<br>"', True)):
        request = tickets.ListTicketsRequest(parent="organizations/-", filter=nothing, order_by=order)
        assert bool((await everywhere.tickets.ListTickets(request)).tickets) == is_found


# The service finds the tickets of each filter in a different way (decision 0010).
@pytest.mark.parametrize("text", ["", "status != CLOSED", "stars:*", "umbrella OR labels:food OR stars = 5"])
@pytest.mark.parametrize("order", ["", "number", "update_time desc", "priority, update_time desc"])
async def test_pages_over_all_organizations_visit_one_organization_after_the_other(
    world: World, order: str, text: str
) -> None:
    everywhere = world.tenant.care.client(world.tenant.care.token(sub="intake", roles=["service"]))
    request = tickets.ListTicketsRequest(
        parent="organizations/-", filter=text, order_by=order, page_size=3, include_total_size=True
    )
    met: list[str] = []
    while True:
        page = await everywhere.tickets.ListTickets(request)
        met += [ticket.name for ticket in page.tickets]
        if not (token := page.next_page_token):
            break
        request.page_token = token
    assert len(met) == len(set(met)) == page.total_size
    organizations = [name.split("/")[1] for name in met]
    assert organizations == sorted(organizations, reverse=order in {"", "update_time desc"})
    own = [world.letters[name] for name in met if name in world.letters]
    assert "".join(own) == await world.find(text, order)
