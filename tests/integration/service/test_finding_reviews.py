"""ListReviews: every field of a filter with its comparisons, and words, for a few known reviews."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import grpc
import pytest

from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1.review_pb2 import Review
from care.v1.ticket_pb2 import Ticket
from tests.support.care import Care, refusal
from tests.support.tenant import Tenant, timestamp

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROWS = [
    ("A", "local", 1, "soho", "Cold soup."),
    ("B", "google", 3, "soho", "Слишком холодный СУП"),
    ("C", "google", 5, "camden", "Great pizza, late soup"),
    ("D", "local", 1, "camden", ""),
]
"""External id, site, stars, location and text. Each review was written an hour after the one before."""


async def _ingest(tenant: Tenant) -> dict[str, str]:
    names = {}
    for hour, (external_id, site, stars, location, text) in enumerate(ROWS):
        review = Review(
            site=site,
            external_id=external_id,
            stars=stars,
            location=f"{tenant.name}/locations/{location}",
            text=text,
            create_time=timestamp(START + timedelta(hours=hour)),
        )
        request = reviews.IngestReviewRequest(parent=tenant.name, review=review)
        names[external_id] = (await tenant.service.reviews.IngestReview(request)).review.name
    given = Ticket(review=names["C"])
    await tenant.service.tickets.CreateTicket(tickets.CreateTicketRequest(parent=tenant.name, ticket=given))
    return names


@pytest.fixture(scope="module")
async def known(service: Care) -> Tenant:
    await _ingest(Tenant(service, "known-reviews-other"))
    tenant = Tenant(service, "known-reviews")
    await _ingest(tenant)
    return tenant


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("", "DCBA"),
        ("site = google", "CB"),
        ("site : local", "DA"),
        ("site != google", "DA"),
        ("site = other", ""),
        ("external_id = A", "A"),
        ('external_id != "A"', "DCB"),
        ("site = google external_id:C", "C"),
        ("location = {o}/locations/soho", "BA"),
        ("location != {o}/locations/soho", "DC"),
        ("location = {o}-other/locations/soho", ""),
        ("location:*", "DCBA"),
        ("stars = 1", "DA"),
        ("stars != 1", "CB"),
        ("stars > 1", "CB"),
        ("stars >= 3", "CB"),
        ("stars < 3", "DA"),
        ("stars <= 1", "DA"),
        ("stars:*", "DCBA"),
        ('create_time > "2026-03-01T13:00:00Z"', "DC"),
        ('create_time >= "2026-03-01T14:00:00+01:00"', "DCB"),
        ('create_time < "2026-03-01T13:00:00Z"', "A"),
        ('create_time <= "2026-03-01T13:00:00Z"', "BA"),
        ('create_time = "2026-03-01T13:00:00Z"', "B"),
        ('create_time != "2026-03-01T13:00:00Z"', "DCA"),
        ("ticket = {o}/tickets/1", "C"),
        ("ticket != {o}/tickets/1", "DBA"),
        ("ticket = {o}/tickets/2", ""),
        ("ticket = {o}-other/tickets/1", ""),
        ('ticket = ""', "DBA"),
        ("ticket:*", "C"),
        ("soup", "CA"),
        ("суп", "B"),
        ('"cold soup"', "A"),
        ("-soup", "DB"),
        # A text without a word to search for.
        ('"<br>"', ""),
        ('-"<br>"', "DCBA"),
        ("a" * 3_000, ""),
        ("pizza OR stars = 3", "CB"),
        ("NOT (pizza OR stars = 3)", "DA"),
        ("stars = 1 OR ticket:* soup", "CA"),
    ],
    ids=lambda given: given[:100],
)
@pytest.mark.parametrize("size", [1, 50])
async def test_a_filter_of_reviews_finds_its_reviews(known: Tenant, text: str, letters: str, size: int) -> None:
    request = reviews.ListReviewsRequest(parent=known.name, filter=text.format(o=known.name), page_size=size)
    met = ""
    while True:
        page = await known.agent("alice").reviews.ListReviews(request)
        met += "".join(review.external_id for review in page.reviews)
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert met == letters


async def test_an_invalid_filter_of_reviews_is_refused_and_a_page_token_is_valid_only_for_its_filter(
    known: Tenant,
) -> None:
    client = known.service.reviews
    error = await refusal(
        client.ListReviews(reviews.ListReviewsRequest(parent=known.name, filter="stars = 1 status = OPEN"))
    )
    assert (error.reason, error.code) == ("INVALID_FILTER", grpc.StatusCode.INVALID_ARGUMENT)
    assert dict(error.metadata) == {"position": "10", "field": "status"}
    page = await client.ListReviews(reviews.ListReviewsRequest(parent=known.name, filter="stars = 1", page_size=1))
    request = reviews.ListReviewsRequest(parent=known.name, filter="stars = 3", page_token=page.next_page_token)
    error = await refusal(client.ListReviews(request))
    assert error.reason == "INVALID_PAGE_TOKEN"
