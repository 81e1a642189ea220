"""ReviewService: ingests reviews, and reads them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import grpc
from google.protobuf.message import Message

from care.v1 import review_pb2, review_service_pb2_grpc
from care.v1 import review_service_pb2 as pb
from care_rules import names
from care_rules.entities.review import Review
from care_rules.filters.reviews import REVIEW_FIELDS
from care_rules.filters.schema import read_filter
from care_rules.names import Child
from care_rules.queries import ReviewQuery
from care_rules.refusals import not_found
from care_service.rpc import convert, list_queries, page_tokens
from care_service.rpc.batches import serve_each
from care_service.rpc.call import current_call
from care_service.rpc.fields import DISPLAY_NAME, LONG_TEXT, Fields
from care_service.rpc.parents import list_parent
from care_service.rpc.placeholders import NO_REVIEW
from care_service.rpc.responses import Responder
from care_service.usecases.ports.directory import Directory
from care_service.usecases.ports.reader import Reader
from care_service.usecases.ports.ticket_store import TicketStore
from care_service.usecases.reviews import ingest_review, review_id

Context = grpc.aio.ServicerContext[Message, Message]

_SITE: Final = re.compile(r"[a-z0-9-]{1,40}")
_EXTERNAL_ID: Final = 512
_URL: Final = 2_000
_STARS: Final = range(1, 6)


class ReviewHandlers(review_service_pb2_grpc.ReviewServiceServicer):
    """Serves ReviewService."""

    def __init__(self, store: TicketStore, reader: Reader, directory: Directory) -> None:
        self._store = store
        self._reader = reader
        self._directory = directory

    async def IngestReview(self, request: pb.IngestReviewRequest, context: Context) -> pb.IngestReviewResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        organization = fields.name("parent", request.parent, names.parse_organization, "")
        request_id = fields.request_id(request.request_id)
        review = _review(fields, organization, request.review, call.now)
        responder = Responder(call, request, request_id, pb.IngestReviewResponse, _ingested)
        return responder.respond(
            await ingest_review(self._store, self._reader, self._directory, review, responder.request)
        )

    async def BatchIngestReviews(
        self, request: pb.BatchIngestReviewsRequest, context: Context
    ) -> pb.BatchIngestReviewsResponse:
        """See the contract."""

        async def ingest(item: pb.IngestReviewRequest) -> pb.IngestReviewResponse:
            own = pb.IngestReviewRequest(parent=request.parent, review=item.review, request_id=item.request_id)
            return await self.IngestReview(own, context)

        served = await serve_each(request, current_call(), lambda item, _: item.parent in {"", request.parent}, ingest)
        results = [
            pb.BatchReviewResult(status=status, review=response.review if response else None)
            for status, response in served
        ]
        return pb.BatchIngestReviewsResponse(results=results)

    async def GetReview(self, request: pb.GetReviewRequest, context: Context) -> pb.GetReviewResponse:
        """See the contract."""
        fields = Fields()
        name = fields.name("name", request.name, names.parse_review, NO_REVIEW)
        fields.check()
        current_call().caller.check_organization(name.organization, request.name)
        review = await self._reader.review(name.organization, name.id)
        if review is None:
            raise not_found(request.name)
        return pb.GetReviewResponse(review=convert.review_message(review))

    async def ListReviews(self, request: pb.ListReviewsRequest, context: Context) -> pb.ListReviewsResponse:
        """See the contract."""
        fields = Fields()
        size = fields.page_size(request.page_size)
        organization = list_parent(fields, request.parent, current_call().caller)
        condition = read_filter(request.filter, REVIEW_FIELDS)
        scope = list_queries.scope("reviews", request.parent, request.filter)
        after = list_queries.read_review_token(request.page_token, scope)
        query = ReviewQuery(organization, size + 1, condition, after)
        rows = await self._reader.reviews(query)
        reviews, token = page_tokens.make_page(
            rows, size, convert.review_message, lambda row: list_queries.review_token(scope, row)
        )
        return pb.ListReviewsResponse(reviews=reviews, next_page_token=token)


def _ingested(review: Review) -> pb.IngestReviewResponse:
    return pb.IngestReviewResponse(review=convert.review_message(review))


def _review(fields: Fields, organization: str, given: review_pb2.Review, now: datetime) -> Review:
    if not _SITE.fullmatch(given.site):
        fields.reject("review.site", "must have 1 to 40 lower-case letters, digits and '-'")
    external_id = fields.text("review.external_id", given.external_id, _EXTERNAL_ID, required=True, line=True)
    location = fields.name("review.location", given.location, names.parse_location, Child(organization, ""))
    if organization and location.organization != organization:
        fields.reject("review.location", "must belong to the organization in parent")
    if given.stars not in _STARS:
        fields.reject("review.stars", "must be 1 to 5")
    if given.url and (len(given.url) > _URL or not _is_url(given.url)):
        fields.reject("review.url", f"must be an http or https URL of at most {_URL} characters, or empty")
    if not given.HasField("create_time"):
        fields.reject("review.create_time", "is required: the time when the review was written")
    fields.past("review.create_time", given.create_time, now)
    fields.past("review.update_time", given.update_time, now)
    author = fields.text("review.author_display_name", given.author_display_name, DISPLAY_NAME, line=True)
    text = fields.text("review.text", given.text, LONG_TEXT)
    fields.past("review.delete_time", given.delete_time, now)
    fields.check()
    written = convert.from_timestamp(given.create_time)
    updated = convert.from_timestamp(given.update_time) if given.HasField("update_time") else written
    deleted = convert.from_timestamp(given.delete_time) if given.HasField("delete_time") else None
    return Review(
        organization=organization,
        id=review_id(organization, given.site, external_id),
        site=given.site,
        external_id=external_id,
        location=location.id,
        author_display_name=author,
        stars=given.stars,
        text=text,
        url=given.url,
        create_time=written,
        # A deletion is the last edit: an earlier edit that arrives later changes nothing.
        update_time=max(updated, deleted or updated),
        ingest_time=now,
        delete_time=deleted,
        ticket_number=None,
        posting_attempts=0,
    )


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and text.isprintable() and " " not in text
