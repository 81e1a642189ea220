"""Batch methods: each item succeeds or fails on its own, as in a call of the single method."""

from __future__ import annotations

from uuid import uuid4

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_pb2
from care.v1 import ticket_service_pb2 as tickets
from care.v1.review_pb2 import Review
from care.v1.ticket_pb2 import Ticket
from tests.integration.service.commands import assert_refused
from tests.support.care import refusal
from tests.support.tenant import Tenant

OK = grpc.StatusCode.OK.value[0]


def info(status: Status) -> tuple[str, dict[str, str]]:
    """Returns the reason of a failed item and its metadata."""
    unpacked = ErrorInfo()
    assert status.details[0].Unpack(unpacked)
    assert unpacked.domain == "care"
    assert status.code != OK
    assert status.message
    return unpacked.reason, dict(unpacked.metadata)


def close_request(tenant: Tenant, *names: str, request_id: str = "") -> tickets.BatchCloseTicketsRequest:
    items = [tickets.CloseTicketRequest(name=name) for name in names]
    return tickets.BatchCloseTicketsRequest(parent=tenant.name, requests=items, request_id=request_id)


async def test_each_item_of_a_batch_succeeds_or_fails_by_itself(tenant: Tenant) -> None:
    mine, others, nobodys = await tenant.ticket(), await tenant.ticket("bob"), await tenant.ticket(None)
    missing = f"{tenant.name}/tickets/999999"
    request = close_request(tenant, mine.name, others.name, nobodys.name, missing, mine.name)
    results = (await tenant.agent("alice").tickets.BatchCloseTickets(request)).results
    assert [each.name for each in results] == [mine.name, others.name, nobodys.name, missing, mine.name]
    closed, foreign, unowned, unknown, again = results
    assert (closed.status.code, closed.ticket.status) == (OK, ticket_pb2.TICKET_STATUS_CLOSED)
    assert info(foreign.status) == (
        "NOT_ASSIGNEE",
        {"ticket": others.name, "assignee": tenant.agent_name("bob")},
    )
    assert info(unowned.status) == ("UNASSIGNED", {"ticket": nobodys.name})
    assert info(unknown.status) == ("RESOURCE_NOT_FOUND", {"resource": missing})
    assert info(again.status)[0] == "TICKET_CLOSED"
    assert not again.HasField("ticket")
    assert (await tenant.get(others)).status == ticket_pb2.TICKET_STATUS_OPEN


async def test_a_batch_resolves_tickets(tenant: Tenant) -> None:
    owned = [await tenant.ticket() for _ in range(3)]
    items = [tickets.ResolveTicketRequest(name=ticket.name) for ticket in owned]
    request = tickets.BatchResolveTicketsRequest(parent=tenant.name, requests=items)
    results = (await tenant.agent("alice").tickets.BatchResolveTickets(request)).results
    assert {each.status.code for each in results} == {OK}
    assert {each.ticket.status for each in results} == {ticket_pb2.TICKET_STATUS_RESOLVED}
    assert [await tenant.get(ticket) for ticket in owned] == [each.ticket for each in results]


async def test_a_supervisors_batch_assigns_with_an_override(tenant: Tenant) -> None:
    await tenant.meet("bob")
    await tenant.toggle("carol", can_be_assignee=False)
    ticket = await tenant.ticket()
    items = [
        tickets.AssignTicketRequest(name=ticket.name, assignee=tenant.agent_name(agent)) for agent in ("bob", "carol")
    ]
    request = tickets.BatchAssignTicketsRequest(parent=tenant.name, requests=items)
    to_bob, to_carol = (await tenant.supervisor.tickets.BatchAssignTickets(request)).results
    assert to_bob.ticket.assignee == tenant.agent_name("bob")
    assert info(to_carol.status) == (
        "NOT_ASSIGNABLE",
        {"ticket": ticket.name, "agent": tenant.agent_name("carol")},
    )
    assert (await tenant.log_types(ticket))[0] == "ASSIGNED_BY_OVERRIDE"


async def test_a_repeated_batch_acts_once_and_retries_the_refused_items(tenant: Tenant) -> None:
    mine, others = await tenant.ticket(), await tenant.ticket("bob")
    request = close_request(tenant, mine.name, others.name, request_id=str(uuid4()))
    alice = tenant.agent("alice").tickets
    first = (await alice.BatchCloseTickets(request)).results
    hand_over = tickets.AssignTicketRequest(name=others.name, assignee=tenant.agent_name("alice"))
    await tenant.agent("bob").tickets.AssignTicket(hand_over)
    second = (await alice.BatchCloseTickets(request)).results
    assert second[0] == first[0]
    assert (await tenant.log_types(mine)).count("CLOSED") == 1
    assert (second[1].status.code, second[1].ticket.status) == (OK, ticket_pb2.TICKET_STATUS_CLOSED)
    assert await alice.BatchCloseTickets(request) == tickets.BatchCloseTicketsResponse(results=second)
    request.request_id = request.request_id.upper()
    assert await alice.BatchCloseTickets(request) == tickets.BatchCloseTicketsResponse(results=second)


async def test_an_item_keeps_its_own_etag_and_request_id(tenant: Tenant) -> None:
    ticket, request_id = await tenant.ticket(), str(uuid4())
    items = [
        tickets.CloseTicketRequest(name=ticket.name, etag="1"),
        tickets.CloseTicketRequest(name=ticket.name, etag=ticket.etag, request_id=request_id),
    ]
    request = tickets.BatchCloseTicketsRequest(parent=tenant.name, requests=items, request_id=str(uuid4()))
    stale, closed = (await tenant.agent("alice").tickets.BatchCloseTickets(request)).results
    assert info(stale.status) == ("ETAG_MISMATCH", {"ticket": ticket.name, "etag": ticket.etag})
    assert closed.status.code == OK
    assert (await tenant.log(ticket))[0].request_id == request_id


@pytest.mark.parametrize("count", [0, 101])
async def test_a_batch_has_one_to_a_hundred_items(tenant: Tenant, count: int) -> None:
    request = close_request(tenant, *[f"{tenant.name}/tickets/1"] * count)
    error = await refusal(tenant.agent("alice").tickets.BatchCloseTickets(request))
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == ["requests"]


async def test_an_item_of_another_organization_fails_the_whole_batch(tenant: Tenant) -> None:
    mine = await tenant.ticket()
    request = close_request(tenant, mine.name, "organizations/elsewhere/tickets/1")
    error = await refusal(tenant.agent("alice").tickets.BatchCloseTickets(request))
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == ["requests[1]"]
    assert (await tenant.get(mine)).status == ticket_pb2.TICKET_STATUS_OPEN


async def test_a_batch_below_another_organization_is_not_found(tenant: Tenant) -> None:
    item = tickets.CloseTicketRequest(name="organizations/elsewhere/tickets/1")
    request = tickets.BatchCloseTicketsRequest(parent="organizations/elsewhere", requests=[item])
    error = await refusal(tenant.agent("alice").tickets.BatchCloseTickets(request))
    assert_refused(error, "RESOURCE_NOT_FOUND", {"resource": "organizations/elsewhere"})


async def test_a_batch_of_reviews_is_ingested_item_by_item(tenant: Tenant) -> None:
    good = await tenant.review()
    edited = Review()
    edited.CopyFrom(good)
    edited.text = "Cold soup, twice."
    bad = Review()
    bad.CopyFrom(good)
    bad.stars = 9
    items = [reviews.IngestReviewRequest(review=review) for review in (edited, bad)]
    request = reviews.BatchIngestReviewsRequest(parent=tenant.name, requests=items, request_id=str(uuid4()))
    taken, refused = (await tenant.service.reviews.BatchIngestReviews(request)).results
    assert (taken.status.code, taken.review.name, taken.review.text) == (OK, good.name, "Cold soup, twice.")
    assert info(refused.status)[0] == "INVALID_FIELD"
    stored = await tenant.service.reviews.GetReview(reviews.GetReviewRequest(name=good.name))
    assert stored.review == taken.review
    assert await tenant.service.reviews.BatchIngestReviews(request) == reviews.BatchIngestReviewsResponse(
        results=[taken, refused]
    )


async def test_an_item_of_a_batch_must_name_a_ticket(tenant: Tenant) -> None:
    request = close_request(tenant, "nonsense")
    (result,) = (await tenant.agent("alice").tickets.BatchCloseTickets(request)).results
    assert info(result.status)[0] == "INVALID_FIELD"
    assert result.ticket == Ticket()
