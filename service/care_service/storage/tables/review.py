"""Reviews."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Computed, DateTime, Index, SmallInteger, Table, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import TSVECTOR

from care_service.storage.tables.columns import key_column, metadata, text_column, time_column

REVIEW_IDENTITY: Final = "uq_reviews_organization_site_external_id"
REVIEW_SEARCH: Final = "to_tsvector('simple', text) || array_to_tsvector(ARRAY[' ' || organization])"
"""The words of a review, and its organization as a lexeme that no text has. So a search finds one organization only."""
reviews: Final = Table(
    "reviews",
    metadata,
    key_column(),
    Column("id", Uuid, primary_key=True),
    text_column("site"),
    text_column("external_id"),
    text_column("location"),
    text_column("author_display_name"),
    Column("stars", SmallInteger, nullable=False),
    text_column("text"),
    text_column("url"),
    time_column("create_time"),
    time_column("update_time"),
    time_column("ingest_time"),
    Column("delete_time", DateTime(timezone=True), nullable=True),
    Column("ticket_number", BigInteger, nullable=True),
    Column("posting_attempts", BigInteger, nullable=False),
    Column("search", TSVECTOR, Computed(REVIEW_SEARCH, persisted=True), nullable=False),
    UniqueConstraint("organization", "site", "external_id", name=REVIEW_IDENTITY),
    # The indexes for the filters of ListReviews. docs/decisions/0010-finding-tickets.md gives the reasons.
    Index("ix_reviews_organization_external_id", "organization", "external_id"),
    Index("ix_reviews_organization_ticket_number", "organization", "ticket_number"),
    Index("ix_reviews_search", "search", postgresql_using="gin"),
)
Index(
    "ix_reviews_organization_create_time_id", reviews.c.organization, reviews.c.create_time.desc(), reviews.c.id.desc()
)
for _column in ("location", "site", "stars"):
    Index(
        f"ix_reviews_organization_{_column}",
        reviews.c.organization,
        reviews.c[_column],
        reviews.c.create_time.desc(),
        reviews.c.id.desc(),
    )
