"""Contacts from AddContact and CreateTicket: how addresses are normalized and which are refused."""

from __future__ import annotations

import pytest

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import directory_service_pb2 as directory
from care.v1 import recovery_pb2
from care.v1 import ticket_service_pb2 as tickets
from care.v1.directory_pb2 import Location, Organization
from care.v1.recovery_pb2 import Recovery
from care.v1.ticket_pb2 import Customer, Ticket
from tests.integration.service.commands import assert_refused
from tests.integration.service.recovery_states import (
    contact_state_of,
    state_of,
    type_of,
)
from tests.support.care import refusal
from tests.support.tenant import Tenant


@pytest.mark.parametrize(
    ("given", "kept"),
    [("robin@example.com", "robin@example.com"), ("  Robin@EXAMPLE.Com ", "Robin@example.com")],
)
async def test_an_email_address_is_normalized(tenant: Tenant, given: str, kept: str) -> None:
    ticket = await tenant.ticket()
    add = conversations.AddContactRequest(parent=ticket.name, email=given)
    assert (await tenant.agent("alice").conversations.AddContact(add)).recovery.contact.email == kept


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, {"email", "phone"}),
        ({"email": " ", "phone": ""}, {"email", "phone"}),
        ({"email": "robin"}, {"email"}),
        ({"email": "robin@"}, {"email"}),
        ({"email": "robin@example.com\0"}, {"email"}),
        ({"email": "robin@example.com, kim@example.com"}, {"email"}),
        ({"email": "r" * 250 + "@example.com"}, {"email"}),
        ({"phone": "call me"}, {"phone"}),
        ({"phone": "+1 555"}, {"phone"}),
        ({"phone": "+44 20 7946 0018 ext 7"}, {"phone"}),
        ({"phone": "1" * 50}, {"phone"}),
        ({"phone": "+4420\x007946 0018"}, {"phone"}),
        ({"phone": "020 7946 0018"}, {"phone"}),
        ({"email": "robin@example.com", "phone": "nonsense"}, {"phone"}),
        ({"email": "robin@example.com", "display_name": "R" * 201}, {"display_name"}),
        ({"email": "robin@example.com", "display_name": "Robin\nP."}, {"display_name"}),
    ],
)
async def test_the_refusal_of_an_invalid_address_names_the_field(
    tenant: Tenant, fields: dict[str, str], wrong: set[str]
) -> None:
    ticket = await tenant.ticket()
    add = conversations.AddContactRequest(parent=ticket.name, **fields)
    error = await refusal(tenant.agent("alice").conversations.AddContact(add))
    assert_refused(error, "INVALID_FIELD")
    assert {violation.field for violation in error.field_violations} == wrong
    assert await tenant.get(ticket) == ticket


async def test_a_local_number_has_the_region_of_the_location_or_else_of_the_organization(tenant: Tenant) -> None:
    await tenant.settings(Organization(default_phone_region="GB"))
    alice = tenant.agent("alice").conversations
    add = conversations.AddContactRequest(parent=(await tenant.ticket()).name, phone="020 7946 0018")
    assert (await alice.AddContact(add)).ticket.customer.phone == "+442079460018"
    soho = Location(name=f"{tenant.name}/locations/soho", default_phone_region="US")
    await tenant.service.directory.UpdateLocation(directory.UpdateLocationRequest(location=soho))
    add = conversations.AddContactRequest(parent=(await tenant.ticket()).name, phone="(415) 555-2671")
    assert (await alice.AddContact(add)).ticket.customer.phone == "+14155552671"


async def test_a_ticket_created_with_a_contact_begins_with_a_direct_recovery(tenant: Tenant) -> None:
    contact = tickets.NewContact(display_name="Robin", email="robin@example.com", phone="+1 415 555 2671")
    given = Ticket(subject="Cold soup", location=f"{tenant.name}/locations/soho")
    create = tickets.CreateTicketRequest(parent=tenant.name, ticket=given, contact=contact)
    ticket = (await tenant.service.tickets.CreateTicket(create)).ticket
    assert contact_state_of(ticket) == "CONTACT_RECEIVED"
    kept = Customer(display_name="Robin", email="robin@example.com", phone="+14155552671")
    assert ticket.customer == kept
    assert await tenant.get(ticket) == (await tenant.agent("alice").tickets.GetTicket(get(ticket))).ticket
    recovery = await tenant.recovery(Recovery(name=ticket.recovery))
    assert (recovery.kind, state_of(recovery)) == (recovery_pb2.RECOVERY_KIND_DIRECT, "CONTACT_RECEIVED")
    assert [type_of(entry) for entry in await tenant.log(ticket)] == ["CREATED"]
    assert await tenant.wakes(ticket.recovery) == 1


def get(ticket: Ticket) -> tickets.GetTicketRequest:
    return tickets.GetTicketRequest(name=ticket.name)


async def test_a_copy_of_a_ticket_has_no_customer(tenant: Tenant) -> None:
    given = Ticket(subject="Cold soup", location=f"{tenant.name}/locations/soho")
    contact = tickets.NewContact(email="robin@example.com")
    create = tickets.CreateTicketRequest(parent=tenant.name, ticket=given, contact=contact)
    original = (await tenant.service.tickets.CreateTicket(create)).ticket
    assert original.customer.email == "robin@example.com"
    copy = await tenant.service.tickets.CreateTicket(
        tickets.CreateTicketRequest(parent=tenant.name, ticket=await tenant.get(original))
    )
    assert (copy.ticket.subject, copy.ticket.location) == (original.subject, original.location)
    assert (contact_state_of(copy.ticket), copy.ticket.recovery) == ("NO_CONTACT", "")
    assert not copy.ticket.HasField("customer")
    listed = conversations.ListContactsRequest(parent=copy.ticket.name)
    assert list((await tenant.service.conversations.ListContacts(listed)).contacts) == []


async def test_a_customer_in_a_request_is_ignored(tenant: Tenant) -> None:
    customer = Customer(email="robin", phone="none", display_name="R" * 201, verified=True)
    given = Ticket(subject="Cold soup", location=f"{tenant.name}/locations/soho", customer=customer)
    create = tickets.CreateTicketRequest(parent=tenant.name, ticket=given)
    created = (await tenant.service.tickets.CreateTicket(create)).ticket
    assert not created.HasField("customer")
    taken = await tenant.agent("alice").tickets.TakeTicket(tickets.TakeTicketRequest(name=created.name))
    given = Ticket(name=created.name, subject="Hot soup", customer=customer)
    updated = (await tenant.agent("alice").tickets.UpdateTicket(tickets.UpdateTicketRequest(ticket=given))).ticket
    assert (updated.subject, updated.HasField("customer")) == ("Hot soup", False)
    assert updated.etag == str(int(taken.ticket.etag) + 1)


async def test_the_refusal_of_an_invalid_address_of_a_new_ticket_names_its_path(tenant: Tenant) -> None:
    for contact, fields in (
        (tickets.NewContact(email="robin"), ["contact.email"]),
        (tickets.NewContact(phone="+1 555"), ["contact.phone"]),
        (tickets.NewContact(phone="020 7946 0018"), ["contact.phone"]),
        (tickets.NewContact(email="robin@example.com", display_name="R" * 201), ["contact.display_name"]),
        (tickets.NewContact(display_name="Robin"), ["contact.email", "contact.phone"]),
        (tickets.NewContact(), ["contact.email", "contact.phone"]),
    ):
        given = Ticket(subject="Cold soup", location=f"{tenant.name}/locations/soho")
        create = tickets.CreateTicketRequest(parent=tenant.name, ticket=given, contact=contact)
        error = await refusal(tenant.service.tickets.CreateTicket(create))
        assert_refused(error, "INVALID_FIELD")
        assert [violation.field for violation in error.field_violations] == fields
    listed = await tenant.service.tickets.ListTickets(tickets.ListTicketsRequest(parent=tenant.name))
    assert list(listed.tickets) == []
