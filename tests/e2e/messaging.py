"""Sends messages as agents and customers, and waits for their delivery and for changes in the live stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import message_pb2
from care.v1.activity_pb2 import ActivityType
from care.v1.message_pb2 import DeliveryState, Message
from care.v1.ticket_service_pb2 import WatchTicketsRequest, WatchTicketsResponse
from care_client.watching import watch_tickets
from tests.e2e.scenario import Person, Scenario, retry_until_available
from tests.support.system import TIMEOUT, eventually


@dataclass
class ReceivedChanges:
    """The changes that WatchTickets has sent for one ticket so far."""

    changes: list[WatchTicketsResponse] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        return [ActivityType.Name(each.activity.type).removeprefix("ACTIVITY_TYPE_") for each in self.changes]

    async def wait_for(self, kind: str, text: str = "") -> WatchTicketsResponse:
        """Waits for a change of this activity type whose message contains `text`, and returns it."""

        async def is_received() -> WatchTicketsResponse | None:
            found = (each for each, name in zip(self.changes, self.types, strict=True) if name == kind)
            return next((each for each in found if text in each.message.text), None)

        return await eventually(f"{kind} in the stream", is_received)


@asynccontextmanager
async def watch_ticket(scenario: Scenario) -> AsyncIterator[ReceivedChanges]:
    """Watches the scenario's ticket as alice until the block exits."""
    received = ReceivedChanges()

    async def follow() -> None:
        async for change in watch_tickets(scenario.alice.tickets, WatchTicketsRequest(parent=scenario.ticket)):
            received.changes.append(change)

    task = asyncio.ensure_future(follow())
    try:
        yield received
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def send_message(scenario: Scenario, text: str, ticket: str = "") -> Message:
    """Sends a message to the customer as alice."""
    scenario.keep_private({text: "an agent's message to the customer"})
    request = conversations.SendMessageRequest(parent=ticket or scenario.ticket, text=text, request_id=str(uuid4()))
    return (await retry_until_available(lambda: scenario.alice.conversations.SendMessage(request))).message


async def post_message(scenario: Scenario, token: str, text: str) -> None:
    """Posts a message as the customer, with the token of the chat's link."""
    scenario.keep_private({text: "a customer's message", token: "a chat link's token"})
    request = customers.PostMessageRequest(token=token, text=text, request_id=str(uuid4()))
    await retry_until_available(lambda: scenario.system.client("e2e", "nobody").customers.PostMessage(request))


async def thread(scenario: Scenario, ticket: str) -> list[Message]:
    request = conversations.ListMessagesRequest(parent=ticket, page_size=1000)
    return list((await retry_until_available(lambda: scenario.alice.conversations.ListMessages(request))).messages)


async def wait_for_delivery(
    scenario: Scenario, message: Message, state: DeliveryState.ValueType, ticket: str = "", timeout: float = TIMEOUT
) -> Message:
    """Waits until the delivery of the message is in `state`, and returns the message."""

    async def is_reached() -> Message | None:
        found = next(each for each in await thread(scenario, ticket or scenario.ticket) if each.name == message.name)
        return found if found.delivery.state == state else None

    return await eventually(f"{DeliveryState.Name(state)} of {message.name}", is_reached, timeout)


async def ingest(
    scenario: Scenario, person: Person, text: str, answered: str, *, automatic: bool = False
) -> conversations.IngestMessageResponse:
    """Ingests an email of the customer that replies to the Message-ID `answered`, as a mail intake does."""
    scenario.keep_private({text: "a customer's message"})
    message = conversations.InboundMessage(
        channel=message_pb2.CHANNEL_EMAIL,
        external_id=f"{uuid4()}@mail.example.com",
        sender=person.email,
        text=text,
        in_reply_to=[answered],
        automatic=automatic,
    )
    request = conversations.IngestMessageRequest(parent="organizations/e2e", message=message)
    return await retry_until_available(lambda: scenario.intake.conversations.IngestMessage(request))
