"""Stores the site's data in one SQLite file. Committed data survives a kill of the process at any moment."""

import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from care_dev.data.reviews import GoogleReview, StarRating
from care_dev.review_site.behavior import Behavior, Mode

LISTED_REVIEWS: Final = 200
"""The most reviews that one page shows."""


class EventKind(StrEnum):
    """The kinds of changes to a reply."""

    PUT = "PUT"
    DELETE = "DELETE"
    TAKE_DOWN = "TAKE_DOWN"


@dataclass(frozen=True, slots=True)
class Reply:
    """A public reply."""

    comment: str
    update_time: datetime


@dataclass(frozen=True, slots=True)
class Review:
    """A review with its reply."""

    organization: str
    external_id: str
    name: str
    location: str
    display_name: str
    is_anonymous: bool
    stars: int
    comment: str
    create_time: datetime
    update_time: datetime
    reply: Reply | None
    take_down_time: datetime | None
    """When the site took the reply down; None unless that was the last change to the reply."""

    @property
    def star_rating(self) -> StarRating:
        """The rating in the API's format."""
        return tuple(StarRating)[self.stars - 1]

    @property
    def is_edited(self) -> bool:
        """Whether the author has changed the review since writing it."""
        return self.update_time > self.create_time


@dataclass(frozen=True, slots=True)
class ReplyEvent:
    """A change to a reply. `comment` is the text of a PUT, and None otherwise."""

    kind: EventKind
    comment: str | None
    time: datetime


@dataclass(frozen=True, slots=True)
class Business:
    """A location of an organization, with the numbers that the root page shows."""

    organization: str
    location: str
    reviews: int
    average_stars: float


@dataclass(frozen=True, slots=True)
class ReviewFilter:
    """Which reviews to list. None matches all."""

    organization: str | None = None
    location: str | None = None
    replied: bool | None = None


@dataclass(frozen=True, slots=True)
class ReviewList:
    """The first of the matching reviews, and how many there are in total."""

    reviews: list[Review]
    total: int


class ReviewStore:
    """Reviews, replies with their history, and behaviors.

    Each write is one transaction. Not thread-safe. A statement takes microseconds, so it runs on the event loop's
    thread.
    """

    def __init__(self, database: Path) -> None:
        """Opens or creates the file `database`, whose folder must exist. Raises sqlite3.Error if it cannot be used."""
        self._connection = sqlite3.connect(database, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA busy_timeout = 5000")
        self._connection.execute("PRAGMA journal_mode = WAL")
        # In WAL mode, this loses nothing when the process is killed. A power failure may lose the last writes.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(files("care_dev.review_site").joinpath("schema.sql").read_text("utf-8"))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the file."""
        self.close()

    def __enter__(self) -> Self:
        """Returns the store."""
        return self

    def close(self) -> None:
        """Closes the file. The store cannot be used afterwards."""
        self._connection.close()

    def put_reviews(self, organization: str, reviews: Sequence[GoogleReview]) -> None:
        """Adds or updates reviews. Replies stay unchanged."""
        rows = [
            {
                "organization": organization,
                "external_id": review.review_id,
                "name": review.name,
                "location": review.location,
                "display_name": review.reviewer.display_name,
                "is_anonymous": review.reviewer.is_anonymous,
                "stars": review.stars,
                "comment": review.comment,
                "create_time": _dump_time(review.create_time),
                "update_time": _dump_time(review.update_time),
            }
            for review in reviews
        ]
        with self._transaction():
            self._connection.executemany(_UPSERT_REVIEW, rows)

    def get_review(self, organization: str, external_id: str) -> Review | None:
        """Returns one review, or None if it does not exist."""
        row = self._connection.execute(
            "SELECT * FROM review WHERE organization = ? AND external_id = ?", (organization, external_id)
        ).fetchone()
        return _review(row) if row else None

    def list_reviews(self, review_filter: ReviewFilter) -> ReviewList:
        """Returns the matching reviews, the most recently changed first; at most `LISTED_REVIEWS`."""
        rows = self._connection.execute(
            "SELECT *, count(*) OVER () AS total FROM review"
            " WHERE (:organization IS NULL OR organization = :organization)"
            " AND (:location IS NULL OR location = :location)"
            " AND (:replied IS NULL OR (reply IS NOT NULL) = :replied)"
            " ORDER BY max(update_time, ifnull(reply_time, '')) DESC, external_id LIMIT :limit",
            {
                "organization": review_filter.organization,
                "location": review_filter.location,
                "replied": review_filter.replied,
                "limit": LISTED_REVIEWS,
            },
        ).fetchall()
        return ReviewList([_review(row) for row in rows], total=rows[0]["total"] if rows else 0)

    def list_businesses(self) -> list[Business]:
        """Returns all businesses that have reviews, in the order of organization and location."""
        rows = self._connection.execute(
            "SELECT organization, location, count(*) AS reviews, avg(stars) AS average_stars FROM review"
            " GROUP BY organization, location ORDER BY organization, location"
        )
        return [Business(**row) for row in rows]

    def put_reply(self, organization: str, external_id: str, comment: str, idempotency_key: str | None) -> ReplyEvent:
        """Makes `comment` the review's reply, replacing an earlier one, and adds it to the history."""
        return self._record(organization, external_id, EventKind.PUT, comment, idempotency_key)

    def delete_reply(self, organization: str, external_id: str) -> None:
        """Removes the reply, as its owner would."""
        self._record(organization, external_id, EventKind.DELETE, None, None)

    def take_reply_down(self, organization: str, external_id: str) -> None:
        """Removes the reply, as the site's moderation would."""
        self._record(organization, external_id, EventKind.TAKE_DOWN, None, None)

    def find_put(self, organization: str, external_id: str, idempotency_key: str) -> ReplyEvent | None:
        """Returns the PUT with this key, or None if there was none."""
        row = self._connection.execute(
            "SELECT * FROM reply_event WHERE organization = ? AND external_id = ? AND idempotency_key = ?",
            (organization, external_id, idempotency_key),
        ).fetchone()
        return _event(row) if row else None

    def list_events(self, organization: str, external_id: str) -> list[ReplyEvent]:
        """Returns all changes to the review's reply, oldest first."""
        rows = self._connection.execute(
            "SELECT * FROM reply_event WHERE organization = ? AND external_id = ? ORDER BY id",
            (organization, external_id),
        )
        return [_event(row) for row in rows]

    def set_behavior(self, organization: str, external_id: str, behavior: Behavior | None) -> None:
        """Sets the behavior of a scope, or removes it if `behavior` is None. An empty organization or id means all."""
        if behavior is None:
            self._connection.execute(
                "DELETE FROM behavior WHERE organization = ? AND external_id = ?", (organization, external_id)
            )
        else:
            self._connection.execute(
                "INSERT OR REPLACE INTO behavior VALUES (?, ?, ?, ?)",
                (organization, external_id, behavior.mode, behavior.delay_seconds),
            )

    def get_behavior(self, organization: str = "", external_id: str = "") -> Behavior | None:
        """Returns the behavior of exactly this scope, or None if none is set."""
        row = self._connection.execute(
            "SELECT mode, delay_seconds FROM behavior WHERE organization = ? AND external_id = ?",
            (organization, external_id),
        ).fetchone()
        return Behavior(Mode(row["mode"]), row["delay_seconds"]) if row else None

    def resolve_behavior(self, organization: str, external_id: str) -> Behavior:
        """Returns the behavior for a review: its own, its organization's, the one for all reviews, or ACCEPT."""
        return (
            self.get_behavior(organization, external_id)
            or self.get_behavior(organization)
            or self.get_behavior()
            or Behavior()
        )

    def _record(
        self, organization: str, external_id: str, kind: EventKind, comment: str | None, key: str | None
    ) -> ReplyEvent:
        event = ReplyEvent(kind, comment, datetime.now(UTC))
        time = _dump_time(event.time)
        with self._transaction():
            self._connection.execute(
                "INSERT INTO reply_event (organization, external_id, kind, comment, time, idempotency_key)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (organization, external_id, kind, comment, time, key),
            )
            self._connection.execute(
                "UPDATE review SET reply = ?, reply_time = ?, is_taken_down = ?"
                " WHERE organization = ? AND external_id = ?",
                (comment, time, kind is EventKind.TAKE_DOWN, organization, external_id),
            )
        return event

    def _transaction(self) -> AbstractContextManager[object]:
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection  # as a context manager it commits, or rolls back after an exception


_UPSERT_REVIEW: Final = """
INSERT INTO review (
    organization, external_id, name, location, display_name, is_anonymous, stars, comment, create_time, update_time
) VALUES (
    :organization, :external_id, :name, :location, :display_name, :is_anonymous, :stars, :comment,
    :create_time, :update_time
) ON CONFLICT (organization, external_id) DO UPDATE SET
    name = excluded.name, location = excluded.location, display_name = excluded.display_name,
    is_anonymous = excluded.is_anonymous, stars = excluded.stars, comment = excluded.comment,
    create_time = excluded.create_time, update_time = excluded.update_time
"""


def _dump_time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _load_time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _event(row: sqlite3.Row) -> ReplyEvent:
    return ReplyEvent(EventKind(row["kind"]), row["comment"], _load_time(row["time"]))


def _review(row: sqlite3.Row) -> Review:
    reply_time = _load_time(row["reply_time"]) if row["reply_time"] else None
    return Review(
        organization=row["organization"],
        external_id=row["external_id"],
        name=row["name"],
        location=row["location"],
        display_name=row["display_name"],
        is_anonymous=bool(row["is_anonymous"]),
        stars=row["stars"],
        comment=row["comment"],
        create_time=_load_time(row["create_time"]),
        update_time=_load_time(row["update_time"]),
        reply=Reply(row["reply"], reply_time) if row["reply"] is not None and reply_time else None,
        take_down_time=reply_time if row["is_taken_down"] else None,
    )
