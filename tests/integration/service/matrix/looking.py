"""Reads a ticket through the public methods, and everything that is stored about the ticket."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import ticket_service_pb2 as tickets
from care.v1.activity_pb2 import Activity
from care.v1.recovery_pb2 import Recovery
from care.v1.ticket_pb2 import Ticket
from tests.support.tenant import Tenant


@dataclass(frozen=True)
class Seen:
    """The public values of a ticket that commands change."""

    ticket: Ticket
    log: list[Activity]
    """Newest first."""
    recovery: Recovery | None
    """The requested recovery, if there is one."""


async def look(tenant: Tenant, ticket: str, recovery: str = "") -> Seen:
    """Reads a ticket, its log, and one of its recoveries, as a service."""
    reader = tenant.service
    shown, listed = await asyncio.gather(
        reader.tickets.GetTicket(tickets.GetTicketRequest(name=ticket)),
        reader.tickets.ListActivities(tickets.ListActivitiesRequest(parent=ticket, page_size=1000)),
    )
    found = None
    if recovery:
        request = conversations.GetRecoveryRequest(name=recovery)
        found = (await reader.conversations.GetRecovery(request)).recovery
    return Seen(shown.ticket, list(listed.activities), found)


# The relay may change an outbox row at any time, so its columns are left out.
_STORED = """
    SELECT (to_jsonb(t) - $3::TEXT[])::TEXT FROM tickets t WHERE organization = $1 AND number = $2
    UNION ALL SELECT r::TEXT FROM recoveries r WHERE organization = $1 AND ticket_number = $2
    UNION ALL SELECT c::TEXT FROM contacts c WHERE organization = $1 AND ticket_number = $2
    UNION ALL SELECT m::TEXT FROM messages m WHERE organization = $1 AND ticket_number = $2
    UNION ALL SELECT d::TEXT FROM deliveries d WHERE organization = $1 AND ticket_number = $2
    UNION ALL SELECT i::TEXT FROM inbound_messages i WHERE organization = $1 AND ticket_number = $2
      AND message_id IS NOT NULL
    UNION ALL SELECT a::TEXT FROM activities a WHERE organization = $1 AND ticket_number = $2
    UNION ALL SELECT v::TEXT FROM reviews v JOIN tickets t ON t.organization = v.organization AND t.review_id = v.id
      WHERE t.organization = $1 AND t.number = $2
    UNION ALL SELECT 'outbox ' || workflow || coalesce(resource_id::TEXT, '') FROM outbox
      WHERE organization = $1 AND ticket_number = $2
"""
_COUNTS = """
    SELECT (SELECT count(*) FROM tickets WHERE organization = $1),
      (SELECT count(*) FROM requests WHERE organization = $1)
"""


async def stored(tenant: Tenant, ticket: Ticket, *, but: Sequence[str] = ()) -> str:
    """Returns a digest of everything that is stored of a ticket, except for the columns `but` of its row."""
    async with tenant.care.database.driver() as connection:
        rows = await connection.fetch(_STORED, tenant.id, ticket.number, list(but))
    return sha256("\n".join(sorted(row[0] for row in rows)).encode()).hexdigest()


async def delete_unmatched_messages(tenant: Tenant) -> None:
    """Deletes unmatched messages. Otherwise they would enter the thread when a chat is opened."""
    async with tenant.care.database.driver() as connection:
        await connection.execute(
            "DELETE FROM inbound_messages WHERE organization = $1 AND message_id IS NULL", tenant.id
        )


async def counts(tenant: Tenant) -> tuple[int, int]:
    """Returns the numbers of tickets and of stored responses of the organization."""
    async with tenant.care.database.driver() as connection:
        tickets, responses = await connection.fetchrow(_COUNTS, tenant.id) or (0, 0)
    return tickets, responses
