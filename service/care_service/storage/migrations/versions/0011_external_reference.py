"""What a ticket is called in a system of the caller's, and the index that finds it by that."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_INDEX = "ix_ticket_terms_organization_external_reference_number"


def upgrade() -> None:
    """Adds the columns, empty, and the index."""
    # The default is for the rows that are there; the program always gives a value.
    op.add_column("tickets", sa.Column("external_reference", sa.Text(), nullable=False, server_default=""))
    op.alter_column("tickets", "external_reference", server_default=None)
    op.add_column(
        "ticket_terms",
        sa.Column("external_reference", sa.Text(), nullable=True, comment="The ticket's; NULL if empty."),
    )
    op.create_index(
        _INDEX,
        "ticket_terms",
        ["organization", "external_reference", "number"],
        postgresql_where=sa.text("external_reference IS NOT NULL"),
    )


def downgrade() -> None:
    """Takes it back; the references are lost."""
    op.drop_index(_INDEX, "ticket_terms")
    op.drop_column("ticket_terms", "external_reference")
    op.drop_column("tickets", "external_reference")
