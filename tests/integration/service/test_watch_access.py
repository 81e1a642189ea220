"""WatchTickets: which tickets a stream shows, who may open one, and which requests are refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from care.v1 import ticket_service_pb2 as tickets
from care_service.rpc.page_tokens import make_token
from tests.integration.service.commands import assert_refused
from tests.integration.service.watch_streams import add_note, end_error, next_changes
from tests.support.care import Care
from tests.support.tenant import Tenant
from tests.support.watching import current_resume_token, watching


async def test_a_stream_of_one_ticket_shows_no_other_ticket(tenant: Tenant) -> None:
    one, other = await tenant.ticket(), await tenant.ticket()
    async with watching(tenant.agent("alice"), one.name) as opened:
        await opened.next()
        await add_note(tenant, other)
        await add_note(tenant, one)
        assert await next_changes(opened, 1) == [(one.number, "NOTE_ADDED")]


async def test_a_filter_is_compared_with_the_current_ticket(tenant: Tenant) -> None:
    alice = tenant.agent("alice")
    await tenant.meet("alice")
    begin = await current_resume_token(alice, tenant.name)
    one, other = await tenant.ticket(), await tenant.ticket()
    wanted = f'assignee = "{tenant.agent_name("alice")}" AND status = RESOLVED'
    async with watching(alice, tenant.name, filter=wanted) as opened:
        await opened.next()
        await add_note(tenant, other)
        await alice.tickets.ResolveTicket(tickets.ResolveTicketRequest(name=one.name))
        assert await next_changes(opened, 1) == [(one.number, "RESOLVED")]
        await alice.tickets.ReopenTicket(tickets.ReopenTicketRequest(name=one.name))
        await alice.tickets.ResolveTicket(tickets.ResolveTicketRequest(name=other.name))
        assert await next_changes(opened, 1) == [(other.number, "RESOLVED")]
    # The other ticket is RESOLVED now, so its earlier changes match as well.
    async with watching(alice, tenant.name, filter=wanted, resume_token=begin) as opened:
        expected = ["CREATED", "TAKEN", "NOTE_ADDED", "RESOLVED"]  # each with the current ticket
        assert await next_changes(opened, 4) == [(other.number, done) for done in expected]


async def test_a_stream_never_shows_another_organizations_tickets(service: Care, tenant: Tenant) -> None:
    neighbor = Tenant(service, f"{tenant.id}-neighbor")
    await tenant.meet("alice")
    await neighbor.meet("alice")
    begin = await current_resume_token(tenant.agent("alice"), tenant.name)
    async with watching(tenant.agent("alice"), tenant.name) as opened:
        await opened.next()
        theirs = await neighbor.ticket()
        ours = await tenant.ticket(None)
        change = await opened.next()
        assert change.ticket.name == ours.name
    async with watching(tenant.agent("alice"), tenant.name, resume_token=begin) as opened:
        assert (await opened.next()).ticket.name == ours.name
    for parent in (neighbor.name, theirs.name, f"{tenant.name}/tickets/4711"):
        async with watching(tenant.agent("alice"), parent) as opened:
            assert_refused(await end_error(opened), "RESOURCE_NOT_FOUND", {"resource": parent})


async def test_a_service_without_organization_may_watch_all_organizations(service: Care, tenant: Tenant) -> None:
    everywhere = service.client(service.token(sub="exporter", roles=["service"]))
    neighbor = Tenant(service, f"{tenant.id}-neighbor")
    async with watching(everywhere, "organizations/-") as opened:
        await opened.next()
        made = [(await each.ticket(None)).name for each in (tenant, neighbor, tenant)]
        seen: list[str] = []
        while len(seen) < len(made):
            name = (await opened.next()).ticket.name
            if name.startswith((f"{tenant.name}/", f"{neighbor.name}/")):
                seen.append(name)
        assert seen == made
    for client in (tenant.agent("alice"), tenant.service):
        async with watching(client, "organizations/-") as opened:
            assert_refused(await end_error(opened), "INVALID_FIELD")


async def test_workers_and_callers_without_a_token_may_not_watch(tenant: Tenant) -> None:
    async with watching(tenant.worker, tenant.name) as opened:
        assert (await end_error(opened)).reason == "ROLE_NOT_ALLOWED"
    async with watching(tenant.customer, tenant.name) as opened:
        assert (await end_error(opened)).reason == "TOKEN_MISSING"


@pytest.mark.parametrize(
    ("parent", "wanted", "reason"),
    [
        ("", "", "INVALID_FIELD"),
        ("{0}/tickets", "", "INVALID_FIELD"),
        ("{0}/tickets/x", "", "INVALID_FIELD"),
        ("{0}/reviews/1", "", "INVALID_FIELD"),
        ("{0}", "status = SOON", "INVALID_FILTER"),
    ],
)
async def test_an_invalid_parent_or_filter_is_refused(tenant: Tenant, parent: str, wanted: str, reason: str) -> None:
    async with watching(tenant.agent("alice"), parent.format(tenant.name), filter=wanted) as opened:
        assert (await end_error(opened)).reason == reason


def _made(*key: str | int) -> Callable[[str], str]:
    return lambda parent: make_token(f"watch {parent}", *key)


@pytest.mark.parametrize(
    "token",
    [
        lambda _: "x",
        lambda _: "é\0",
        lambda parent: make_token(parent, 1, 1),  # of another list
        lambda parent: make_token("watch organizations/-", 1, 1),
        lambda parent: make_token(f"watch {parent}/tickets/1", 1, 1),
        _made(1),
        _made("1", "1"),
        _made(-1, 1),
        _made(2**64, 1),
        _made(2**62, 1),  # of a database that was restored since and counts its transactions from the start
    ],
)
async def test_a_resume_token_of_another_stream_is_refused(tenant: Tenant, token: Callable[[str], str]) -> None:
    async with watching(tenant.agent("alice"), tenant.name, resume_token=token(tenant.name)) as opened:
        assert_refused(await end_error(opened), "INVALID_PAGE_TOKEN")
