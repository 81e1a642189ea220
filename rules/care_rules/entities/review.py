"""Public reviews."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Review:
    """A public review."""

    organization: str
    id: UUID
    site: str
    external_id: str
    location: str
    author_display_name: str
    stars: int
    text: str
    url: str
    create_time: datetime
    update_time: datetime
    ingest_time: datetime
    delete_time: datetime | None
    """When it was deleted at its site; None if it was not."""
    ticket_number: int | None
    """Its latest ticket."""
    posting_attempts: int
    """The number of the last attempt at the site. Attempts are counted over all tickets of the review."""
