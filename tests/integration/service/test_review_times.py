"""The times of reviews at the edges of what a Timestamp holds."""

from __future__ import annotations

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from care.v1 import review_service_pb2 as reviews
from care.v1.review_pb2 import Review
from tests.support.care import refusal
from tests.support.tenant import Tenant

FIRST, LAST = -62_135_596_800, 253_402_300_799
"""The first and the last second that a Timestamp may name."""


def written(tenant: Tenant, time: Timestamp, external_id: str = "r1") -> reviews.IngestReviewRequest:
    location = f"{tenant.name}/locations/soho"
    review = Review(site="local", external_id=external_id, location=location, stars=1, create_time=time)
    return reviews.IngestReviewRequest(parent=tenant.name, review=review)


@pytest.mark.parametrize(
    "time", [Timestamp(seconds=FIRST + 1), Timestamp(seconds=LAST - 1, nanos=999_999_000)], ids=["earliest", "latest"]
)
async def test_a_review_of_the_earliest_or_latest_time_can_be_taken_in_again_and_listed(
    tenant: Tenant, time: Timestamp
) -> None:
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
        Timestamp(seconds=FIRST - 1),
        Timestamp(seconds=LAST + 1),
        Timestamp(nanos=-1),
        Timestamp(nanos=10**9),
    ],
    ids=["first", "last", "before", "after", "negative nanoseconds", "a whole second of nanoseconds"],
)
async def test_a_time_beyond_them_is_refused(tenant: Tenant, time: Timestamp) -> None:
    error = await refusal(tenant.service.reviews.IngestReview(written(tenant, time)))
    assert error.reason == "INVALID_FIELD"
    assert [violation.field for violation in error.field_violations] == ["review.create_time"]
