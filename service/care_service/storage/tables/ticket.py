"""Tickets, and the table that finds tickets by words and by review."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Computed, Index, Integer, SmallInteger, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

from care_service.storage.rules_in_sql import IS_OPEN, PRIORITY_RANK, STAGE
from care_service.storage.tables.columns import key_column, metadata, text_column, time_column

tickets: Final = Table(
    "tickets",
    metadata,
    key_column(),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    text_column("subject"),
    text_column("description"),
    text_column("location"),
    Column("review_id", Uuid, nullable=True),
    text_column("reporter", optional=True),
    text_column("assignee", optional=True),
    text_column("status"),
    text_column("close_reason", optional=True),
    text_column("priority"),
    Column("labels", ARRAY(Text), nullable=False),
    text_column("external_reference"),
    text_column("contact_state"),
    Column("recovery_id", Uuid, nullable=True),
    time_column("create_time"),
    time_column("update_time"),
    time_column("resolve_time", optional=True),
    time_column("close_time", optional=True),
    Column("follow_up_of", BigInteger, nullable=True),
    Column("follow_up", BigInteger, nullable=True),
    Column("timing", JSONB, nullable=False),
    # Lists and counts use these two generated columns.
    Column("stage", Text, Computed(STAGE, persisted=True), nullable=False),
    Column("priority_rank", Integer, Computed(PRIORITY_RANK, persisted=True), nullable=False),
)
for _columns in (
    # One index for each order by a time.
    ("create_time", "number"),
    ("update_time", "number"),
    # One index for each order within a stage. Most tickets are CLOSED and old, so few of all tickets are open.
    ("stage", "number"),
    ("stage", "create_time", "number"),
    ("stage", "update_time", "number"),
    # One index for each filter. Each index slows every commit: see docs/decisions/0010-finding-tickets.md.
    ("priority_rank", "number"),
    ("contact_state", "number"),
    ("assignee", "number"),
):
    Index(None, tickets.c.organization, *(tickets.c[_column] for _column in _columns))
OPEN_FOLLOW_UP_INDEX: Final = "uq_tickets_open_follow_up"
Index(
    OPEN_FOLLOW_UP_INDEX,
    tickets.c.organization,
    tickets.c.follow_up_of,
    unique=True,
    postgresql_where=text(f"{IS_OPEN} AND follow_up_of IS NOT NULL"),
)
OPEN_TICKET_INDEX: Final = "uq_tickets_open_review"
Index(
    OPEN_TICKET_INDEX,
    tickets.c.organization,
    tickets.c.review_id,
    unique=True,
    postgresql_where=text(f"{IS_OPEN} AND review_id IS NOT NULL"),
)

ticket_terms: Final = Table(
    "ticket_terms",
    metadata,
    key_column(),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    text_column("location"),
    text_column("reporter", optional=True),
    Column("review_id", Uuid, nullable=True),
    Column("stars", SmallInteger, nullable=True, comment="The stars of the review."),
    Column("external_reference", Text, nullable=True, comment="The external reference of the ticket; NULL if empty."),
    Column("search", TSVECTOR, nullable=False, comment="Words, labels and organization: see search_terms.py."),
    *(Index(None, "organization", column, "number") for column in ("location", "reporter", "review_id", "stars")),
    # This partial index leaves out tickets without an external reference. Most tickets have none.
    Index(
        None,
        "organization",
        "external_reference",
        "number",
        postgresql_where=text("external_reference IS NOT NULL"),
    ),
    Index("ix_ticket_terms_search", "search", postgresql_using="gin"),
    comment="Values that find tickets and rarely change. Kept apart, because each commit rewrites its ticket.",
)
Index("ix_tickets_open", tickets.c.organization, tickets.c.number, postgresql_where=text(IS_OPEN))
