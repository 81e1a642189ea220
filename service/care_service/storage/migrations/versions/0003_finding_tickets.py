"""Columns and indexes for finding tickets and reviews: filters, orders, full-text search, counts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TICKETS = (
    ("create_time", "number"),
    ("update_time", "number"),
    ("stage", "number"),
    ("stage", "create_time", "number"),
    ("stage", "update_time", "number"),
    ("priority_rank", "number"),
    ("contact_state", "number"),
    ("assignee", "number"),
)
_TERMS = ("location", "reporter", "review_id", "stars")
_REVIEWS = ("location", "site", "stars")


def upgrade() -> None:
    """Applies the change."""
    # The service's time limit is for its calls. Filling and indexing a large table may take longer.
    op.execute("SET LOCAL statement_timeout = 0")
    op.execute(
        "ALTER TABLE tickets"
        " ADD COLUMN stage TEXT NOT NULL GENERATED ALWAYS AS (coalesce(close_reason, status)) STORED,"
        " ADD COLUMN priority_rank INTEGER NOT NULL GENERATED ALWAYS AS"
        " (coalesce(array_position(ARRAY['LOW', 'NORMAL', 'HIGH', 'URGENT'], priority), 0)) STORED"
    )
    op.execute(
        "ALTER TABLE reviews ADD COLUMN search TSVECTOR NOT NULL"
        " GENERATED ALWAYS AS (to_tsvector('simple', text) || array_to_tsvector(ARRAY[' ' || organization])) STORED"
    )
    op.create_table(
        "ticket_terms",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("reporter", sa.Text(), nullable=True),
        sa.Column("review_id", sa.Uuid(), nullable=True),
        sa.Column("stars", sa.SmallInteger(), nullable=True, comment="The review's."),
        sa.Column(
            "search",
            TSVECTOR(),
            nullable=False,
            comment="Words, labels and organization: see terms.py.",
        ),
        sa.PrimaryKeyConstraint("organization", "number", name="pk_ticket_terms"),
        comment="What a ticket is found by and its work does not change: apart, as every commit rewrites its ticket.",
    )
    # A copy of the expression in the code at the time of this migration.
    op.execute(
        "INSERT INTO ticket_terms (organization, number, location, reporter, review_id, stars, search)"
        " SELECT t.organization, t.number, t.location, t.reporter, t.review_id, v.stars,"
        " to_tsvector('simple', concat_ws(E'\\n', t.subject, t.description, v.text))"
        " || array_to_tsvector(ARRAY[' ' || t.organization] || ARRAY(SELECT ' ' || t.organization || ' ' || label"
        " FROM unnest(CASE t.labels WHEN '{}' THEN '{}' ELSE t.labels || '*'::TEXT END) AS label))"
        " FROM tickets t LEFT JOIN reviews v ON v.organization = t.organization AND v.id = t.review_id"
    )
    for column in _TERMS:
        index = f"ix_ticket_terms_organization_{column}_number"
        op.create_index(index, "ticket_terms", ["organization", column, "number"])
    op.create_index("ix_ticket_terms_search", "ticket_terms", ["search"], postgresql_using="gin")
    for columns in _TICKETS:
        op.create_index(f"ix_tickets_organization_{'_'.join(columns)}", "tickets", ["organization", *columns])
    op.create_index("ix_reviews_organization_external_id", "reviews", ["organization", "external_id"])
    op.create_index("ix_reviews_organization_ticket_number", "reviews", ["organization", "ticket_number"])
    op.create_index("ix_reviews_search", "reviews", ["search"], postgresql_using="gin")
    for column in _REVIEWS:
        latest = [sa.text("create_time DESC"), sa.text("id DESC")]
        op.create_index(f"ix_reviews_organization_{column}", "reviews", ["organization", column, *latest])
    op.create_index(
        "ix_recoveries_organization_reference", "recoveries", ["organization", sa.text("right(id::text, 8)")]
    )


def downgrade() -> None:
    """Reverts the change."""
    op.drop_index("ix_recoveries_organization_reference", table_name="recoveries")
    for column in (*_REVIEWS, "external_id", "ticket_number"):
        op.drop_index(f"ix_reviews_organization_{column}", table_name="reviews")
    op.drop_table("ticket_terms")
    # This drops their indexes, too.
    op.drop_column("reviews", "search")
    for columns in _TICKETS:
        op.drop_index(f"ix_tickets_organization_{'_'.join(columns)}", table_name="tickets")
    op.drop_column("tickets", "priority_rank")
    op.drop_column("tickets", "stage")
