"""Short forms of calls that several tests of tickets make."""

from __future__ import annotations

from care.v1 import activity_pb2
from care.v1 import ticket_service_pb2 as tickets
from care.v1.activity_pb2 import FieldChange
from care.v1.ticket_pb2 import Ticket
from care_client.client import CareClient
from tests.support.tenant import Tenant


async def create_ticket(client: CareClient, tenant: Tenant, given: Ticket) -> Ticket:
    request = tickets.CreateTicketRequest(parent=tenant.name, ticket=given)
    return (await client.tickets.CreateTicket(request)).ticket


async def latest_change(tenant: Tenant, ticket: Ticket) -> tuple[str, list[FieldChange]]:
    """Returns the type and the field changes of the latest activity."""
    entry = (await tenant.log(ticket))[0]
    return activity_pb2.ActivityType.Name(entry.type).removeprefix("ACTIVITY_TYPE_"), list(entry.changes)
