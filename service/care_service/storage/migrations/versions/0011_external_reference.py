"""Adds the external reference of tickets, and its index."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_INDEX = "ix_ticket_terms_organization_external_reference_number"


def upgrade() -> None:
    """Adds the empty columns and the index."""
    # The default is for existing rows. The program always writes a value.
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
    """Reverts the change. The references are lost."""
    op.drop_index(_INDEX, "ticket_terms")
    op.drop_column("ticket_terms", "external_reference")
    op.drop_column("tickets", "external_reference")
