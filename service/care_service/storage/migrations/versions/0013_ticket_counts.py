"""Adds the number of tickets by organization, location and stage, and the triggers that keep it."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the tables and triggers, and counts the existing tickets."""
    op.create_table(
        "ticket_counts",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("tickets", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "location", "stage", name="pk_ticket_counts"),
        comment="Number of tickets, without the changes in ticket_count_changes.",
    )
    op.create_table(
        "ticket_count_changes",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column(
            "difference",
            sa.SmallInteger(),
            nullable=False,
            comment="1 for a ticket that came, -1 for one that left.",
        ),
        sa.PrimaryKeyConstraint("organization", "id", name="pk_ticket_count_changes"),
        comment="Changes that are not in ticket_counts yet. Apart, so that commits never wait for each other's counts.",
    )
    # Processes of the previous release may be writing tickets. From here to the end of this migration they wait, so
    # that each ticket is counted either below or by a trigger. Reading goes on.
    op.execute("LOCK TABLE tickets IN SHARE ROW EXCLUSIVE MODE")
    op.execute(
        """
        CREATE FUNCTION count_ticket_changes() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF TG_OP <> 'INSERT' THEN
            INSERT INTO ticket_count_changes (organization, location, stage, difference)
            VALUES (OLD.organization, OLD.location, OLD.stage, -1);
          END IF;
          IF TG_OP <> 'DELETE' THEN
            INSERT INTO ticket_count_changes (organization, location, stage, difference)
            VALUES (NEW.organization, NEW.location, NEW.stage, 1);
          END IF;
          RETURN NULL;
        END
        $$
        """
    )
    op.execute(
        "CREATE TRIGGER count_new_tickets AFTER INSERT OR DELETE ON tickets"
        " FOR EACH ROW EXECUTE FUNCTION count_ticket_changes()"
    )
    op.execute(
        "CREATE TRIGGER count_moved_tickets AFTER UPDATE OF location, stage ON tickets FOR EACH ROW"
        " WHEN (OLD.location <> NEW.location OR OLD.stage <> NEW.stage) EXECUTE FUNCTION count_ticket_changes()"
    )
    op.execute(
        "INSERT INTO ticket_counts (organization, location, stage, tickets)"
        " SELECT organization, location, stage, count(*) FROM tickets GROUP BY organization, location, stage"
    )


def downgrade() -> None:
    """Drops the triggers, the function and the tables."""
    op.execute("DROP TRIGGER count_moved_tickets ON tickets")
    op.execute("DROP TRIGGER count_new_tickets ON tickets")
    op.execute("DROP FUNCTION count_ticket_changes()")
    op.drop_table("ticket_count_changes")
    op.drop_table("ticket_counts")
