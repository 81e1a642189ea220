"""Nothing of an organization is visible or reachable from another one."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import directory_service_pb2 as directory
from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.directory_pb2 import Agent, Organization
from care.v1.ticket_pb2 import Ticket
from care_client.client import CareClient
from tests.integration.service.commands import assert_refused
from tests.support.care import refusal
from tests.support.tenant import Tenant

MISSING_ID = "0190a0a0-0000-7000-8000-000000000000"


def reading_and_writing(
    client: CareClient, organization: str, ticket: str, review: str, recovery: str
) -> list[tuple[str, Awaitable[object]]]:
    """Returns calls of all kinds on the given names, each with the resource that it names."""
    agent, location = f"{organization}/agents/alice", f"{organization}/locations/soho"
    return [
        (ticket, client.tickets.GetTicket(tickets.GetTicketRequest(name=ticket))),
        (ticket, client.tickets.ListActivities(tickets.ListActivitiesRequest(parent=ticket))),
        (ticket, client.tickets.TakeTicket(tickets.TakeTicketRequest(name=ticket))),
        (ticket, client.tickets.UpdateTicket(tickets.UpdateTicketRequest(ticket=Ticket(name=ticket, subject="x")))),
        (ticket, client.conversations.AddNote(conversations.AddNoteRequest(parent=ticket, text="x"))),
        (ticket, client.conversations.AddContact(conversations.AddContactRequest(parent=ticket, email="a@b.de"))),
        (ticket, client.conversations.ListMessages(conversations.ListMessagesRequest(parent=ticket))),
        (ticket, client.conversations.ListRecoveries(conversations.ListRecoveriesRequest(parent=ticket))),
        (recovery, client.conversations.GetRecovery(conversations.GetRecoveryRequest(name=recovery))),
        (
            recovery,
            client.conversations.WithdrawRecoveryForm(conversations.WithdrawRecoveryFormRequest(name=recovery)),
        ),
        (recovery, client.conversations.RejectContact(conversations.RejectContactRequest(name=recovery))),
        (review, client.reviews.GetReview(reviews.GetReviewRequest(name=review))),
        (agent, client.directory.GetAgent(directory.GetAgentRequest(name=agent))),
        (
            agent,
            client.directory.UpdateAgent(directory.UpdateAgentRequest(agent=Agent(name=agent, display_name="Mallory"))),
        ),
        (location, client.directory.GetLocation(directory.GetLocationRequest(name=location))),
        (organization, client.directory.GetOrganization(directory.GetOrganizationRequest(name=organization))),
        (
            organization,
            client.directory.UpdateOrganization(
                directory.UpdateOrganizationRequest(organization=Organization(name=organization, display_name="x"))
            ),
        ),
        (organization, client.tickets.ListTickets(tickets.ListTicketsRequest(parent=organization))),
        (organization, client.reviews.ListReviews(reviews.ListReviewsRequest(parent=organization))),
        (organization, client.directory.ListAgents(directory.ListAgentsRequest(parent=organization))),
        (organization, client.directory.ListLocations(directory.ListLocationsRequest(parent=organization))),
        (
            organization,
            client.tickets.CreateTicket(
                tickets.CreateTicketRequest(parent=organization, ticket=Ticket(subject="x", location=location))
            ),
        ),
    ]


async def test_resources_of_another_organization_are_not_found_with_the_same_message_as_unknown_ones(
    tenant: Tenant,
) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.form(ticket)
    stranger = Tenant(tenant.care, f"{tenant.id}-other").supervisor
    nowhere = f"{tenant.name}-nowhere"
    real = reading_and_writing(stranger, tenant.name, ticket.name, ticket.review, recovery.name)
    missing = reading_and_writing(
        stranger,
        nowhere,
        f"{nowhere}/tickets/1",
        f"{nowhere}/reviews/{MISSING_ID}",
        f"{nowhere}/tickets/1/recoveries/{MISSING_ID}",
    )
    for (there, call), (not_there, other_call) in zip(real, missing, strict=True):
        error, other = await refusal(call), await refusal(other_call)
        assert_refused(error, "RESOURCE_NOT_FOUND", {"resource": there})
        assert_refused(other, "RESOURCE_NOT_FOUND", {"resource": not_there})
        assert error.message.replace(there, "…") == other.message.replace(not_there, "…")
    assert await tenant.get(ticket) == (await tenant.agent("alice").tickets.GetTicket(named(ticket))).ticket
    assert await tenant.log_types(ticket) == ["FORM_REQUESTED", "TAKEN", "CREATED"]


def named(ticket: Ticket) -> tickets.GetTicketRequest:
    return tickets.GetTicketRequest(name=ticket.name)


async def test_unknown_resources_of_the_own_organization_are_not_found_with_the_same_message(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    stranger = Tenant(tenant.care, f"{tenant.id}-other")
    missing = f"{stranger.name}/tickets/999"
    own = await refusal(stranger.agent("alice").tickets.GetTicket(tickets.GetTicketRequest(name=missing)))
    others = await refusal(stranger.agent("alice").tickets.GetTicket(named(ticket)))
    assert own.message.replace(missing, "…") == others.message.replace(ticket.name, "…")


async def test_a_worker_of_one_organization_cannot_reach_another(tenant: Tenant) -> None:
    recovery = await tenant.form(await tenant.ticket())
    own = tenant.care.client(tenant.care.token(sub="worker", org=f"{tenant.id}-other", roles=["worker"]))
    error = await refusal(own.workers.CheckRecovery(workers.CheckRecoveryRequest(name=recovery.name)))
    assert_refused(error, "RESOURCE_NOT_FOUND", {"resource": recovery.name})


async def test_a_service_without_an_organization_can_reach_all_organizations(tenant: Tenant) -> None:
    everywhere = tenant.care.client(tenant.care.token(sub="reports", roles=["service"]))
    other = Tenant(tenant.care, f"{tenant.id}-other")
    made = {(await tenant.ticket()).name, (await other.ticket()).name}
    found: set[str] = set()
    token = ""
    while True:
        request = tickets.ListTicketsRequest(parent="organizations/-", page_size=7, page_token=token)
        page = await everywhere.tickets.ListTickets(request)
        assert found.isdisjoint(ticket.name for ticket in page.tickets)
        found |= {ticket.name for ticket in page.tickets}
        token = page.next_page_token
        if not token:
            break
    assert made <= found
    listed = await everywhere.reviews.ListReviews(reviews.ListReviewsRequest(parent="organizations/-", page_size=1000))
    assert {f"organizations/{tenant.id}", f"organizations/{other.id}"} <= {
        review.name.partition("/reviews/")[0] for review in listed.reviews
    }


@pytest.mark.parametrize("caller", ["agent", "service"])
async def test_a_caller_of_one_organization_cannot_list_all_organizations(tenant: Tenant, caller: str) -> None:
    client = tenant.agent("alice") if caller == "agent" else tenant.service
    for call in (
        client.tickets.ListTickets(tickets.ListTicketsRequest(parent="organizations/-")),
        client.reviews.ListReviews(reviews.ListReviewsRequest(parent="organizations/-")),
    ):
        error = await refusal(call)
        assert_refused(error, "INVALID_FIELD")
        assert [violation.field for violation in error.field_violations] == ["parent"]
