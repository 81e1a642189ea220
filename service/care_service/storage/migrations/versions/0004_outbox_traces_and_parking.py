"""Adds the trace of outbox rows, and parks rows that can't be processed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applies the change."""
    words = "The trace (W3C Trace Context) that the change belongs to."
    op.add_column("outbox", sa.Column("traceparent", sa.Text(), nullable=True, comment=words))
    words = "Given up then: an operator has to see to it."
    op.add_column("outbox", sa.Column("park_time", sa.DateTime(timezone=True), nullable=True, comment=words))
    words = "The code of the failure that it was given up for."
    op.add_column("outbox", sa.Column("failure", sa.Text(), nullable=True, comment=words))
    op.drop_index("ix_outbox_claim_time", table_name="outbox")
    op.create_index("ix_outbox_due", "outbox", ["claim_time"], postgresql_where=sa.text("park_time IS NULL"))
    op.create_index("ix_outbox_parked", "outbox", ["park_time"], postgresql_where=sa.text("park_time IS NOT NULL"))


def downgrade() -> None:
    """Reverts the change. Parked rows wait again like the others."""
    op.drop_index("ix_outbox_parked", table_name="outbox")
    op.drop_index("ix_outbox_due", table_name="outbox")
    op.create_index("ix_outbox_claim_time", "outbox", ["claim_time"])
    op.drop_column("outbox", "failure")
    op.drop_column("outbox", "park_time")
    op.drop_column("outbox", "traceparent")
