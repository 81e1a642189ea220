"""The JSON API: reviews and replies as in the Google Business Profile API, and extra methods for developers.

Reviews and replies follow accounts.locations.reviews, .updateReply and .deleteReply of version 4:
https://developers.google.com/my-business/reference/rest/v4/accounts.locations.reviews
"""

import asyncio
from typing import Final
from weakref import WeakValueDictionary

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from care_dev.data.reviews import ReviewsInvalid, parse_reviews
from care_dev.data.validation import describe_validation_error
from care_dev.review_site.behavior import Behavior, BehaviorChange, Mode
from care_dev.review_site.errors import ApiError, Reason
from care_dev.review_site.links import contains_link
from care_dev.review_site.store import EventKind, Reply, ReplyEvent, Review, ReviewStore

REPLY_LIMIT_BYTES: Final = 4096
"""The API's limit for a reply, encoded in UTF-8."""


@dataclass(frozen=True, config=ConfigDict(extra="ignore"))
class _ReplyBody:
    comment: str


_REPLY_BODY: Final = TypeAdapter(_ReplyBody)
_BEHAVIOR_CHANGE: Final = TypeAdapter(BehaviorChange)


class JsonEndpoints:
    """The JSON endpoints for one store.

    Requests that read, write or delete the reply to one review run one after the other, in the order of their arrival.
    So a slow write cannot overwrite a later one, and a read that arrives after a write returns that write's result.
    `take_down` does not wait for the other requests.
    """

    def __init__(self, store: ReviewStore) -> None:
        self._store = store
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def put_reviews(self, request: Request) -> Response:
        """Adds or updates reviews of an organization. The body contains the reviews in the API's JSON format."""
        try:
            reviews = parse_reviews(await request.body())
        except ReviewsInvalid as error:
            raise ApiError(Reason.INVALID_FIELD, str(error)) from error
        self._store.put_reviews(request.path_params["organization"], reviews)
        return JSONResponse({"reviewCount": len(reviews)})

    async def get_review(self, request: Request) -> Response:
        """Returns one review with its reply."""
        organization, external_id = _scope(request)
        self._require_up(organization, external_id)
        return JSONResponse(_review_json(self._review(organization, external_id)))

    async def get_reply(self, request: Request) -> Response:
        """Returns the public reply."""
        organization, external_id = _scope(request)
        async with self._lock(organization, external_id):
            self._require_up(organization, external_id)
            return JSONResponse(_reply_json(self._reply(organization, external_id)))

    async def put_reply(self, request: Request) -> Response:
        """Makes the comment the review's reply. A review has one reply; a later one replaces it.

        A request with a known `Idempotency-Key` and the same comment changes nothing, and gets the first request's
        response. With another comment, the request is refused.
        """
        organization, external_id = _scope(request)
        key = request.headers.get("Idempotency-Key")
        body = await request.body()
        async with self._lock(organization, external_id):
            behavior = self._require_up(organization, external_id)
            self._review(organization, external_id)
            comment = _comment(body)
            earlier = self._store.find_put(organization, external_id, key) if key else None
            if earlier is None:
                _check_allowed(comment, behavior)
            elif earlier.comment != comment:
                raise ApiError(
                    Reason.IDEMPOTENCY_KEY_REUSED, "This Idempotency-Key was used with another comment; use a new key."
                )
            await asyncio.sleep(behavior.delay_seconds)
            if earlier is None:
                earlier = self._store.put_reply(organization, external_id, comment, key)
            return JSONResponse(_reply_json(Reply(comment, earlier.time)))

    async def delete_reply(self, request: Request) -> Response:
        """Removes the reply."""
        organization, external_id = _scope(request)
        async with self._lock(organization, external_id):
            behavior = self._require_up(organization, external_id)
            self._reply(organization, external_id)
            await asyncio.sleep(behavior.delay_seconds)
            self._store.delete_reply(organization, external_id)
            return JSONResponse({})

    async def get_history(self, request: Request) -> Response:
        """Returns the history of the reply, oldest first, and how many times it was written. For developers."""
        organization, external_id = _scope(request)
        self._review(organization, external_id)
        events = self._store.list_events(organization, external_id)
        puts = [event for event in events if event.kind is EventKind.PUT]
        return JSONResponse(
            {
                "putCount": len(puts),
                "replies": [{"comment": event.comment, "time": event.time.isoformat()} for event in puts],
                "events": [_event_json(event) for event in events],
            }
        )

    async def put_behavior(self, request: Request) -> Response:
        """Sets how the site behaves from now on. For developers."""
        try:
            change = _BEHAVIOR_CHANGE.validate_json(await request.body(), strict=True)
        except ValidationError as error:
            raise ApiError(Reason.INVALID_FIELD, describe_validation_error(error)) from error
        self._store.set_behavior(change.organization, change.external_id, change.behavior)
        return JSONResponse(_BEHAVIOR_CHANGE.dump_python(change, mode="json"))

    async def take_down(self, request: Request) -> Response:
        """Removes the reply as the site's moderation does. For developers."""
        organization, external_id = _scope(request)
        self._reply(organization, external_id)
        self._store.take_reply_down(organization, external_id)
        return JSONResponse({})

    def _lock(self, organization: str, external_id: str) -> asyncio.Lock:
        return self._locks.setdefault((organization, external_id), asyncio.Lock())

    def _require_up(self, organization: str, external_id: str) -> Behavior:
        behavior = self._store.resolve_behavior(organization, external_id)
        if behavior.mode is Mode.DOWN:
            raise ApiError(Reason.SITE_DOWN, "The review site is down; try again later.")
        return behavior

    def _review(self, organization: str, external_id: str) -> Review:
        review = self._store.get_review(organization, external_id)
        if review is None:
            raise ApiError(Reason.REVIEW_NOT_FOUND, "There is no such review.")
        return review

    def _reply(self, organization: str, external_id: str) -> Reply:
        reply = self._review(organization, external_id).reply
        if reply is None:
            raise ApiError(Reason.REPLY_NOT_FOUND, "The review has no reply.")
        return reply


def _scope(request: Request) -> tuple[str, str]:
    return request.path_params["organization"], request.path_params["external_id"]


def _comment(body: bytes) -> str:
    try:
        comment = _REPLY_BODY.validate_json(body, strict=True).comment
    except ValidationError as error:
        raise ApiError(Reason.INVALID_FIELD, describe_validation_error(error)) from error
    if not comment.strip():
        raise ApiError(Reason.INVALID_FIELD, "comment: must not be empty; use DELETE to remove the reply")
    return comment


def _check_allowed(comment: str, behavior: Behavior) -> None:
    size = len(comment.encode())
    if size > REPLY_LIMIT_BYTES:
        raise ApiError(Reason.TOO_LONG, f"comment: has {size} bytes in UTF-8, at most {REPLY_LIMIT_BYTES} are allowed")
    if behavior.mode is Mode.REFUSE_TOO_LONG:
        raise ApiError(Reason.TOO_LONG, "comment: is too long (the site is set to refuse every reply for this reason)")
    if behavior.mode is Mode.REFUSE_LINKS and contains_link(comment):
        raise ApiError(Reason.LINKS_NOT_ALLOWED, "comment: must not contain a link")


def _reply_json(reply: Reply) -> dict[str, str]:
    return {"comment": reply.comment, "updateTime": reply.update_time.isoformat()}


def _event_json(event: ReplyEvent) -> dict[str, str | None]:
    return {"kind": event.kind, "comment": event.comment, "time": event.time.isoformat()}


def _review_json(review: Review) -> dict[str, object]:
    return {
        "name": review.name,
        "reviewId": review.external_id,
        "reviewer": {"displayName": review.display_name, "isAnonymous": review.is_anonymous},
        "starRating": review.star_rating,
        "comment": review.comment,
        "createTime": review.create_time.isoformat(),
        "updateTime": review.update_time.isoformat(),
        **({"reviewReply": _reply_json(review.reply)} if review.reply else {}),
    }
