"""ReviewService."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, UUID, uuid5

import grpc
from google.protobuf.message import Message
from uuid_utils.compat import uuid7

from care.v1 import review_pb2, review_service_pb2_grpc
from care.v1 import review_service_pb2 as pb
from care_rules import names
from care_rules.create import create_ticket
from care_rules.entities import Review
from care_rules.filters.reviews import REVIEW_FIELDS
from care_rules.filters.schema import read_filter
from care_rules.finding import ReviewQuery
from care_rules.names import Child, TicketName
from care_rules.refusals import Reason, Refusal, not_found
from care_rules.review_edits import note_edit
from care_rules.review_tickets import by_itself, is_wanted
from care_rules.scheduling import ScheduledDecision, schedule, schedule_new_ticket
from care_service.rpc import convert, list_queries, page_tokens
from care_service.rpc.batches import serve_each
from care_service.rpc.call import Call, current_call
from care_service.rpc.execute import Repeat
from care_service.rpc.fields import DISPLAY_NAME, LONG_TEXT, Fields
from care_service.rpc.parents import list_parent
from care_service.rpc.raising import auto_assigned
from care_service.usecases.ports import Directory, Reader, StaleError, TicketStore

Context = grpc.aio.ServicerContext[Message, Message]

_SITE: Final = re.compile(r"[a-z0-9-]{1,40}")
_EXTERNAL_ID: Final = 512
_URL: Final = 2_000
_STARS: Final = range(1, 6)
_TRIES: Final = 12
"""Of every round, one of those who meet is through."""


class Reviews(review_service_pb2_grpc.ReviewServiceServicer):
    """Converts, calls the storage, converts."""

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
        fields.check()
        call.enter(organization, request.parent)
        repeat = Repeat(call, organization, request, request_id)
        await self._directory.see_organization(organization, call.now)
        kept = await self._directory.answer(repeat.key) if repeat.key else None
        if (answer := repeat.replay(kept, pb.IngestReviewResponse)) is not None:
            return answer
        for _ in range(_TRIES):
            try:
                return await self._ingest(review, repeat, call)
            except StaleError:  # a newer edit, or the same request, was faster
                kept = await self._directory.answer(repeat.key) if repeat.key else None
                if (answer := repeat.replay(kept, pb.IngestReviewResponse)) is not None:
                    return answer
        raise Refusal(Reason.CONTENDED, "The review was taken in at the same time, again and again: call again.")

    async def _ingest(self, review: Review, repeat: Repeat, call: Call) -> pb.IngestReviewResponse:
        stored = await self._reader.review(review.organization, review.id)
        if stored is not None and stored.update_time > review.update_time:
            return pb.IngestReviewResponse(review=convert.review_message(stored))
        if stored is not None:
            review = _edited(stored, review)
        noted = None
        if stored is not None and stored.ticket_number is not None:
            loaded = await self._store.load(TicketName(stored.organization, stored.ticket_number), agent=None)
            edit = note_edit(loaded[0], review, uuid7(), call.caller, call.now) if loaded else None
            noted = schedule(loaded[0], edit) if loaded and edit else None
        raised = await self._raised(stored, review, call)
        if raised is not None:
            review = replace(review, ticket_number=raised.decision.ticket.number)
        response = pb.IngestReviewResponse(review=convert.review_message(review))
        record = repeat.record(response)
        await self._directory.put_review(review, record, is_new=stored is None, noted=noted, raised=raised)
        return response

    async def _raised(self, stored: Review | None, review: Review, call: Call) -> ScheduledDecision | None:
        """Returns the ticket that the settings want for a review, where it has none and did not before."""
        if stored is not None and (stored.stars, stored.delete_time) == (review.stars, review.delete_time):
            return None
        snapshot, _ = await self._store.load_new(
            review.organization, review=review.id, location=review.location, agent=None, request=None
        )
        if not is_wanted(snapshot, stored, review):
            return None
        snapshot, command = replace(snapshot, review=review), by_itself(uuid7(), uuid7(), uuid7())
        decision = create_ticket(
            snapshot, await self._store.next_number(review.organization), command, call.caller, call.now
        )
        decision = await auto_assigned(self._store, snapshot.settings, decision)
        return schedule_new_ticket(snapshot.settings, decision)

    async def BatchIngestReviews(
        self, request: pb.BatchIngestReviewsRequest, context: Context
    ) -> pb.BatchIngestReviewsResponse:
        """See the contract."""

        async def ingest(item: pb.IngestReviewRequest) -> pb.IngestReviewResponse:
            own = pb.IngestReviewRequest(parent=request.parent, review=item.review, request_id=item.request_id)
            return await self.IngestReview(own, context)

        outcomes = await serve_each(
            request, current_call(), lambda item, _: item.parent in {"", request.parent}, ingest
        )
        results = [
            pb.BatchReviewResult(status=status, review=answer.review if answer else None) for status, answer in outcomes
        ]
        return pb.BatchIngestReviewsResponse(results=results)

    async def GetReview(self, request: pb.GetReviewRequest, context: Context) -> pb.GetReviewResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        name = fields.name("name", request.name, names.parse_review, None)
        fields.check()
        if name is None:
            raise AssertionError("check() refuses a name that can't be read")
        call.enter(name.organization, request.name)
        review = await self._reader.review(name.organization, name.id)
        if review is None:
            raise not_found(request.name)
        return pb.GetReviewResponse(review=convert.review_message(review))

    async def ListReviews(self, request: pb.ListReviewsRequest, context: Context) -> pb.ListReviewsResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        size = fields.page_size(request.page_size)
        organization = list_parent(fields, request.parent, call)
        condition = read_filter(request.filter, REVIEW_FIELDS)
        scope = list_queries.scope("reviews", request.parent, request.filter)
        after = list_queries.read_review_token(request.page_token, scope)
        query = ReviewQuery(organization, size + 1, condition, after)
        rows = await self._reader.reviews(query)
        reviews, token = page_tokens.cut(
            rows, size, convert.review_message, lambda row: list_queries.review_token(scope, row)
        )
        return pb.ListReviewsResponse(reviews=reviews, next_page_token=token)


def review_id(organization: str, site: str, external_id: str) -> UUID:
    """Returns a review's id: it follows from what it is, so that ingesting it again finds it (RFC 9562, version 5)."""
    return uuid5(NAMESPACE_URL, f"care:{organization}/{site}/{external_id}")


def _review(fields: Fields, organization: str, given: review_pb2.Review, now: datetime) -> Review:
    if not _SITE.fullmatch(given.site):
        fields.wrong("review.site", "must be 1 to 40 of lower-case letters, digits and '-'")
    external_id = fields.text("review.external_id", given.external_id, _EXTERNAL_ID, required=True, line=True)
    location = fields.name("review.location", given.location, names.parse_location, Child(organization, ""))
    if organization and location.organization != organization:
        fields.wrong("review.location", "belongs to another organization than the review")
    if given.stars not in _STARS:
        fields.wrong("review.stars", "must be 1 to 5")
    if given.url and (len(given.url) > _URL or not _is_url(given.url)):
        fields.wrong("review.url", f"must be an http or https URL of at most {_URL} characters, or empty")
    if not given.HasField("create_time"):
        fields.wrong("review.create_time", "is missing: say when the review was written")
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
        # Deleting it is its last edit: what is told later of the time before it changes nothing.
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


def _edited(stored: Review, edit: Review) -> Review:
    """Returns the edit with what an edit does not change."""
    return Review(
        organization=stored.organization,
        id=stored.id,
        site=stored.site,
        external_id=stored.external_id,
        location=edit.location,
        author_display_name=edit.author_display_name,
        stars=edit.stars,
        text=edit.text,
        url=edit.url,
        create_time=stored.create_time,
        update_time=edit.update_time,
        ingest_time=stored.ingest_time,
        delete_time=edit.delete_time,
        ticket_number=stored.ticket_number,
        posting_attempts=stored.posting_attempts,
    )
