"""Writes the table `ticket_terms`, which finds tickets by their words, labels and review.

A change of a ticket or of its review updates the terms. Each such transaction locks the review's row before it writes
the terms. So if a ticket changes while its review is edited, the later transaction sees the changes of the earlier one.
Locks are taken in the order ticket, review, terms. No transaction locks a ticket or a review after it has locked terms.
"""

from __future__ import annotations

from typing import Final

from care_service.storage.statement_builder import Statement

TICKET_COLUMNS: Final = (
    "organization, number, subject, description, labels, external_reference, location, reporter, review_id"
)
"""The columns that the CTE `ticket` of a commit returns, for the CTEs of this module."""


def search(review_text: str) -> str:
    """Returns the SQL for the column `search` of a ticket `t`. `review_text` is the column with the review's text.

    The lexemes of a text never begin with a space, so other lexemes do: ` acme` is the organization `acme`, ` acme vip`
    is the label `vip`, and ` acme *` means that the ticket has any label.
    """
    return (
        "to_tsvector('simple', concat_ws(E'\\n', t.subject, t.description, " + review_text + "))"
        "\n      || array_to_tsvector(ARRAY[' ' || t.organization]"
        "\n        || ARRAY(SELECT ' ' || t.organization || ' ' || label"
        "\n          FROM unnest(CASE t.labels WHEN '{}' THEN '{}' ELSE t.labels || '*'::TEXT END) AS label))"
    )


def add_insert(statement: Statement, *, has_review: bool) -> None:
    """Adds the CTE that writes the terms of a new ticket.

    The statement must already contain the CTE `ticket` and, if the ticket has a review, `review`, which locks the
    review's row.
    """
    source, stars, text = ("ticket t, review v", "v.stars", "v.text") if has_review else ("ticket t", "NULL", "''")
    statement.add(
        "terms",
        "INSERT INTO ticket_terms"
        "\n    (organization, number, location, reporter, review_id, stars, external_reference, search)"
        f"\n  SELECT t.organization, t.number, t.location, t.reporter, t.review_id, {stars}::SMALLINT,"
        f"\n    nullif(t.external_reference, ''), {search(text)}"
        f"\n  FROM {source} RETURNING 1",
    )


def add_update(statement: Statement) -> None:
    """Adds the CTEs that write the terms after a change of subject, description, external reference or labels.

    The statement must already contain the CTE `ticket`.
    """
    statement.add(
        "text",
        "SELECT v.text FROM reviews v JOIN ticket ON v.organization = ticket.organization AND v.id = ticket.review_id"
        " FOR SHARE OF v",
    )
    statement.add(
        "terms",
        f"UPDATE ticket_terms m SET search = {search('v.text')},"
        "\n    external_reference = nullif(t.external_reference, '')\n  FROM ticket t LEFT JOIN text v ON true"
        "\n  WHERE m.organization = t.organization AND m.number = t.number RETURNING 1",
    )


AFTER_REVIEW: Final = f"""
    -- Writes the search terms of all tickets of a review after an edit of the review.
    -- $1, $2: organization and review
    UPDATE ticket_terms m SET stars = v.stars,
      search = {search("v.text")}
    FROM tickets t, reviews v
    WHERE m.organization = $1::TEXT AND m.review_id = $2::UUID
      AND v.organization = m.organization AND v.id = m.review_id
      AND t.organization = m.organization AND t.number = m.number
"""
"""A separate statement in the transaction of the edit. It sees every ticket of the review, because the transaction that
creates a ticket locks the review, too."""
