"""Renames the state of a recovery's reply at the review site to `reply_state`, and three of its values."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_RENAMED = {"NEVER": "NONE", "OUT": "POSTING", "TAKING_OUT": "RETRACTING"}


def upgrade() -> None:
    """Renames the column and three of its values."""
    op.drop_index("ix_recoveries_worked", "recoveries")
    op.alter_column("recoveries", "mark", new_column_name="reply_state")
    _rename("reply_state", _RENAMED)
    _index("reply_state", "POSTING", "RETRACTING")


def downgrade() -> None:
    """Restores the earlier names."""
    op.drop_index("ix_recoveries_worked", "recoveries")
    op.alter_column("recoveries", "reply_state", new_column_name="mark")
    _rename("mark", {new: old for old, new in _RENAMED.items()})
    _index("mark", "OUT", "TAKING_OUT")


def _rename(column: str, values: dict[str, str]) -> None:
    recoveries = sa.table("recoveries", sa.column(column))
    target = recoveries.c[column]
    op.execute(sa.update(recoveries).values({column: sa.case(values, value=target)}).where(target.in_(values)))


def _index(column: str, posting: str, retracting: str) -> None:
    op.create_index(
        "ix_recoveries_worked",
        "recoveries",
        ["organization", "ticket_number", "id"],
        postgresql_where=sa.text(
            "(state IN ('FORM_REQUESTED', 'AWAITING_CONTACT', 'CONTACT_RECEIVED')"
            f" OR {column} IN ('{posting}', '{retracting}') OR {column} = 'POSTED' AND state <> 'CHAT_UNLOCKED')"
        ),
    )
