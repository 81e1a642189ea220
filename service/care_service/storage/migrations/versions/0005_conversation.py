"""Adds the chat: deliveries, inbound messages, keys of chat links, and a cursor over the activity log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

GREETING = "Thank you for getting in touch. You can write to us privately here: {chat_link}"


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Applies the change. Existing organizations get the greeting of new ones."""
    op.add_column("organizations", sa.Column("chat_greeting", sa.Text(), nullable=False, server_default=GREETING))
    op.alter_column("organizations", "chat_greeting", server_default=None)
    op.add_column("locations", sa.Column("preferred_channel", sa.Text(), nullable=True))
    op.add_column("contacts", sa.Column("key_id", sa.Text(), nullable=False, server_default=""))
    op.alter_column("contacts", "key_id", server_default=None)
    op.create_index("ix_contacts_id", "contacts", ["id"])
    for column, value in (("email", sa.text("lower(email)")), ("phone", "phone")):
        op.create_index(
            f"ix_contacts_organization_{column}",
            "contacts",
            ["organization", value],
            postgresql_where=sa.text(f"{column} <> ''"),
        )
    op.add_column("messages", sa.Column("contact_id", sa.Uuid(), nullable=True))
    op.add_column("messages", sa.Column("channel", sa.Text(), nullable=True))
    op.add_column("messages", sa.Column("automatic", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column("messages", "automatic", server_default=None)
    op.create_index("ix_messages_organization_id", "messages", ["organization", "id"])
    op.create_table(
        "deliveries",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("ticket_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("failure_message", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        _time("check_time", nullable=True),
        sa.Column("checks", sa.Integer(), nullable=False),
        _time("create_time"),
        _time("give_up_time"),
        _time("send_time", nullable=True),
        _time("end_time", nullable=True),
        sa.PrimaryKeyConstraint("organization", "ticket_number", "message_id", name="pk_deliveries"),
        comment="Apart from messages, which are never changed.",
    )
    op.create_index(
        "ix_deliveries_queued",
        "deliveries",
        ["organization", "ticket_number", "contact_id"],
        postgresql_where=sa.text("state = 'QUEUED'"),
    )
    op.create_table(
        "inbound_messages",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("in_reply_to", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        _time("send_time"),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("ticket_number", sa.BigInteger(), nullable=True),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        _time("ingest_time"),
        sa.PrimaryKeyConstraint("organization", "channel", "external_id", name="pk_inbound_messages"),
        comment="What came in by a channel, once each; also what found no open chat.",
    )
    op.create_index(
        "ix_inbound_messages_unmatched",
        "inbound_messages",
        ["organization", "ingest_time", "channel", "external_id"],
        postgresql_where=sa.text("message_id IS NULL"),
    )
    op.create_index(
        "ix_inbound_messages_organization_ticket_number",
        "inbound_messages",
        ["organization", "ticket_number"],
        postgresql_where=sa.text("message_id IS NULL AND ticket_number IS NOT NULL"),
    )
    # Existing rows are numbered in the order in which they were written. New rows follow, from any transaction.
    op.execute("ALTER TABLE activities ADD COLUMN transaction XID8 NOT NULL DEFAULT pg_current_xact_id()")
    op.add_column("activities", sa.Column("position", sa.BigInteger(), nullable=True))
    op.execute("""
        UPDATE activities a SET position = numbered.position FROM (
          SELECT organization, ticket_number, number,
            row_number() OVER (ORDER BY create_time, organization, ticket_number, number) AS position
          FROM activities
        ) numbered
        WHERE (a.organization, a.ticket_number, a.number)
          = (numbered.organization, numbered.ticket_number, numbered.number)
    """)
    op.alter_column("activities", "position", nullable=False)
    op.execute("ALTER TABLE activities ALTER COLUMN position ADD GENERATED ALWAYS AS IDENTITY")
    op.execute("""
        SELECT setval(pg_get_serial_sequence('activities', 'position'), coalesce(max(position), 0) + 1, false)
        FROM activities
    """)
    op.create_index("ix_activities_transaction_position", "activities", ["transaction", "position"])
    op.create_index(
        "ix_activities_organization_transaction_position", "activities", ["organization", "transaction", "position"]
    )


def downgrade() -> None:
    """Reverts the change. Inbound messages and deliveries are lost."""
    op.drop_index("ix_activities_organization_transaction_position", table_name="activities")
    op.drop_index("ix_activities_transaction_position", table_name="activities")
    op.drop_column("activities", "position")
    op.drop_column("activities", "transaction")
    op.drop_table("inbound_messages")
    op.drop_table("deliveries")
    op.drop_index("ix_messages_organization_id", table_name="messages")
    for column in ("automatic", "channel", "contact_id"):
        op.drop_column("messages", column)
    for column in ("phone", "email"):
        op.drop_index(f"ix_contacts_organization_{column}", table_name="contacts")
    op.drop_index("ix_contacts_id", table_name="contacts")
    op.drop_column("contacts", "key_id")
    op.drop_column("locations", "preferred_channel")
    op.drop_column("organizations", "chat_greeting")
