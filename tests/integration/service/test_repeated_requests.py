"""Creations, submissions and directory updates that are repeated with their request ID."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from itertools import count
from uuid import uuid4

import pytest
from google.protobuf.message import Message

from care.v1 import customer_service_pb2 as customers
from care.v1 import directory_service_pb2 as directory
from care.v1 import ticket_service_pb2 as tickets
from care.v1.directory_pb2 import Agent, Location, Organization
from care.v1.ticket_pb2 import Ticket
from care_client.client import CareClient
from tests.integration.service.commands import assert_refused
from tests.integration.service.simultaneous import reassign_and_close, repeat
from tests.support.care import refusal
from tests.support.tenant import Tenant


async def test_fifty_repeats_of_a_creation_create_one_ticket_even_after_it_was_closed(tenant: Tenant) -> None:
    review = await tenant.review()
    create = tickets.CreateTicketRequest(parent=tenant.name, ticket=Ticket(review=review.name), request_id=str(uuid4()))
    client = tenant.agent("alice")
    ticket = tickets.CreateTicketResponse.FromString(await repeat(lambda: client.tickets.CreateTicket(create))).ticket
    listed = await client.tickets.ListTickets(tickets.ListTicketsRequest(parent=tenant.name))
    assert [each.name for each in listed.tickets] == [ticket.name]
    await reassign_and_close(tenant, ticket)
    # The review could have a new ticket now, but the repeat still returns the old one.
    assert (await client.tickets.CreateTicket(create)).ticket == ticket
    other = tickets.CreateTicketRequest()
    other.CopyFrom(create)
    other.ticket.subject = "Another"
    error = await refusal(client.tickets.CreateTicket(other))
    assert_refused(error, "REQUEST_ID_REUSED", {"request_id": create.request_id})


async def test_fifty_repeats_of_a_submission_store_one_contact(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.form(ticket)
    submit = customers.SubmitContactRequest(
        token=tenant.form_token(recovery), email="robin@example.com", consent=True, request_id=str(uuid4())
    )
    client = tenant.customer.customers
    await repeat(lambda: client.SubmitContact(submit))
    assert await tenant.log_types(ticket) == ["CONTACT_SUBMITTED", "FORM_REQUESTED", "TAKEN", "CREATED"]
    assert not (await tenant.recovery(recovery)).claims


async def test_a_repeated_submission_succeeds_even_after_the_form_ended(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.form(ticket)
    submit = customers.SubmitContactRequest(
        token=tenant.form_token(recovery), email="robin@example.com", consent=True, request_id=str(uuid4())
    )
    client = tenant.customer.customers
    await asyncio.gather(*(client.SubmitContact(submit) for _ in range(5)))
    assert (await tenant.log_types(ticket)).count("CONTACT_SUBMITTED") == 1
    await reassign_and_close(tenant, ticket)
    await client.SubmitContact(submit)
    other = customers.SubmitContactRequest()
    other.CopyFrom(submit)
    other.email = "kim@example.com"
    error = await refusal(client.SubmitContact(other))
    assert error.reason == "REQUEST_ID_REUSED"
    assert "ticket" not in error.metadata


_names = count(1)


def directory_updates(tenant: Tenant, request_id: str) -> Sequence[tuple[str, Message, Message]]:
    """Returns for each update method its name, a request, and another request that changes the same field."""
    agent, place = tenant.agent_name("bob"), f"{tenant.name}/locations/camden"
    label = f"Name {next(_names)}"
    return [
        (
            "UpdateAgent",
            directory.UpdateAgentRequest(agent=Agent(name=agent, display_name=label), request_id=request_id),
            directory.UpdateAgentRequest(agent=Agent(name=agent, display_name="Robert")),
        ),
        (
            "UpdateOrganization",
            directory.UpdateOrganizationRequest(
                organization=Organization(name=tenant.name, display_name=label), request_id=request_id
            ),
            directory.UpdateOrganizationRequest(organization=Organization(name=tenant.name, display_name="Soup & Co")),
        ),
        (
            "UpdateLocation",
            directory.UpdateLocationRequest(
                location=Location(name=place, display_name=label), allow_missing=True, request_id=request_id
            ),
            directory.UpdateLocationRequest(location=Location(name=place, display_name="Camden")),
        ),
    ]


@pytest.mark.parametrize("index", range(3), ids=["UpdateAgent", "UpdateOrganization", "UpdateLocation"])
async def test_fifty_repeats_of_a_directory_update_act_once_and_get_the_same_answer(tenant: Tenant, index: int) -> None:
    await tenant.meet("bob")
    client, request_id = tenant.supervisor, str(uuid4())
    method, update, other = directory_updates(tenant, request_id)[index]
    answer = await repeat(lambda: call_directory(client, method, update))
    later = await call_directory(client, method, other)
    again = await call_directory(client, method, update)
    assert again.SerializeToString(deterministic=True) == answer
    # The repeat wrote nothing: the later value is still stored.
    assert await stored_name(client, method, tenant) == shown_name(later)
    reused = type(other)()
    reused.CopyFrom(other)
    reused.request_id = request_id  # type: ignore[attr-defined]
    error = await refusal(call_directory(client, method, reused))
    assert_refused(error, "REQUEST_ID_REUSED", {"request_id": request_id})


def call_directory(client: CareClient, method: str, message: Message) -> Awaitable[Message]:
    answer: Awaitable[Message] = getattr(client.directory, method)(message)
    return answer


async def stored_name(client: CareClient, method: str, tenant: Tenant) -> str:
    match method:
        case "UpdateAgent":
            found: Message = await client.directory.GetAgent(directory.GetAgentRequest(name=tenant.agent_name("bob")))
        case "UpdateOrganization":
            found = await client.directory.GetOrganization(directory.GetOrganizationRequest(name=tenant.name))
        case _:
            place = f"{tenant.name}/locations/camden"
            found = await client.directory.GetLocation(directory.GetLocationRequest(name=place))
    return shown_name(found)


def shown_name(answer: Message) -> str:
    (entry,) = (value for _, value in answer.ListFields())
    return str(entry.display_name)
