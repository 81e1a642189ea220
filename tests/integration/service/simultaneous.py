"""Makes calls at the same time, and sends one request many times."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from care.v1 import ticket_pb2
from care.v1 import ticket_service_pb2 as tickets
from care.v1.ticket_pb2 import Ticket
from care_client.errors import CareError
from tests.integration.service.commands import Encodable
from tests.support.tenant import Tenant

TIMES = 50
"""How many callers call at once, and how many times a request is sent."""
ROUNDS = 10
"""How many times a race of two calls runs, so that both orders and an overlap occur."""


async def answer_or_error(call: Awaitable[object]) -> object:
    """Returns the response of a call, or its error."""
    try:
        return await call
    except CareError as error:
        return error


async def at_once(calls: Iterable[Awaitable[object]]) -> list[object]:
    """Makes all calls at the same time. Returns the response or the error of each."""
    return await asyncio.gather(*(answer_or_error(call) for call in calls))


def refusals(outcomes: Iterable[object]) -> list[CareError]:
    """Returns the errors among the outcomes."""
    return [each for each in outcomes if isinstance(each, CareError)]


async def repeat(call: Callable[[], Awaitable[Encodable]]) -> bytes:
    """Sends one request `TIMES` times, the first half at once. All responses must be equal; returns them encoded."""
    first = await asyncio.gather(*(call() for _ in range(TIMES // 2)))
    answers = [*first, *[await call() for _ in range(TIMES // 2)]]
    encoded = {answer.SerializeToString(deterministic=True) for answer in answers}
    assert len(encoded) == 1
    return encoded.pop()


async def reassign_and_close(tenant: Tenant, ticket: Ticket) -> None:
    """Lets a supervisor assign the ticket to herself and close it, unless it is closed."""
    if (await tenant.get(ticket)).status == ticket_pb2.TICKET_STATUS_CLOSED:
        return
    sue = tenant.supervisor.tickets
    to_sue = tickets.AssignTicketRequest(name=ticket.name, assignee=tenant.agent_name("sue"))
    await sue.AssignTicket(to_sue)
    await sue.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
