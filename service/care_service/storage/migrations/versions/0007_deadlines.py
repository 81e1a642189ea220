"""Adds the timing of tickets, and wakes of tickets, whose id is their number."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applies the change. A ticket's last change counts as its last activity. Each open ticket gets its workflow."""
    op.add_column("tickets", sa.Column("timing", postgresql.JSONB(), nullable=True))
    op.execute("UPDATE tickets SET timing = jsonb_build_object('active_time', update_time)")
    op.alter_column("tickets", "timing", nullable=False)
    op.alter_column("outbox", "resource_id", nullable=True, comment="NULL for the ticket itself.")
    op.execute("""
        INSERT INTO outbox (organization, workflow, ticket_number, create_time, claim_time, attempts)
        SELECT organization, 'TicketWorkflow', number, now(), now(), 0 FROM tickets WHERE status <> 'CLOSED'
    """)


def downgrade() -> None:
    """Reverts the change. Pending wakes of tickets are lost."""
    op.execute("DELETE FROM outbox WHERE resource_id IS NULL")
    op.alter_column("outbox", "resource_id", nullable=False, comment=None)
    op.drop_column("tickets", "timing")
