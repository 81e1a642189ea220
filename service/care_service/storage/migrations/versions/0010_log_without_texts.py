"""Removes subjects and descriptions from the activity log. An entry only says that a text changed."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_BLANK = """
    UPDATE activities SET changes = (
      SELECT jsonb_agg(
        CASE WHEN change ->> 0 IN ('subject', 'description')
          THEN jsonb_build_array(change ->> 0, '', '') ELSE change END
        ORDER BY place
      )
      FROM jsonb_array_elements(changes) WITH ORDINALITY AS one (change, place)
    )
    WHERE changes @> '[["subject"]]' OR changes @> '[["description"]]'
"""
"""A change is an array of field, value before and value after."""


def upgrade() -> None:
    """Removes the texts from all entries."""
    op.execute(_BLANK)


def downgrade() -> None:
    """Does nothing. The texts can't be restored, and entries without texts have the same form."""
