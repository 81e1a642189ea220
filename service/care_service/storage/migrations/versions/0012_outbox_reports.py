"""Adds an index for the outbox row of a report, and rewrites the comments of tables and columns."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TABLE_COMMENTS = {
    "ticket_numbers": (
        "Apart from organizations, so that raising tickets never waits for somebody who edits the directory.",
        "The last ticket number of each organization. Apart, so that edits of the directory delay no new ticket.",
    ),
    "settings_revisions": (
        "Every change of settings; those of the organization have an empty location.",
        "Every change of settings. Those of the organization have an empty location.",
    ),
    "ticket_terms": (
        "What a ticket is found by and its work does not change: apart, as every commit rewrites its ticket.",
        "What finds a ticket and rarely changes. Apart from tickets, as every commit rewrites its ticket.",
    ),
    "deliveries": (
        "Apart from messages, which are never changed.",
        "How far messages to customers got. Apart from messages, which are never changed.",
    ),
    "inbound_messages": (
        "What came in by a channel, once each; also what found no open chat.",
        "Messages that came in by a channel, each once, also those that found no open chat.",
    ),
    "assignment_turns": (
        "Who had the last turn where the new tickets of a location go round among its assignees.",
        "Per location, the agent who got the last ticket that was assigned by ROUND_ROBIN.",
    ),
}
_COLUMN_COMMENTS = {
    ("ticket_terms", "stars"): ("The review's.", "Of the review."),
    ("ticket_terms", "search"): (
        "Words, labels and organization: see terms.py.",
        "Words, labels and organization: see search_terms.py.",
    ),
    ("outbox", "resource_id"): (
        "NULL for the ticket itself.",
        "The recovery or the message; NULL for the ticket itself.",
    ),
    ("outbox", "is_new_workflow"): (
        "The workflow does not run yet: it is started, and not poked where somebody else has done so.",
        "The workflow has not been started yet: start it first, and poke it only where it runs already.",
    ),
    ("outbox", "report_time"): (
        "Of the workflow's own report that it wakes for: taken back by who asks with this time.",
        "Time of the workflow's own report that caused the row. The workflow takes the row back by this time.",
    ),
    ("outbox", "claim_time"): (
        "Not to be claimed before: the lease.",
        "When the row may be claimed next.",
    ),
    ("outbox", "park_time"): (
        "Given up then: an operator has to see to it.",
        "When the row was given up: an operator must act.",
    ),
    ("outbox", "failure"): (
        "The code of the failure that it was given up for.",
        "Code of the failure that the row was given up for.",
    ),
}
"""The old and the new comment of a table or a column."""


def upgrade() -> None:
    """Adds the index, renames a column, and replaces the comments."""
    op.create_index(
        "ix_outbox_reported",
        "outbox",
        ["organization", "ticket_number", "resource_id"],
        postgresql_where=sa.text("report_time IS NOT NULL"),
    )
    op.alter_column("outbox", "is_first", new_column_name="is_new_workflow")
    _comment(1)


def downgrade() -> None:
    """Restores the earlier names and comments, without the index."""
    _comment(0)
    op.alter_column("outbox", "is_new_workflow", new_column_name="is_first")
    op.drop_index("ix_outbox_reported", "outbox")


def _comment(version: int) -> None:
    for table, comments in _TABLE_COMMENTS.items():
        op.create_table_comment(table, comments[version])
    for (table, column), comments in _COLUMN_COMMENTS.items():
        op.alter_column(table, column, comment=comments[version])
