"""ListTickets finds a ticket by the current values of its review and its own fields."""

from __future__ import annotations

from datetime import timedelta

from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1.review_pb2 import Review
from care.v1.ticket_pb2 import (
    Ticket,
)
from tests.support.tenant import Tenant, timestamp


async def test_an_edited_review_is_found_by_its_new_text_and_stars(tenant: Tenant) -> None:
    review = await tenant.review(1, "Cold soup.")
    given = Ticket(review=review.name, subject="Umbrella")
    ticket = (
        await tenant.service.tickets.CreateTicket(tickets.CreateTicketRequest(parent=tenant.name, ticket=given))
    ).ticket
    edit = Review()
    edit.CopyFrom(review)
    edit.stars, edit.text = 4, "Warm noodles."
    edit.update_time.CopyFrom(timestamp(review.create_time.ToDatetime() + timedelta(days=1)))
    await tenant.service.reviews.IngestReview(reviews.IngestReviewRequest(parent=tenant.name, review=edit))

    async def finds(text: str) -> bool:
        request = tickets.ListTicketsRequest(parent=tenant.name, filter=text)
        return [each.name for each in (await tenant.service.tickets.ListTickets(request)).tickets] == [ticket.name]

    assert await finds("stars = 4 noodles umbrella")
    assert not await finds("soup")
    assert not await finds("stars = 1")
    alice = tenant.agent("alice").tickets
    await alice.TakeTicket(tickets.TakeTicketRequest(name=ticket.name))
    change = Ticket(name=ticket.name, subject="Parasol", labels=["sun"])
    await alice.UpdateTicket(tickets.UpdateTicketRequest(ticket=change))
    assert await finds("stars = 4 noodles parasol labels:sun")
    assert not await finds("umbrella")
