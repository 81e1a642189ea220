"""Edits of a review at its site become further messages in the thread of its ticket."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from care.v1 import activity_pb2
from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1.review_pb2 import Review
from care.v1.ticket_pb2 import Ticket
from tests.support.tenant import Tenant, timestamp

WRITTEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def ingest(tenant: Tenant, review: Review, request_id: str = "") -> Review:
    request = reviews.IngestReviewRequest(parent=tenant.name, review=review, request_id=request_id)
    return (await tenant.service.reviews.IngestReview(request)).review


def edit(review: Review, days: int, *, stars: int = 1, text: str = "Cold soup.") -> Review:
    changed = Review()
    changed.CopyFrom(review)
    changed.stars, changed.text = stars, text
    changed.update_time.CopyFrom(timestamp(WRITTEN + timedelta(days=days)))
    return changed


async def ticket_of(tenant: Tenant, review: Review) -> Ticket:
    request = tickets.CreateTicketRequest(parent=tenant.name, ticket=Ticket(review=review.name))
    ticket = (await tenant.service.tickets.CreateTicket(request)).ticket
    return (await tenant.agent("alice").tickets.TakeTicket(tickets.TakeTicketRequest(name=ticket.name))).ticket


async def test_an_edit_is_a_message_and_one_activity(tenant: Tenant) -> None:
    review = await tenant.review()
    ticket = await ticket_of(tenant, review)
    await ingest(tenant, edit(review, 1, stars=5, text="They made it right."))
    first, second = await tenant.thread(ticket, "REVIEW")
    assert (first.text, second.text) == ("Cold soup.", "They made it right.")
    assert second.create_time.ToDatetime(UTC) == WRITTEN + timedelta(days=1)
    [entry, *_] = await tenant.log(ticket)
    assert (entry.type, entry.message) == (activity_pb2.ACTIVITY_TYPE_REVIEW_EDITED, second.name)
    assert [(each.field, each.before, each.after) for each in entry.changes] == [("review.stars", "1", "5")]
    assert int((await tenant.get(ticket)).etag) == int(ticket.etag) + 1


async def test_an_edit_that_is_invisible_or_older_or_repeated_is_not_noted(tenant: Tenant) -> None:
    review = await tenant.review()
    ticket = await ticket_of(tenant, review)
    request_id = str(uuid4())
    for _ in range(3):
        await ingest(tenant, edit(review, 2, text="Second"), request_id)
    await ingest(tenant, edit(review, 3, text="Second"))
    await ingest(tenant, edit(review, 1, text="Older"))
    assert [entry.text for entry in await tenant.thread(ticket, "REVIEW")] == ["Cold soup.", "Second"]
    assert (await tenant.log_types(ticket)).count("REVIEW_EDITED") == 1


async def test_an_edit_does_not_change_a_closed_ticket_and_the_next_ticket_starts_with_the_current_review(
    tenant: Tenant,
) -> None:
    review = await tenant.review()
    ticket = await ticket_of(tenant, review)
    await tenant.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
    closed = await tenant.get(ticket)
    await ingest(tenant, edit(review, 1, text="Still cold."))
    assert await tenant.get(ticket) == closed
    again = await ticket_of(tenant, review)
    assert [entry.text for entry in await tenant.thread(again, "REVIEW")] == ["Still cold."]


async def test_edits_and_commands_at_once_are_all_logged_in_order(tenant: Tenant) -> None:
    review = await tenant.review()
    ticket = await ticket_of(tenant, review)
    alice = tenant.agent("alice").tickets

    async def rename(number: int) -> None:
        given = Ticket(name=ticket.name, subject=f"Subject {number}")
        await alice.UpdateTicket(tickets.UpdateTicketRequest(ticket=given))

    edits = [ingest(tenant, edit(review, number + 1, text=f"Edit {number}")) for number in range(6)]
    await asyncio.gather(*edits, *(rename(number) for number in range(6)))
    texts = [entry.text for entry in await tenant.thread(ticket, "REVIEW")]
    assert texts[0] == "Cold soup."
    assert texts[-1] == "Edit 5"
    assert texts[1:] == sorted(set(texts[1:]))
    log = await tenant.log(ticket)
    assert [int(entry.name.rpartition("/")[2]) for entry in log] == list(range(len(log), 0, -1))
