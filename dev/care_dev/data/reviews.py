"""Reads reviews in the JSON form of the Google Business Profile API, strictly: a file or a request body.

The form is that of ``accounts.locations.reviews`` in version 4 of the API:
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

from care_dev.data.faults import describe_fault, field_fault

_NAME: Final = re.compile(r"accounts/[^/]+/locations/[^/]+/reviews/(?P<review>.+)", re.DOTALL)
# Fields that this program has no use for, such as reviewReply and profilePhotoUrl, may be there.
_CONFIG: Final = ConfigDict(alias_generator=to_camel, extra="ignore", populate_by_name=True)


class ReviewsInvalid(ValueError):
    """The input is not a list of reviews; the message is one line and names the index and the field."""


class StarRating(StrEnum):
    """The API's way to write a rating. STAR_RATING_UNSPECIFIED is left out: no published review has it."""

    ONE = "ONE"
    TWO = "TWO"
    THREE = "THREE"
    FOUR = "FOUR"
    FIVE = "FIVE"

    @property
    def stars(self) -> int:
        """The number of stars, 1 to 5."""
        return tuple(StarRating).index(self) + 1


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def _in_utc(time: datetime) -> datetime:
    return time.astimezone(UTC)


Id = Annotated[str, AfterValidator(_filled)]
Time = Annotated[AwareDatetime, AfterValidator(_in_utc)]


@dataclass(frozen=True, config=_CONFIG)
class Reviewer:
    """Whoever wrote a review."""

    display_name: str = ""
    """The name shown at the site; empty for an anonymous author."""
    is_anonymous: bool = False


@dataclass(frozen=True, config=_CONFIG)
class GoogleReview:
    """One review, with the API's fields under their Python names."""

    name: Id
    """``accounts/{account}/locations/{location}/reviews/{reviewId}``."""
    review_id: Id
    star_rating: StarRating
    create_time: Time
    """When it was written, in UTC."""
    update_time: Time
    """When it was last edited, in UTC; ``create_time`` if never."""
    reviewer: Reviewer = Reviewer()
    comment: str = ""
    """What the author wrote; empty where there are only stars."""

    @property
    def location(self) -> str:
        """Id of the location, taken from ``name``."""
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
            raise field_fault("name", "must have the form accounts/{account}/locations/{location}/reviews/{reviewId}")
        if match["review"] != self.review_id:
            raise field_fault("name", "must end in the reviewId of the same review")
        if self.update_time < self.create_time:
            raise field_fault("updateTime", "must not be before createTime")
        return self


@dataclass(frozen=True, config=_CONFIG)
class _ReviewList:
    reviews: list[GoogleReview]


_LIST: Final = TypeAdapter(_ReviewList)


def load_reviews(path: Path | None = None) -> list[GoogleReview]:
    """Return the reviews in the file at ``path``, or the demo's own.

    Raises ``ReviewsInvalid`` for a file that cannot be read or holds something else.
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
    """Return the reviews of a JSON document ``{"reviews": [...]}``.

    Raises ``ReviewsInvalid``, which names the first fault, such as ``reviews[3].starRating``, and counts the others.
    JSON that spells half of a surrogate pair is refused: it is no Unicode.
    """
    try:
        reviews = _LIST.validate_json(document, strict=True).reviews
    except ValidationError as error:
        raise ReviewsInvalid(describe_fault(error)) from None
    _check_unique(reviews)
    return reviews


def dump_reviews(reviews: Sequence[GoogleReview]) -> bytes:
    """Return the JSON document that ``parse_reviews`` reads."""
    return _LIST.dump_json(_ReviewList(list(reviews)), by_alias=True)


def _check_unique(reviews: Sequence[GoogleReview]) -> None:
    first: dict[str, int] = {}
    for index, review in enumerate(reviews):
        earlier = first.setdefault(review.review_id, index)
        if earlier != index:
            raise ReviewsInvalid(f"reviews[{index}].reviewId: is the same as that of reviews[{earlier}]")
