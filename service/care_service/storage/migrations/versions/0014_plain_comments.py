"""Rewrites comments of tables and columns in plain words."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TABLE_COMMENTS = {
    "ticket_numbers": (
        "The last ticket number of each organization. Apart, so that edits of the directory delay no new ticket.",
        "The last ticket number of each organization. Kept apart, so that directory edits delay no new ticket.",
    ),
    "ticket_count_changes": (
        "Changes that are not in ticket_counts yet. Apart, so that commits never wait for each other's counts.",
        "Changes that are not in ticket_counts yet. Kept apart, so that commits do not wait for each other.",
    ),
    "ticket_terms": (
        "What finds a ticket and rarely changes. Apart from tickets, as every commit rewrites its ticket.",
        "Values that find tickets and rarely change. Kept apart, because each commit rewrites its ticket.",
    ),
    "deliveries": (
        "How far messages to customers got. Apart from messages, which are never changed.",
        "Progress of messages to customers. Kept apart from messages, which never change.",
    ),
    "inbound_messages": (
        "Messages that came in by a channel, each once, also those that found no open chat.",
        "Messages that arrived by a channel, each once, including those without an open chat.",
    ),
}
_COLUMN_COMMENTS = {
    ("ticket_terms", "stars"): (
        "Of the review.",
        "The stars of the review.",
    ),
    ("ticket_terms", "external_reference"): (
        "The ticket's; NULL if empty.",
        "The external reference of the ticket; NULL if empty.",
    ),
    ("outbox", "is_new_workflow"): (
        "The workflow has not been started yet: start it first, and poke it only where it runs already.",
        "Whether the workflow is new. The relay starts a new workflow, and pokes it only if it runs already.",
    ),
    ("outbox", "report_time"): (
        "Time of the workflow's own report that caused the row. The workflow takes the row back by this time.",
        "Time of the workflow's own report that caused the row. The workflow deletes the row by this time.",
    ),
    ("outbox", "park_time"): (
        "When the row was given up: an operator must act.",
        "When the row was parked: an operator must act.",
    ),
    ("outbox", "failure"): (
        "Code of the failure that the row was given up for.",
        "Code of the failure for which the row was parked.",
    ),
}
"""The old and the new comment of a table or a column."""


def upgrade() -> None:
    """Replaces the comments."""
    _comment(1)


def downgrade() -> None:
    """Restores the earlier comments."""
    _comment(0)


def _comment(version: int) -> None:
    for table, comments in _TABLE_COMMENTS.items():
        op.create_table_comment(table, comments[version])
    for (table, column), comments in _COLUMN_COMMENTS.items():
        op.alter_column(table, column, comment=comments[version])
