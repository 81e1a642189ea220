"""Follow-up tickets: where a submission to the form of a CLOSED ticket goes."""

from __future__ import annotations

from collections.abc import Awaitable
from uuid import uuid4

import pytest

from care.v1 import activity_pb2, recovery_pb2, ticket_pb2
from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1.recovery_pb2 import Contact, Recovery
from care.v1.ticket_pb2 import Ticket
from care_rules.snapshot import TicketSnapshot
from care_service.storage import tickets as storage
from tests.integration.service.clocks import SettableClock
from tests.integration.service.commands import assert_refused
from tests.support.care import refusal
from tests.support.tenant import Tenant


async def closed_ticket(tenant: Tenant, state: str = "AWAITING_CONTACT") -> tuple[Ticket, Recovery]:
    """Creates a CLOSED ticket of alice with a form that was in `state` before the close."""
    ticket = await tenant.ticket()
    recovery = await tenant.in_recovery_state(ticket, state)
    await close(tenant, ticket)
    return await tenant.get(ticket), recovery


async def close(tenant: Tenant, ticket: Ticket) -> None:
    await tenant.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))


async def follow_up_of(tenant: Tenant, ticket: Ticket) -> Ticket:
    return await tenant.get(Ticket(name=(await tenant.get(ticket)).follow_up))


async def contacts(tenant: Tenant, ticket: Ticket) -> list[Contact]:
    request = conversations.ListContactsRequest(parent=ticket.name)
    return list((await tenant.agent("alice").conversations.ListContacts(request)).contacts)


async def test_a_submission_after_the_close_creates_a_ticket_that_is_linked_both_ways(tenant: Tenant) -> None:
    before, recovery = await closed_ticket(tenant)
    await tenant.submit(recovery, message="I am back")
    follow_up = await follow_up_of(tenant, before)
    assert follow_up.follow_up_of == before.name
    assert (follow_up.review, follow_up.location, follow_up.assignee) == (
        before.review,
        before.location,
        tenant.agent_name("alice"),
    )
    assert (follow_up.status, follow_up.contact_state, follow_up.reporter) == (
        ticket_pb2.TICKET_STATUS_OPEN,
        ticket_pb2.CONTACT_STATE_CONTACT_RECEIVED,
        "",
    )
    assert follow_up.customer.email == "robin@example.com"
    found = await tenant.recovery(Recovery(name=follow_up.recovery))
    assert (found.kind, found.contact.message) == (recovery_pb2.RECOVERY_KIND_DIRECT, "I am back")
    assert await tenant.wakes(follow_up.recovery) == 1
    (entry,) = await tenant.log(follow_up)
    assert (entry.type, entry.actor_kind) == (activity_pb2.ACTIVITY_TYPE_CREATED, activity_pb2.ACTOR_KIND_CUSTOMER)
    review = reviews.GetReviewRequest(name=before.review)
    assert (await tenant.service.reviews.GetReview(review)).review.ticket == follow_up.name


async def test_a_follow_up_does_not_inherit_the_external_reference(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    alice = tenant.agent("alice").tickets
    given = Ticket(name=ticket.name, external_reference="ORD-1042")
    await alice.UpdateTicket(tickets.UpdateTicketRequest(ticket=given))
    recovery = await tenant.in_recovery_state(ticket, "AWAITING_CONTACT")
    await close(tenant, ticket)
    await tenant.submit(recovery)
    assert (await follow_up_of(tenant, ticket)).external_reference == ""
    assert (await tenant.get(ticket)).external_reference == "ORD-1042"


async def test_only_the_follow_up_of_the_closed_ticket_changes(tenant: Tenant) -> None:
    before, recovery = await closed_ticket(tenant)
    log = await tenant.log(before)
    await tenant.submit(recovery)
    after = await tenant.get(before)
    assert after.follow_up
    after.follow_up = ""
    assert (after, await tenant.log(before)) == (before, log)


async def test_an_answered_form_accepts_a_submission_after_the_close(tenant: Tenant) -> None:
    for state in ("CHAT_UNLOCKED", "REJECTED"):
        ticket, recovery = await closed_ticket(tenant, state)
        await tenant.submit(recovery, email="kim@example.com")
        assert (await follow_up_of(tenant, ticket)).customer.email == "kim@example.com"


async def test_a_form_that_was_withdrawn_before_the_close_accepts_no_submission(tenant: Tenant) -> None:
    ticket, recovery = await closed_ticket(tenant, "WITHDRAWN")
    request = customers.SubmitContactRequest(token=tenant.form_token(recovery), email="robin@example.com", consent=True)
    assert_refused(await refusal(tenant.customer.customers.SubmitContact(request)), "LINK_WITHDRAWN")
    assert (await tenant.get(ticket)).follow_up == ""


async def test_the_link_of_a_closed_ticket_expires(timed: Tenant, clock: SettableClock) -> None:
    ticket, recovery = await closed_ticket(timed)
    clock.advance(days=30)
    request = customers.SubmitContactRequest(token=timed.form_token(recovery), email="robin@example.com", consent=True)
    assert_refused(await refusal(timed.customer.customers.SubmitContact(request)), "LINK_EXPIRED")
    assert (await timed.get(ticket)).follow_up == ""


async def test_a_further_submission_is_a_claim_of_the_follow_up(tenant: Tenant) -> None:
    ticket, recovery = await closed_ticket(tenant)
    await tenant.submit(recovery)
    before = await follow_up_of(tenant, ticket)
    await tenant.submit(recovery, email="kim@example.com")
    after = await tenant.get(before)
    assert (after.customer, after.contact_state, after.recovery) == (
        before.customer,
        before.contact_state,
        before.recovery,
    )
    assert [each.email for each in await contacts(tenant, after)] == ["robin@example.com", "kim@example.com"]
    assert (await contacts(tenant, after))[1].recovery == recovery.name
    newest = (await tenant.log(after))[0]
    assert (newest.type, newest.recovery) == (activity_pb2.ACTIVITY_TYPE_CONTACT_CLAIMED, "")
    # The same contact again changes nothing.
    await tenant.submit(recovery, email="kim@example.com")
    await tenant.submit(recovery)
    assert (await tenant.get(after)).etag == after.etag


async def test_later_submissions_go_to_the_last_ticket_of_the_chain(tenant: Tenant) -> None:
    first, recovery = await closed_ticket(tenant)
    await tenant.submit(recovery, email="one@example.com")
    second = await follow_up_of(tenant, first)
    await close(tenant, second)
    await tenant.submit(recovery, email="two@example.com")
    third = await follow_up_of(tenant, second)
    assert third.follow_up_of == second.name
    assert (await tenant.get(first)).follow_up == second.name
    assert third.customer.email == "two@example.com"
    await tenant.submit(recovery, email="three@example.com")
    assert [each.email for each in await contacts(tenant, third)] == ["two@example.com", "three@example.com"]


async def test_a_submission_is_a_claim_of_another_ticket_of_the_review_that_is_not_closed(tenant: Tenant) -> None:
    ticket, recovery = await closed_ticket(tenant)
    create = tickets.CreateTicketRequest(parent=tenant.name, ticket=Ticket(review=ticket.review))
    other = (await tenant.service.tickets.CreateTicket(create)).ticket
    await tenant.submit(recovery)
    assert (await tenant.get(ticket)).follow_up == ""
    after = await tenant.get(other)
    assert after.contact_state == ticket_pb2.CONTACT_STATE_NO_CONTACT
    assert [each.email for each in await contacts(tenant, other)] == ["robin@example.com"]
    assert await tenant.log_types(other) == ["CONTACT_CLAIMED", "CREATED"]


async def test_an_agent_who_can_no_longer_be_assigned_does_not_get_the_follow_up(tenant: Tenant) -> None:
    ticket, recovery = await closed_ticket(tenant)
    await tenant.toggle("alice", can_be_assignee=False)
    await tenant.submit(recovery)
    follow_up = await follow_up_of(tenant, ticket)
    assert follow_up.assignee == ""
    take = tickets.TakeTicketRequest(name=follow_up.name)
    assert (await tenant.agent("bob").tickets.TakeTicket(take)).ticket.assignee == tenant.agent_name("bob")


async def test_a_repeated_request_creates_one_follow_up_even_after_that_was_closed(tenant: Tenant) -> None:
    ticket, recovery = await closed_ticket(tenant)
    request = customers.SubmitContactRequest(
        token=tenant.form_token(recovery), email="robin@example.com", consent=True, request_id=str(uuid4())
    )
    submit = tenant.customer.customers.SubmitContact
    answer = await submit(request)
    assert answer.reference == (await tenant.recovery(recovery)).reference
    follow_up = await follow_up_of(tenant, ticket)
    await close(tenant, follow_up)
    assert await submit(request) == answer
    assert (await tenant.get(follow_up)).follow_up == ""


def in_between(monkeypatch: pytest.MonkeyPatch, happening: Awaitable[object]) -> None:
    """Runs `happening` once, between finding the ticket that receives a submission and loading that ticket."""
    # The first load only finds the recovery of the link.
    load, still_to_come = storage._load_snapshot, [happening, None]

    async def interrupted(
        connection: storage.Connection, organization: str, number: int | None, agent: str | None
    ) -> TicketSnapshot:
        if still_to_come and (now := still_to_come.pop()):
            await now
        return await load(connection, organization, number, agent)

    monkeypatch.setattr(storage, "_load_snapshot", interrupted)


async def test_a_submission_during_the_close_of_the_follow_up_creates_the_next_one(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, recovery = await closed_ticket(tenant)
    await tenant.submit(recovery)
    second = await follow_up_of(tenant, first)
    in_between(monkeypatch, close(tenant, second))
    await tenant.submit(recovery, email="sam@example.com")
    third = await follow_up_of(tenant, second)
    assert third.customer.email == "sam@example.com"
    assert (await tenant.log(second))[0].type == activity_pb2.ACTIVITY_TYPE_CLOSED


async def test_a_submission_during_the_creation_of_a_follow_up_is_a_claim_of_it(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, recovery = await closed_ticket(tenant)
    in_between(monkeypatch, tenant.submit(recovery))
    await tenant.submit(recovery, email="sam@example.com")
    second = await follow_up_of(tenant, first)
    assert second.customer.email == "robin@example.com"
    assert {contact.email for contact in await contacts(tenant, second)} == {"robin@example.com", "sam@example.com"}
