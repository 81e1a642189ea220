"""Finds the keys that links to customers still need."""

from __future__ import annotations

from typing import Final

from care_service.storage.database import Database
from care_service.storage.rules_in_sql import CHAT_IS_OPEN, IS_FORM, IS_QUEUED, NEEDS_FORM_LINK

# The key of a CLOSED ticket's chat link may be removed. The link then stops working. The customer can still write by
# email, or gets another link.
KEYS_IN_USE: Final = f"""
    -- Lists the keys of all links that customers or the worker still need.
    -- Forms that accept a contact, or whose link may be in a public reply:
    SELECT r.key_id FROM recoveries r
    WHERE r.{IS_FORM} AND {NEEDS_FORM_LINK}
    UNION
    -- Open chats:
    SELECT c.key_id FROM contacts c
    JOIN recoveries r
      ON r.organization = c.organization AND r.ticket_number = c.ticket_number AND r.contact_id = c.id
    WHERE c.key_id <> '' AND r.{CHAT_IS_OPEN}
    UNION
    -- Chats whose link a queued message will contain:
    SELECT c.key_id FROM contacts c
    JOIN deliveries d
      ON d.organization = c.organization AND d.ticket_number = c.ticket_number AND d.contact_id = c.id
    WHERE d.{IS_QUEUED}
"""


async def keys_in_use(database: Database) -> set[str]:
    """Returns the ids of the keys that must stay in `CARE_LINK_KEYS`."""
    async with database.driver() as connection:
        return {row[0] for row in await connection.fetch(KEYS_IN_USE)}
