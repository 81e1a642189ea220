"""Takes subjects and descriptions out of the activity log: an entry only says that a text changed."""

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
"""A change is an array of field, before and after."""


def upgrade() -> None:
    """Blanks the texts of all entries."""
    op.execute(_BLANK)


def downgrade() -> None:
    """Nothing to do: the texts can't be restored, and entries without them have the same form."""
