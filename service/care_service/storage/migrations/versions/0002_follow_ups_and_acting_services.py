"""Adds follow-up tickets, claims from links of earlier tickets, and the service that acts on an agent's behalf."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applies the change."""
    # The default is for existing rows. The program always writes a value.
    op.add_column("activities", sa.Column("acting_service", sa.Text(), server_default="", nullable=False))
    op.alter_column("activities", "acting_service", server_default=None)
    op.add_column("tickets", sa.Column("follow_up_of", sa.BigInteger(), nullable=True))
    op.add_column("tickets", sa.Column("follow_up", sa.BigInteger(), nullable=True))
    op.add_column("contacts", sa.Column("recovery_ticket_number", sa.BigInteger(), nullable=True))
    op.execute("UPDATE contacts SET recovery_ticket_number = ticket_number")
    op.alter_column("contacts", "recovery_ticket_number", nullable=False)
    op.create_index(
        "uq_tickets_open_follow_up",
        "tickets",
        ["organization", "follow_up_of"],
        unique=True,
        postgresql_where=sa.text("status <> 'CLOSED' AND follow_up_of IS NOT NULL"),
    )


def downgrade() -> None:
    """Reverts the change."""
    op.drop_index("uq_tickets_open_follow_up", table_name="tickets")
    op.drop_column("contacts", "recovery_ticket_number")
    op.drop_column("tickets", "follow_up")
    op.drop_column("tickets", "follow_up_of")
    op.drop_column("activities", "acting_service")
