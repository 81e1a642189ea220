"""Reads streams of WatchTickets, and the metrics of open streams."""

from __future__ import annotations

import pytest

from care.v1 import conversation_service_pb2 as conversations
from care.v1.ticket_pb2 import Ticket
from care.v1.ticket_service_pb2 import WatchTicketsResponse
from care_client.errors import CareError
from care_service.usecases.subscriptions import Pace
from tests.support.care import Care
from tests.support.system import eventually
from tests.support.tenant import Tenant
from tests.support.watching import Stream, describe_change

HASTY = Pace(heartbeat=0.05, retry=0.05)
"""Times in seconds that are short enough for a test to wait for."""


async def add_note(tenant: Tenant, ticket: Ticket, text: str = "Called back.") -> None:
    request = conversations.AddNoteRequest(parent=ticket.name, text=text)
    await tenant.agent("alice").conversations.AddNote(request)


async def next_changes(opened: Stream[WatchTicketsResponse], number: int) -> list[tuple[int, str]]:
    """Returns the next `number` changes and skips heartbeats."""
    seen: list[tuple[int, str]] = []
    while len(seen) < number:
        answer = await opened.next()
        if answer.HasField("activity"):
            seen.append(describe_change(answer))
    return seen


async def end_error(opened: Stream[WatchTicketsResponse]) -> CareError:
    """Reads a stream to its end. Returns the error that ends it."""
    with pytest.raises(CareError) as caught:
        await opened.rest()
    return caught.value


def sample(service: Care, name: str, **labels: str) -> float:
    """Returns the value of a metric, 0 if it has none."""
    return service.metrics.registry.get_sample_value(name, labels) or 0.0


async def await_open_streams(service: Care, number: int) -> None:
    """Waits until `number` streams are open."""

    async def are_open() -> bool:
        return sample(service, "care_streams_in_progress") == number

    await eventually(f"{number} open streams", are_open)
