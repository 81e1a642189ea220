"""Keeps `ticket_terms`: what a ticket is found by besides its own columns. Written with the ticket and with its review.

The row of the review is locked before the terms are written, by whoever writes them: so that of a ticket's change and
its review's edit at the same time, the later one sees the other's text. Locks are taken in one order, ticket, review,
terms; nobody holds terms and wants another.
"""

from __future__ import annotations

from typing import Final

from care_service.storage.statements import Statement

TICKET_COLUMNS: Final = (
    "organization, number, subject, description, labels, external_reference, location, reporter, review_id"
)
"""What the CTE `ticket` of a commit returns."""


def search(review_text: str) -> str:
    """Returns the SQL for `search` from a ticket `t` and the text of its review, both columns.

    Lexemes that begin with a space are none that a text can have: ` acme` says whose it is, ` acme vip` is a label,
    ` acme *` says that there is one.
    """
    return (
        "to_tsvector('simple', concat_ws(E'\\n', t.subject, t.description, " + review_text + "))"
        " || array_to_tsvector(ARRAY[' ' || t.organization] || ARRAY(SELECT ' ' || t.organization || ' ' || label"
        " FROM unnest(CASE t.labels WHEN '{}' THEN '{}' ELSE t.labels || '*'::TEXT END) AS label))"
    )


def add_insert(statement: Statement, *, has_review: bool) -> None:
    """Adds the CTE for a new ticket, after `ticket` and, if it has one, `review`, which has locked the review."""
    source, stars, text = ("ticket t, review v", "v.stars", "v.text") if has_review else ("ticket t", "NULL", "''")
    statement.add(
        "terms",
        "INSERT INTO ticket_terms"
        " (organization, number, location, reporter, review_id, stars, external_reference, search)"
        f" SELECT t.organization, t.number, t.location, t.reporter, t.review_id, {stars}::SMALLINT,"
        f" nullif(t.external_reference, ''), {search(text)} FROM {source} RETURNING 1",
    )


def add_update(statement: Statement) -> None:
    """Adds the CTEs for a ticket whose subject, description, labels or reference changed, after `ticket`."""
    statement.add(
        "text",
        "SELECT v.text FROM reviews v JOIN ticket ON v.organization = ticket.organization AND v.id = ticket.review_id"
        " FOR SHARE OF v",
    )
    statement.add(
        "terms",
        f"UPDATE ticket_terms m SET search = {search('v.text')},"
        " external_reference = nullif(t.external_reference, '') FROM ticket t LEFT JOIN text v ON true"
        " WHERE m.organization = t.organization AND m.number = t.number RETURNING 1",
    )


AFTER_REVIEW: Final = f"""
    UPDATE ticket_terms m SET stars = v.stars, search = {search("v.text")}
    FROM tickets t, reviews v
    WHERE m.organization = $1::TEXT AND m.review_id = $2::UUID
      AND v.organization = m.organization AND v.id = m.review_id
      AND t.organization = m.organization AND t.number = m.number
"""
"""After an edit of a review: a statement of its own in the same transaction, which sees every ticket of the review, as
whoever raises one locks the review too."""
