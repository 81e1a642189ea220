"""Parses and validates reviews in the JSON format of the Google Business Profile API.

The format is `accounts.locations.reviews` of version 4 of the API:
https://developers.google.com/my-business/reference/rest/v4/accounts.locations.reviews
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, AwareDatetime, ConfigDict, TypeAdapter, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass

from care_dev.data.validation import describe_validation_error, field_error

_NAME: Final = re.compile(r"accounts/[^/]+/locations/[^/]+/reviews/(?P<review>.+)", re.DOTALL)
# Fields that this program does not use, such as reviewReply and profilePhotoUrl, are ignored.
_CONFIG: Final = ConfigDict(alias_generator=to_camel, extra="ignore", populate_by_name=True)


class ReviewsInvalid(ValueError):
    """The input is not a valid list of reviews. The message is one line and names the file or the invalid place."""


class StarRating(StrEnum):
    """A rating in the API. STAR_RATING_UNSPECIFIED is missing, because no published review has it."""

    ONE = "ONE"
    TWO = "TWO"
    THREE = "THREE"
    FOUR = "FOUR"
    FIVE = "FIVE"

    @property
    def stars(self) -> int:
        """The number of stars, 1 to 5."""
        return tuple(StarRating).index(self) + 1


def _not_empty(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def _in_utc(time: datetime) -> datetime:
    return time.astimezone(UTC)


Id = Annotated[str, AfterValidator(_not_empty)]
Time = Annotated[AwareDatetime, AfterValidator(_in_utc)]


@dataclass(frozen=True, config=_CONFIG)
class Reviewer:
    """The author of a review."""

    display_name: str = ""
    """The name that the site shows; empty for an anonymous author."""
    is_anonymous: bool = False


@dataclass(frozen=True, config=_CONFIG)
class GoogleReview:
    """One review, with the API's fields under their Python names."""

    name: Id
    """`accounts/{account}/locations/{location}/reviews/{reviewId}`."""
    review_id: Id
    star_rating: StarRating
    create_time: Time
    """When the review was written, in UTC."""
    update_time: Time
    """When the review was last edited, in UTC. Equals `create_time` if the review was never edited."""
    reviewer: Reviewer = Reviewer()
    comment: str = ""
    """The text; empty if the author left only stars."""

    @property
    def location(self) -> str:
        """The id of the location, taken from `name`."""
        return self.name.split("/", 4)[3]

    @property
    def stars(self) -> int:
        """The number of stars, 1 to 5."""
        return self.star_rating.stars

    @property
    def is_edited(self) -> bool:
        """Whether the author has changed the review since writing it."""
        return self.update_time > self.create_time

    @model_validator(mode="after")
    def _check_name_and_times(self) -> Self:
        match = _NAME.fullmatch(self.name)
        if match is None:
            raise field_error("name", "must have the form accounts/{account}/locations/{location}/reviews/{reviewId}")
        if match["review"] != self.review_id:
            raise field_error("name", "must end with the reviewId of the same review")
        if self.update_time < self.create_time:
            raise field_error("updateTime", "must not be before createTime")
        return self


@dataclass(frozen=True, config=_CONFIG)
class _ReviewList:
    reviews: list[GoogleReview]


_LIST: Final = TypeAdapter(_ReviewList)


def load_reviews(path: Path | None = None) -> list[GoogleReview]:
    """Returns the reviews in the file at `path`, or the demo's reviews if no path is given.

    Raises ReviewsInvalid for a file that cannot be read or has another format.
    """
    source = path or files("care_dev.data").joinpath("reviews.json")
    try:
        document = source.read_bytes()
    except OSError as error:
        raise ReviewsInvalid(f"Cannot read the reviews in {source}: {error.strerror}.") from error
    try:
        return parse_reviews(document)
    except ReviewsInvalid as error:
        raise ReviewsInvalid(f"{source}: {error}") from error


def parse_reviews(document: bytes) -> list[GoogleReview]:
    """Returns the reviews of a JSON document `{"reviews": [...]}`.

    Raises ReviewsInvalid, which names the place of the first error, such as `reviews[3].starRating`, and counts the
    others. JSON with half of a surrogate pair is refused, because it is not valid Unicode.
    """
    try:
        reviews = _LIST.validate_json(document, strict=True).reviews
    except ValidationError as error:
        raise ReviewsInvalid(describe_validation_error(error)) from None
    _check_unique(reviews)
    return reviews


def dump_reviews(reviews: Sequence[GoogleReview]) -> bytes:
    """Returns the JSON document that `parse_reviews` reads."""
    return _LIST.dump_json(_ReviewList(list(reviews)), by_alias=True)


def _check_unique(reviews: Sequence[GoogleReview]) -> None:
    first: dict[str, int] = {}
    for index, review in enumerate(reviews):
        earlier = first.setdefault(review.review_id, index)
        if earlier != index:
            raise ReviewsInvalid(f"reviews[{index}].reviewId: must be unique, but reviews[{earlier}] has the same")
