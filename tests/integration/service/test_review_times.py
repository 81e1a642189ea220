"""Review times at the limits of a Timestamp."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from care.v1 import review_service_pb2 as reviews
from care.v1.review_pb2 import Review
from tests.support.care import refusal
from tests.support.tenant import Tenant

FIRST, LAST = -62_135_596_800, 253_402_300_799
"""The first and the last second of a Timestamp."""


def ahead(days: float) -> Timestamp:
    """Returns a future time in whole microseconds, as the storage keeps it."""
    time = Timestamp()
    time.FromDatetime(datetime.now(UTC) + timedelta(days=days))
    return time


def written(tenant: Tenant, time: Timestamp, external_id: str = "r1") -> reviews.IngestReviewRequest:
    location = f"{tenant.name}/locations/soho"
    review = Review(site="local", external_id=external_id, location=location, stars=1, create_time=time)
    return reviews.IngestReviewRequest(parent=tenant.name, review=review)


@pytest.mark.parametrize("days", [None, 0.99], ids=["earliest", "latest"])
async def test_a_review_of_the_earliest_or_latest_time_can_be_ingested_again_and_listed(
    tenant: Tenant, days: float | None
) -> None:
    time = Timestamp(seconds=FIRST + 1) if days is None else ahead(days)
    for _ in range(2):
        answer = await tenant.service.reviews.IngestReview(written(tenant, time))
        assert answer.review.create_time == answer.review.update_time == time
    await tenant.service.reviews.IngestReview(written(tenant, time, "r2"))
    listing = reviews.ListReviewsRequest(parent=tenant.name, page_size=1)
    first = await tenant.service.reviews.ListReviews(listing)
    listing.page_token = first.next_page_token
    second = await tenant.service.reviews.ListReviews(listing)
    assert {review.external_id for page in (first, second) for review in page.reviews} == {"r1", "r2"}


@pytest.mark.parametrize(
    "time",
    [
        Timestamp(seconds=FIRST),
        Timestamp(seconds=LAST, nanos=999_999_999),
        ahead(1.01),
        Timestamp(seconds=FIRST - 1),
        Timestamp(seconds=LAST + 1),
        Timestamp(seconds=2**63 - 1),
        Timestamp(nanos=-1),
        Timestamp(nanos=10**9),
    ],
    ids=[
        "first",
        "last",
        "tomorrow's",
        "before",
        "after",
        "long after",
        "negative nanoseconds",
        "whole second",
    ],
)
async def test_a_time_outside_the_range_of_timestamp_is_refused(tenant: Tenant, time: Timestamp) -> None:
    error = await refusal(tenant.service.reviews.IngestReview(written(tenant, time)))
    assert error.reason == "INVALID_FIELD"
    assert [violation.field for violation in error.field_violations] == ["review.create_time"]


async def test_an_edit_from_the_far_future_is_refused_and_later_edits_still_count(tenant: Tenant) -> None:
    request = written(tenant, ahead(-2))
    await tenant.service.reviews.IngestReview(request)
    request.review.update_time.CopyFrom(ahead(3_000))
    error = await refusal(tenant.service.reviews.IngestReview(request))
    assert [violation.field for violation in error.field_violations] == ["review.update_time"]
    request.review.update_time.CopyFrom(ahead(-1))
    request.review.stars = 4
    answer = await tenant.service.reviews.IngestReview(request)
    assert answer.review.stars == 4
