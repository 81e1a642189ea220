"""When reviews were deleted at their sites, and whose turn it is to be assigned a location's next ticket."""

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


def downgrade() -> None:
    """Takes it back; deleted reviews look as if they were there."""
    op.drop_table("assignment_turns")
    op.drop_column("reviews", "delete_time")
