"""TakeTicket, AssignTicket and ReleaseTicket: who may own a ticket, and what the log says."""

from __future__ import annotations

import pytest

from care.v1 import ticket_pb2
from care.v1 import ticket_service_pb2 as tickets
from care.v1.activity_pb2 import FieldChange
from care.v1.ticket_pb2 import Ticket
from care_client.client import CareClient
from tests.integration.service.commands import Target, assert_refused, run
from tests.integration.service.ticket_calls import latest_change
from tests.support.care import refusal
from tests.support.tenant import Tenant


async def assign(client: CareClient, tenant: Tenant, ticket: Ticket, agent: str) -> Ticket:
    request = tickets.AssignTicketRequest(name=ticket.name, assignee=tenant.agent_name(agent))
    return (await client.tickets.AssignTicket(request)).ticket


async def test_an_agent_takes_an_unassigned_ticket(tenant: Tenant) -> None:
    before = await tenant.ticket(None)
    after = (await run(tenant.agent("alice"), "TakeTicket", Target(tenant, before))).ticket
    assert after.assignee == tenant.agent_name("alice")
    assert after.status == ticket_pb2.TICKET_STATUS_OPEN
    assert await latest_change(tenant, before) == (
        "TAKEN",
        [FieldChange(field="assignee", before="", after=tenant.agent_name("alice"))],
    )


async def test_taking_ones_own_ticket_changes_nothing(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    assert (await run(tenant.agent("alice"), "TakeTicket", Target(tenant, ticket))).ticket == ticket
    assert await tenant.log_types(ticket) == ["TAKEN", "CREATED"]


async def test_taking_ones_own_ticket_works_without_being_assignable(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    await tenant.toggle("alice", can_be_assignee=False)
    after = (await run(tenant.agent("alice"), "TakeTicket", Target(tenant, ticket))).ticket
    assert (after.assignee, after.etag) == (ticket.assignee, ticket.etag)


@pytest.mark.parametrize("caller", ["bob", "sue"])
async def test_the_refusal_to_take_anothers_ticket_names_the_owner(tenant: Tenant, caller: str) -> None:
    ticket = await tenant.ticket()
    client = tenant.supervisor if caller == "sue" else tenant.agent(caller)
    error = await refusal(run(client, "TakeTicket", Target(tenant, ticket)))
    owner = {"ticket": ticket.name, "assignee": tenant.agent_name("alice")}
    assert_refused(error, "ALREADY_ASSIGNED", owner)


async def test_an_agent_who_may_not_own_tickets_cannot_take_one(tenant: Tenant) -> None:
    await tenant.toggle("bob", can_be_assignee=False)
    ticket = await tenant.ticket(None)
    error = await refusal(run(tenant.agent("bob"), "TakeTicket", Target(tenant, ticket)))
    assert_refused(error, "NOT_ASSIGNABLE", {"ticket": ticket.name, "agent": tenant.agent_name("bob")})


async def test_already_assigned_is_checked_before_not_assignable(tenant: Tenant) -> None:
    await tenant.toggle("bob", can_be_assignee=False)
    ticket = await tenant.ticket()
    error = await refusal(run(tenant.agent("bob"), "TakeTicket", Target(tenant, ticket)))
    owner = {"ticket": ticket.name, "assignee": tenant.agent_name("alice")}
    assert_refused(error, "ALREADY_ASSIGNED", owner)


async def test_the_assignee_hands_a_ticket_over(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    await tenant.meet("bob")
    after = await assign(tenant.agent("alice"), tenant, ticket, "bob")
    assert after.assignee == tenant.agent_name("bob")
    change = FieldChange(field="assignee", before=tenant.agent_name("alice"), after=tenant.agent_name("bob"))
    assert await latest_change(tenant, ticket) == ("ASSIGNED", [change])


@pytest.mark.parametrize("assignee", ["alice", None])
async def test_a_supervisor_assigns_any_ticket_and_the_log_says_override(tenant: Tenant, assignee: str | None) -> None:
    ticket = await tenant.ticket(assignee)
    await tenant.meet("bob")
    after = await assign(tenant.supervisor, tenant, ticket, "bob")
    assert after.assignee == tenant.agent_name("bob")
    before = tenant.agent_name(assignee) if assignee else ""
    change = FieldChange(field="assignee", before=before, after=tenant.agent_name("bob"))
    assert await latest_change(tenant, ticket) == ("ASSIGNED_BY_OVERRIDE", [change])


async def test_a_supervisor_who_owns_the_ticket_hands_it_over_without_an_override(tenant: Tenant) -> None:
    ticket = await tenant.ticket(None)
    await tenant.meet("bob")
    await run(tenant.supervisor, "TakeTicket", Target(tenant, ticket))
    await assign(tenant.supervisor, tenant, ticket, "bob")
    assert (await latest_change(tenant, ticket))[0] == "ASSIGNED"


async def test_assigning_to_the_current_assignee_changes_nothing(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    for client in (tenant.agent("alice"), tenant.supervisor):
        assert (await assign(client, tenant, ticket, "alice")).etag == ticket.etag
    assert await tenant.log_types(ticket) == ["TAKEN", "CREATED"]


async def test_assigning_to_the_current_assignee_changes_nothing_even_with_the_toggle_off(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    await tenant.toggle("alice", can_be_assignee=False)
    assert (await assign(tenant.supervisor, tenant, ticket, "alice")).etag == ticket.etag


async def test_a_ticket_cannot_be_assigned_to_an_agent_who_may_not_own_one(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    await tenant.toggle("bob", can_be_assignee=False)
    for client in (tenant.agent("alice"), tenant.supervisor):
        error = await refusal(assign(client, tenant, ticket, "bob"))
        assert_refused(error, "NOT_ASSIGNABLE", {"ticket": ticket.name, "agent": tenant.agent_name("bob")})


async def test_a_ticket_cannot_be_assigned_to_an_unknown_agent(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    error = await refusal(assign(tenant.agent("alice"), tenant, ticket, "nobody"))
    assert_refused(error, "RESOURCE_NOT_FOUND", {"resource": tenant.agent_name("nobody")})


async def test_a_ticket_cannot_be_assigned_to_another_organizations_agent(tenant: Tenant) -> None:
    other = Tenant(tenant.care, f"{tenant.id}-other")
    await other.meet("mallory")
    ticket = await tenant.ticket()
    request = tickets.AssignTicketRequest(name=ticket.name, assignee=other.agent_name("mallory"))
    error = await refusal(tenant.agent("alice").tickets.AssignTicket(request))
    assert error.reason in {"INVALID_FIELD", "RESOURCE_NOT_FOUND"}
    assert (await tenant.get(ticket)).assignee == tenant.agent_name("alice")


async def test_not_assignee_is_checked_before_not_assignable(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    await tenant.toggle("bob", can_be_assignee=False)
    error = await refusal(assign(tenant.agent("bob"), tenant, ticket, "bob"))
    assert_refused(error, "NOT_ASSIGNEE", {"ticket": ticket.name, "assignee": tenant.agent_name("alice")})


async def test_a_released_ticket_is_unassigned_and_keeps_its_status(tenant: Tenant) -> None:
    before = await tenant.in_status("IN_PROGRESS")
    after = (await run(tenant.agent("alice"), "ReleaseTicket", Target(tenant, before))).ticket
    assert (after.assignee, after.status) == ("", ticket_pb2.TICKET_STATUS_IN_PROGRESS)
    change = FieldChange(field="assignee", before=tenant.agent_name("alice"), after="")
    assert await latest_change(tenant, before) == ("RELEASED", [change])
    await run(tenant.agent("bob"), "TakeTicket", Target(tenant, before))


async def test_an_agent_keeps_their_tickets_when_their_toggle_goes_off(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    await tenant.toggle("alice", can_be_assignee=False)
    after = (await run(tenant.agent("alice"), "StartTicket", Target(tenant, ticket))).ticket
    assert after.assignee == tenant.agent_name("alice")
