"""Invariants of the database after any calls, as queries that find the rows that violate them."""

from __future__ import annotations

from typing import Final

from care_service.storage.database import Database

_LIVE: Final = "state IN ('FORM_REQUESTED', 'AWAITING_CONTACT', 'CONTACT_RECEIVED', 'CHAT_UNLOCKED')"

BROKEN: Final = {
    "activities are numbered without gaps up to the ticket's version": """
        SELECT t.organization, t.number FROM tickets t LEFT JOIN activities a
        ON a.organization = t.organization AND a.ticket_number = t.number
        GROUP BY t.organization, t.number, t.version
        HAVING count(a) <> t.version OR max(a.number) <> t.version OR min(a.number) <> 1
    """,
    "at most one recovery of a ticket is live": f"""
        SELECT organization, ticket_number FROM recoveries WHERE {_LIVE}
        GROUP BY organization, ticket_number HAVING count(*) > 1
    """,
    "a ticket names its live recovery, and says its state": f"""
        SELECT t.organization, t.number FROM tickets t LEFT JOIN recoveries r
        ON r.organization = t.organization AND r.ticket_number = t.number AND r.{_LIVE}
        WHERE t.recovery_id IS DISTINCT FROM r.id OR t.contact_state <> coalesce(r.state, 'NO_CONTACT')
    """,
    "nothing is live on a CLOSED ticket": """
        SELECT organization, number FROM tickets WHERE status = 'CLOSED' AND contact_state <> 'NO_CONTACT'
    """,
    "at most one ticket of a review is not CLOSED": """
        SELECT organization, review_id FROM tickets WHERE status <> 'CLOSED' AND review_id IS NOT NULL
        GROUP BY organization, review_id HAVING count(*) > 1
    """,
    "at most one follow-up of a ticket is not CLOSED": """
        SELECT organization, follow_up_of FROM tickets WHERE status <> 'CLOSED' AND follow_up_of IS NOT NULL
        GROUP BY organization, follow_up_of HAVING count(*) > 1
    """,
    "CLOSED tickets, and no others, have a time and a reason": """
        SELECT organization, number FROM tickets
        WHERE (status = 'CLOSED') <> (close_time IS NOT NULL) OR (status = 'CLOSED') <> (close_reason IS NOT NULL)
    """,
    "a recovery uses only a contact that is its ticket's": """
        SELECT r.organization, r.ticket_number FROM recoveries r LEFT JOIN contacts c
        ON c.organization = r.organization AND c.ticket_number = r.ticket_number AND c.id = r.contact_id
        WHERE r.contact_id IS NOT NULL AND c.id IS NULL
    """,
    "a message belongs to an activity": """
        SELECT m.organization, m.ticket_number FROM messages m LEFT JOIN activities a
        ON a.organization = m.organization AND a.ticket_number = m.ticket_number AND a.number = m.activity_number
        WHERE a.number IS NULL
    """,
}


async def violations(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Returns each violated invariant with the rows that violate it."""
    async with database.driver() as connection:
        found = {rule: [tuple(row) for row in await connection.fetch(query)] for rule, query in BROKEN.items()}
    return {rule: rows for rule, rows in found.items() if rows}
