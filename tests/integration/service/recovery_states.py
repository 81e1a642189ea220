"""Recoveries in any state, and the names of their enum values."""

from __future__ import annotations

from care.v1 import activity_pb2, recovery_pb2, ticket_pb2
from care.v1.activity_pb2 import Activity
from care.v1.recovery_pb2 import Recovery
from care.v1.ticket_pb2 import Ticket
from tests.integration.service.commands import Target
from tests.support.tenant import Tenant

ENDED_ON_AN_OPEN_TICKET = ("REFUSED", "WITHDRAWN", "REJECTED")
"""States of an ended recovery whose ticket is open and has no other recovery."""


def state_of(recovery: Recovery) -> str:
    return recovery_pb2.RecoveryState.Name(recovery.state).removeprefix("RECOVERY_STATE_")


def contact_state_of(ticket: Ticket) -> str:
    return ticket_pb2.ContactState.Name(ticket.contact_state).removeprefix("CONTACT_STATE_")


def type_of(entry: Activity) -> str:
    return activity_pb2.ActivityType.Name(entry.type).removeprefix("ACTIVITY_TYPE_")


async def in_state(tenant: Tenant, state: str) -> Target:
    """Creates a ticket of alice and brings its recovery into `state`. NO_CONTACT: the ticket has no recovery."""
    ticket = await tenant.ticket()
    if state == "NO_CONTACT":
        return Target(tenant, ticket)
    recovery = await tenant.in_recovery_state(ticket, state)
    return Target(tenant, await tenant.get(ticket), recovery.name)
