"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "activities",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("ticket_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column("recovery_id", sa.Uuid(), nullable=True),
        sa.Column("request_id", sa.Uuid(), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization", "ticket_number", "number", name=op.f("pk_activities")),
    )
    op.create_table(
        "agents",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("can_be_assignee", sa.Boolean(), nullable=False),
        sa.Column("can_be_reporter", sa.Boolean(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization", "id", name=op.f("pk_agents")),
    )
    op.create_table(
        "contacts",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("ticket_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recovery_id", sa.Uuid(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("verify_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization", "ticket_number", "id", name=op.f("pk_contacts")),
    )
    op.create_table(
        "locations",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("default_phone_region", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization", "id", name=op.f("pk_locations")),
    )
    op.create_table(
        "messages",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("ticket_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("activity_number", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.SmallInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("author_kind", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("author_display_name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("recovery_id", sa.Uuid(), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization", "ticket_number", "id", name=op.f("pk_messages")),
        sa.UniqueConstraint(
            "organization",
            "ticket_number",
            "activity_number",
            "ordinal",
            name=op.f("uq_messages_organization_ticket_number_activity_number_ordinal"),
        ),
    )
    op.create_table(
        "organizations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("default_phone_region", sa.Text(), nullable=False),
        sa.Column("form_lifetime", sa.Interval(), nullable=False),
        sa.Column("consent_text", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
    )
    op.create_table(
        "outbox",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("workflow", sa.Text(), nullable=False, comment="The workflow type to wake."),
        sa.Column("ticket_number", sa.BigInteger(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "claim_time", sa.DateTime(timezone=True), nullable=False, comment="Not to be claimed before: the lease."
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "id", name=op.f("pk_outbox")),
    )
    op.create_index("ix_outbox_claim_time", "outbox", ["claim_time"], unique=False)
    op.create_table(
        "recoveries",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("ticket_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("review_id", sa.Uuid(), nullable=True),
        sa.Column("reply_text", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("refusal_reason", sa.Text(), nullable=True),
        sa.Column("refusal_message", sa.Text(), nullable=False),
        sa.Column("creator", sa.Text(), nullable=True),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("hand_out_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unsettled_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retract_refusals", sa.Integer(), nullable=False),
        sa.Column("retract_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("post_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("contact_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unlock_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retract_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.PrimaryKeyConstraint("organization", "ticket_number", "id", name=op.f("pk_recoveries")),
    )
    op.create_index("ix_recoveries_id", "recoveries", ["id"], unique=False)
    op.create_index("ix_recoveries_organization_review_id", "recoveries", ["organization", "review_id"], unique=False)
    op.create_table(
        "requests",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column(
            "fingerprint", sa.LargeBinary(), nullable=False, comment="SHA-256 over the method and the request's bytes."
        ),
        sa.Column("answer", sa.LargeBinary(), nullable=False, comment="The response's bytes."),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization", "caller", "request_id", name=op.f("pk_requests")),
    )
    op.create_index("ix_requests_create_time", "requests", ["create_time"], unique=False)
    op.create_table(
        "reviews",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("author_display_name", sa.Text(), nullable=False),
        sa.Column("stars", sa.SmallInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ingest_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ticket_number", sa.BigInteger(), nullable=True),
        sa.Column("posting_attempts", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "id", name=op.f("pk_reviews")),
        sa.UniqueConstraint(
            "organization", "site", "external_id", name=op.f("uq_reviews_organization_site_external_id")
        ),
    )
    op.create_index(
        "ix_reviews_organization_create_time_id",
        "reviews",
        ["organization", sa.literal_column("create_time DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "ticket_numbers",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", name=op.f("pk_ticket_numbers")),
        comment="Apart from organizations, so that raising tickets never waits for somebody who edits the directory.",
    )
    op.create_table(
        "tickets",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("review_id", sa.Uuid(), nullable=True),
        sa.Column("reporter", sa.Text(), nullable=True),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("close_reason", sa.Text(), nullable=True),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("labels", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("contact_state", sa.Text(), nullable=False),
        sa.Column("recovery_id", sa.Uuid(), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolve_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("close_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("organization", "number", name=op.f("pk_tickets")),
    )
    op.create_index(
        "uq_tickets_open_review",
        "tickets",
        ["organization", "review_id"],
        unique=True,
        postgresql_where=sa.text("status <> 'CLOSED' AND review_id IS NOT NULL"),
    )


def downgrade() -> None:
    """Drops the tables."""
    op.drop_index(
        "uq_tickets_open_review",
        table_name="tickets",
        postgresql_where=sa.text("status <> 'CLOSED' AND review_id IS NOT NULL"),
    )
    op.drop_table("tickets")
    op.drop_table("ticket_numbers")
    op.drop_index("ix_reviews_organization_create_time_id", table_name="reviews")
    op.drop_table("reviews")
    op.drop_index("ix_requests_create_time", table_name="requests")
    op.drop_table("requests")
    op.drop_index("ix_recoveries_organization_review_id", table_name="recoveries")
    op.drop_index("ix_recoveries_id", table_name="recoveries")
    op.drop_table("recoveries")
    op.drop_index("ix_outbox_claim_time", table_name="outbox")
    op.drop_table("outbox")
    op.drop_table("organizations")
    op.drop_table("messages")
    op.drop_table("locations")
    op.drop_table("contacts")
    op.drop_table("agents")
    op.drop_table("activities")
