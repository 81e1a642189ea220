"""Claims: further contacts that were submitted for a ticket, how they are listed, and how one is accepted."""

from __future__ import annotations

import pytest

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import recovery_pb2, ticket_pb2
from care.v1 import ticket_service_pb2 as tickets
from care.v1.recovery_pb2 import Contact, Recovery
from care.v1.ticket_pb2 import Ticket
from tests.integration.service.commands import assert_refused
from tests.support.care import refusal
from tests.support.design_tables import RECOVERY
from tests.support.tenant import Tenant


async def contacts(tenant: Tenant, ticket: Ticket, size: int = 0) -> list[Contact]:
    """Returns all contacts of the ticket, read page by page."""
    found: list[Contact] = []
    request = conversations.ListContactsRequest(parent=ticket.name, page_size=size)
    while True:
        page = await tenant.agent("alice").conversations.ListContacts(request)
        found.extend(page.contacts)
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def ticket_with_claim(tenant: Tenant) -> tuple[Ticket, Recovery]:
    """Creates a ticket of alice whose form a stranger answers first and the customer second."""
    ticket = await tenant.ticket()
    recovery = await tenant.form(ticket)
    await tenant.submit(recovery, email="stranger@example.com")
    await tenant.submit(recovery, email="robin@example.com", display_name="Robin", message="It was me")
    return ticket, recovery


async def accept(tenant: Tenant, ticket: Ticket, claim: str) -> conversations.AddContactResponse:
    request = conversations.AddContactRequest(parent=ticket.name, claim=claim)
    return await tenant.agent("alice").conversations.AddContact(request)


async def reject(tenant: Tenant, recovery: Recovery) -> None:
    request = conversations.RejectContactRequest(name=recovery.name)
    await tenant.agent("alice").conversations.RejectContact(request)


async def test_a_claim_can_be_accepted_in_place_of_a_rejected_contact(tenant: Tenant) -> None:
    ticket, recovery = await ticket_with_claim(tenant)
    (claim,) = (await tenant.recovery(recovery)).claims
    await reject(tenant, recovery)
    answer = await accept(tenant, ticket, claim.id)
    assert answer.recovery.kind == recovery_pb2.RECOVERY_KIND_DIRECT
    assert answer.ticket.contact_state == ticket_pb2.CONTACT_STATE_CONTACT_RECEIVED
    assert (answer.ticket.customer.email, answer.ticket.customer.display_name) == ("robin@example.com", "Robin")
    assert not answer.ticket.customer.verified
    # A contact belongs to one recovery, so the claim is copied and stays a claim.
    assert answer.recovery.contact.id != claim.id
    assert (answer.recovery.contact.recovery, answer.recovery.contact.message) == (answer.recovery.name, "It was me")
    assert list((await tenant.recovery(recovery)).claims) == [claim]
    assert (await tenant.log_types(ticket))[:2] == ["CONTACT_ADDED", "CONTACT_REJECTED"]


async def test_a_claim_from_an_earlier_tickets_link_can_be_accepted_over_a_live_form(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.in_recovery_state(ticket, "ENDED_BY_CLOSE")
    create = tickets.CreateTicketRequest(parent=tenant.name, ticket=Ticket(review=ticket.review))
    other = (await tenant.service.tickets.CreateTicket(create)).ticket
    await tenant.agent("alice").tickets.TakeTicket(tickets.TakeTicketRequest(name=other.name))
    form = await tenant.form(other)
    await tenant.submit(recovery)
    (claim,) = await contacts(tenant, other)
    answer = await accept(tenant, other, claim.id)
    assert answer.ticket.customer.email == "robin@example.com"
    assert (await tenant.recovery(form)).state == recovery_pb2.RECOVERY_STATE_REPLACED


async def test_a_claim_is_not_accepted_while_another_contact_is_known(tenant: Tenant) -> None:
    ticket, recovery = await ticket_with_claim(tenant)
    (claim,) = (await tenant.recovery(recovery)).claims
    request = conversations.AddContactRequest(parent=ticket.name, claim=claim.id)
    error = await refusal(tenant.agent("alice").conversations.AddContact(request))
    assert_refused(
        error,
        "ILLEGAL_TRANSITION",
        {
            "machine": "recovery",
            "state": "CONTACT_RECEIVED",
            "allowed": ",".join(trigger for trigger, (sources, _) in RECOVERY.items() if "CONTACT_RECEIVED" in sources),
            "ticket": ticket.name,
            "trigger": "add_contact",
        },
    )


async def test_a_claim_of_another_ticket_does_not_exist(tenant: Tenant) -> None:
    _, recovery = await ticket_with_claim(tenant)
    (claim,) = (await tenant.recovery(recovery)).claims
    other = await tenant.ticket()
    request = conversations.AddContactRequest(parent=other.name, claim=claim.id)
    error = await refusal(tenant.agent("alice").conversations.AddContact(request))
    assert_refused(error, "RESOURCE_NOT_FOUND", {"resource": f"{other.name}/contacts/{claim.id}"})


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"claim": "robin"}, ["claim"]),
        ({"claim": "00000000-0000-0000-0000-000000000000"}, ["claim"]),
        ({"claim": "0190a0a0-0000-7000-8000-000000000001", "email": "kim@example.com"}, ["claim"]),
        ({"claim": "0190a0a0-0000-7000-8000-000000000001", "display_name": "Kim"}, ["claim"]),
    ],
)
async def test_a_claim_must_be_a_valid_id_without_other_fields_of_a_contact(
    tenant: Tenant, given: dict[str, str], fields: list[str]
) -> None:
    ticket = await tenant.ticket()
    request = conversations.AddContactRequest(parent=ticket.name, **given)
    error = await refusal(tenant.agent("alice").conversations.AddContact(request))
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == fields


@pytest.mark.parametrize("size", [0, 1, 2])
async def test_all_submitted_contacts_are_listed_oldest_first(tenant: Tenant, size: int) -> None:
    ticket, recovery = await ticket_with_claim(tenant)
    await tenant.submit(recovery, email="third@example.com")
    await reject(tenant, recovery)
    request = conversations.AddContactRequest(parent=ticket.name, phone="+14155550123")
    added = (await tenant.agent("alice").conversations.AddContact(request)).recovery
    found = await contacts(tenant, ticket, size)
    assert [each.email or each.phone for each in found] == [
        "stranger@example.com",
        "robin@example.com",
        "third@example.com",
        "+14155550123",
    ]
    assert [each.recovery for each in found] == [recovery.name] * 3 + [added.name]


async def test_all_submissions_to_a_form_get_the_reference_that_the_team_sees(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.form(ticket)
    references = set()
    for number in range(9):
        request = customers.SubmitContactRequest(
            token=tenant.form_token(recovery), email=f"claim{number}@example.com", consent=True
        )
        references.add((await tenant.customer.customers.SubmitContact(request)).reference)
    assert references == {(await tenant.recovery(recovery)).reference}
    end = recovery.name[-8:].upper()
    assert references == {f"{end[:4]}-{end[4:]}"}
