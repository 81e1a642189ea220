"""Adds deleted reviews, turns of assignees, and the columns and indexes that find workflows that must run."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applies the change."""
    op.add_column("reviews", sa.Column("delete_time", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "assignment_turns",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "location", name="pk_assignment_turns"),
        comment="Who had the last turn where the new tickets of a location go round among its assignees.",
    )
    op.add_column(
        "outbox",
        sa.Column(
            "is_first",
            sa.Boolean(),
            nullable=False,
            server_default=sa.text("false"),
            comment="The workflow does not run yet: it is started, and not poked where somebody else has done so.",
        ),
    )
    op.add_column(
        "outbox",
        sa.Column(
            "report_time",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Of the workflow's own report that it wakes for: taken back by who asks with this time.",
        ),
    )
    op.create_index(
        "ix_tickets_open", "tickets", ["organization", "number"], postgresql_where=sa.text("status <> 'CLOSED'")
    )
    op.create_index(
        "ix_recoveries_worked",
        "recoveries",
        ["organization", "ticket_number", "id"],
        postgresql_where=sa.text(
            "(state IN ('FORM_REQUESTED', 'AWAITING_CONTACT', 'CONTACT_RECEIVED') OR mark IN ('OUT', 'TAKING_OUT')"
            " OR mark = 'POSTED' AND state <> 'CHAT_UNLOCKED')"
        ),
    )


def downgrade() -> None:
    """Reverts the change. Deleted reviews appear as existing ones."""
    op.drop_index("ix_recoveries_worked", "recoveries")
    op.drop_index("ix_tickets_open", "tickets")
    op.drop_column("outbox", "report_time")
    op.drop_column("outbox", "is_first")
    op.drop_table("assignment_turns")
    op.drop_column("reviews", "delete_time")
