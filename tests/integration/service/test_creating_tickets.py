"""CreateTicket: the fields of a new ticket, those it takes from its review, and its refusals."""

from __future__ import annotations

import pytest

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import message_pb2, ticket_pb2
from care.v1 import review_service_pb2 as reviews
from care.v1.ticket_pb2 import Ticket
from tests.integration.service.commands import Target, assert_refused, run
from tests.integration.service.ticket_calls import create_ticket
from tests.support.care import refusal
from tests.support.tenant import Tenant


async def test_a_new_ticket_is_open_and_unassigned_and_has_one_activity(tenant: Tenant) -> None:
    given = Ticket(
        subject="Cold soup",
        description="Twice now.",
        location=f"{tenant.name}/locations/soho",
        priority=ticket_pb2.TICKET_PRIORITY_HIGH,
        labels=["vip", "food", "vip"],
    )
    ticket = await create_ticket(tenant.agent("alice"), tenant, given)
    assert (ticket.name, ticket.number, ticket.etag) == (f"{tenant.name}/tickets/1", 1, "1")
    assert (ticket.subject, ticket.description) == ("Cold soup", "Twice now.")
    assert (ticket.status, ticket.assignee) == (ticket_pb2.TICKET_STATUS_OPEN, "")
    assert ticket.contact_state == ticket_pb2.CONTACT_STATE_NO_CONTACT
    assert ticket.priority == ticket_pb2.TICKET_PRIORITY_HIGH
    assert list(ticket.labels) == ["food", "vip"]
    assert ticket.reporter == tenant.agent_name("alice")
    assert await tenant.log_types(ticket) == ["CREATED"]
    assert await tenant.get(ticket) == ticket
    assert (await create_ticket(tenant.agent("alice"), tenant, given)).number == 2


async def test_a_service_that_creates_a_ticket_is_not_its_reporter(tenant: Tenant) -> None:
    given = Ticket(subject="Cold soup", location=f"{tenant.name}/locations/soho")
    ticket = await create_ticket(tenant.service, tenant, given)
    assert (ticket.reporter, ticket.priority) == ("", ticket_pb2.TICKET_PRIORITY_NORMAL)


async def test_output_only_values_of_a_new_ticket_are_ignored(tenant: Tenant) -> None:
    given = Ticket(
        name="organizations/x/tickets/7",
        number=7,
        subject="Cold soup",
        location=f"{tenant.name}/locations/soho",
        status=ticket_pb2.TICKET_STATUS_CLOSED,
        assignee=tenant.agent_name("bob"),
        reporter=tenant.agent_name("bob"),
        etag="9",
    )
    ticket = await create_ticket(tenant.service, tenant, given)
    assert (ticket.number, ticket.status, ticket.assignee, ticket.reporter, ticket.etag) == (
        1,
        ticket_pb2.TICKET_STATUS_OPEN,
        "",
        "",
        "1",
    )


async def test_a_ticket_takes_missing_fields_from_its_review(tenant: Tenant) -> None:
    review = await tenant.review(text="Cold soup, twice.")
    ticket = await create_ticket(tenant.agent("alice"), tenant, Ticket(review=review.name))
    assert (ticket.location, ticket.review) == (review.location, review.name)
    assert ticket.subject
    alice = tenant.agent("alice")
    thread = (await alice.conversations.ListMessages(conversations.ListMessagesRequest(parent=ticket.name))).messages
    assert [(entry.kind, entry.text, entry.author_display_name) for entry in thread] == [
        (message_pb2.MESSAGE_KIND_REVIEW, "Cold soup, twice.", "Robin P.")
    ]
    found = (await alice.reviews.GetReview(reviews.GetReviewRequest(name=review.name))).review
    assert found.ticket == ticket.name
    own = await create_ticket(alice, tenant, Ticket(review=(await tenant.review()).name, subject="Mine"))
    assert own.subject == "Mine"


async def test_a_ticket_must_have_the_location_of_its_review(tenant: Tenant) -> None:
    review = await tenant.review()
    given = Ticket(review=review.name, location=f"{tenant.name}/locations/camden")
    error = await refusal(create_ticket(tenant.service, tenant, given))
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == ["ticket.location"]


async def test_a_review_has_at_most_one_ticket_that_is_not_closed(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    given = Ticket(review=ticket.review)
    error = await refusal(create_ticket(tenant.service, tenant, given))
    assert_refused(error, "TICKET_EXISTS", {"ticket": ticket.name, "review": ticket.review})
    await run(tenant.agent("alice"), "CloseTicket", Target(tenant, ticket))
    second = await create_ticket(tenant.service, tenant, given)
    # A refusal takes no number.
    assert (ticket.number, second.number) == (1, 2)
    error = await refusal(create_ticket(tenant.service, tenant, given))
    assert_refused(error, "TICKET_EXISTS", {"ticket": second.name, "review": ticket.review})


async def test_an_agent_who_may_not_report_tickets_cannot_create_one(tenant: Tenant) -> None:
    await tenant.toggle("bob", can_be_reporter=False)
    given = Ticket(subject="Cold soup", location=f"{tenant.name}/locations/soho")
    error = await refusal(create_ticket(tenant.agent("bob"), tenant, given))
    assert_refused(error, "REPORTER_NOT_ALLOWED", {"agent": tenant.agent_name("bob")})


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        (Ticket(), {"ticket.subject", "ticket.location"}),
        (Ticket(subject="Cold soup"), {"ticket.location"}),
        (Ticket(subject=" ", location="{}/locations/soho"), {"ticket.subject"}),
        (Ticket(subject="s" * 201, location="{}/locations/soho"), {"ticket.subject"}),
        (Ticket(subject="Cold\nsoup", location="{}/locations/soho"), {"ticket.subject"}),
        (Ticket(subject="Cold\0soup", location="{}/locations/soho"), {"ticket.subject"}),
        (Ticket(subject="Cold soup", location="{}/locations/so ho"), {"ticket.location"}),
        (Ticket(subject="Cold soup", location="organizations/other/locations/soho"), {"ticket.location"}),
        (Ticket(subject="Soup", location="{}/locations/soho", description="d" * 10_001), {"ticket.description"}),
        (Ticket(subject="Soup", location="{}/locations/soho", labels=["VIP"]), {"ticket.labels"}),
        (Ticket(subject="Soup", location="{}/locations/soho", labels=["v" * 41]), {"ticket.labels"}),
        (Ticket(subject="Soup", location="{}/locations/soho", labels=list(map(str, range(21)))), {"ticket.labels"}),
        (Ticket(review="{}/reviews/nonsense"), {"ticket.review"}),
    ],
)
async def test_the_refusal_of_a_new_ticket_names_the_invalid_fields(
    tenant: Tenant, given: Ticket, fields: set[str]
) -> None:
    sent = Ticket.FromString(given.SerializeToString())
    sent.location, sent.review = given.location.format(tenant.name), given.review.format(tenant.name)
    error = await refusal(create_ticket(tenant.agent("alice"), tenant, sent))
    assert_refused(error, "INVALID_FIELD")
    assert {violation.field for violation in error.field_violations} == fields


async def test_an_unknown_priority_is_refused(tenant: Tenant) -> None:
    unknown = Ticket.FromString(b"\x58\x63")  # field 11, the priority: 99
    unknown.MergeFrom(Ticket(subject="Cold soup", location=f"{tenant.name}/locations/soho"))
    error = await refusal(create_ticket(tenant.agent("alice"), tenant, unknown))
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == ["ticket.priority"]


async def test_an_unknown_review_is_not_found(tenant: Tenant) -> None:
    missing = f"{tenant.name}/reviews/0190a0a0-0000-7000-8000-000000000000"
    error = await refusal(create_ticket(tenant.agent("alice"), tenant, Ticket(review=missing)))
    assert_refused(error, "RESOURCE_NOT_FOUND", {"resource": missing})
