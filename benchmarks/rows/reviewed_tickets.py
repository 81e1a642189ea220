"""Tickets for recoveries: each has a review at the local review site."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Final

import httpx
from google.protobuf.timestamp_pb2 import Timestamp

from benchmarks import load
from care.v1.review_pb2 import Review
from care.v1.review_service_pb2 import IngestReviewRequest
from care.v1.ticket_pb2 import Ticket
from care.v1.ticket_service_pb2 import CreateTicketRequest, TakeTicketRequest
from care_client.client import CareClient
from care_dev.data.reviews import GoogleReview, Reviewer, StarRating, dump_reviews

ORGANIZATION: Final = "recoveries"
_PARENT: Final = f"organizations/{ORGANIZATION}"
_AUTHOR: Final = "A customer"
_TEXT: Final = "Cold soup."


async def create_tickets(site: str, service: CareClient, agent: CareClient, number: int) -> Sequence[str]:
    """Publishes reviews at the site. Creates a ticket for each, and takes it as `agent`. Returns the tickets' names."""
    now = datetime.now(UTC)
    published = [
        GoogleReview(
            name=f"accounts/1/locations/soho/reviews/review-{index}",
            review_id=f"review-{index}",
            star_rating=StarRating.ONE,
            create_time=now,
            update_time=now,
            reviewer=Reviewer(display_name=_AUTHOR),
            comment=_TEXT,
        )
        for index in range(number)
    ]
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        url = f"{site}/v1/{ORGANIZATION}/reviews"
        (await http.put(url, content=dump_reviews(published))).raise_for_status()
    written = Timestamp()
    written.FromDatetime(now)
    names: list[str] = []

    async def create(index: int) -> None:
        review = Review(
            site="local",
            external_id=f"review-{index}",
            location=f"{_PARENT}/locations/soho",
            author_display_name=_AUTHOR,
            stars=1,
            text=_TEXT,
            create_time=written,
        )
        ingest = IngestReviewRequest(parent=_PARENT, review=review)
        name = (await service.reviews.IngestReview(ingest)).review.name
        given = CreateTicketRequest(parent=_PARENT, ticket=Ticket(review=name))
        ticket = (await service.tickets.CreateTicket(given)).ticket
        await agent.tickets.TakeTicket(TakeTicketRequest(name=ticket.name))
        names.append(ticket.name)

    await load.run(create, count(), number)
    return names
