"""One review that is ingested many times, at once and again."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from care.v1 import review_service_pb2 as reviews
from care.v1.review_pb2 import Review
from care_dev.stack import postgres
from tests.integration.service.commands import assert_refused
from tests.integration.service.simultaneous import TIMES, at_once, refusals, repeat
from tests.support.care import care, refusal
from tests.support.tenant import Tenant


def ingestion(tenant: Tenant, request_id: str) -> reviews.IngestReviewRequest:
    review = Review(site="local", external_id=str(uuid4()), location=f"{tenant.name}/locations/soho", stars=2)
    review.create_time.FromSeconds(1_700_000_000)
    return reviews.IngestReviewRequest(parent=tenant.name, review=review, request_id=request_id)


async def test_a_review_ingested_fifty_times_at_once_is_stored_once(tenant: Tenant) -> None:
    review = await tenant.review()
    review.text = "Cold soup, edited."
    ingest = reviews.IngestReviewRequest(parent=tenant.name, review=review)
    outcomes = await at_once([tenant.service.reviews.IngestReview(ingest) for _ in range(TIMES)])
    assert refusals(outcomes) == []
    assert {each.review.name for each in outcomes if isinstance(each, reviews.IngestReviewResponse)} == {review.name}
    listed = await tenant.service.reviews.ListReviews(reviews.ListReviewsRequest(parent=tenant.name))
    assert [each.text for each in listed.reviews] == ["Cold soup, edited."]


async def test_fifty_repeats_of_an_ingestion_store_one_review_and_get_the_same_answer_even_after_an_edit(
    tenant: Tenant,
) -> None:
    client, ingest = tenant.service.reviews, ingestion(tenant, str(uuid4()))
    answer = await repeat(lambda: client.IngestReview(ingest))
    edit = reviews.IngestReviewRequest()
    edit.CopyFrom(ingest)
    edit.request_id, edit.review.text = "", "Better now."
    edit.review.update_time.FromSeconds(1_700_000_001)
    await client.IngestReview(edit)
    assert (await client.IngestReview(ingest)).SerializeToString(deterministic=True) == answer
    found = await client.GetReview(
        reviews.GetReviewRequest(name=reviews.IngestReviewResponse.FromString(answer).review.name)
    )
    assert found.review.text == "Better now."
    edit.request_id = ingest.request_id
    error = await refusal(client.IngestReview(edit))
    assert_refused(error, "REQUEST_ID_REUSED", {"request_id": ingest.request_id})


async def test_two_callers_may_ingest_the_same_review_at_the_same_moment(server: postgres.Server) -> None:
    async with care(server.create_database("same_moment")) as service:
        async with service.database.driver() as connection:
            # Both callers find no such review and then insert it. A slow index before the unique ones gives them the
            # time: PostgreSQL updates the indexes of a table in the order of their creation.
            await connection.execute("""
                CREATE FUNCTION slowly(external_id text) RETURNS text IMMUTABLE LANGUAGE plpgsql
                AS 'BEGIN PERFORM pg_sleep(0.2); RETURN external_id; END';
                CREATE INDEX slow ON reviews (slowly(external_id));
                ALTER TABLE reviews DROP CONSTRAINT pk_reviews,
                  ADD CONSTRAINT pk_reviews PRIMARY KEY (organization, id);
                ALTER TABLE reviews DROP CONSTRAINT uq_reviews_organization_site_external_id,
                  ADD CONSTRAINT uq_reviews_organization_site_external_id UNIQUE (organization, site, external_id);
            """)
        tenant = Tenant(service, "acme")
        ingest = ingestion(tenant, "")
        # This creates the organization and the location, so that only the review is new for both callers.
        await tenant.service.reviews.IngestReview(ingestion(tenant, ""))
        answers = await asyncio.gather(*(tenant.service.reviews.IngestReview(ingest) for _ in range(2)))
        assert answers[0].review == answers[1].review
