"""What agents and customers say to each other, and what became of it."""

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
from tests.e2e.case import Case, Person, insist
from tests.support.system import PATIENCE, eventually


@dataclass
class Watch:
    """What the team's stream has shown of a ticket so far."""

    seen: list[WatchTicketsResponse] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        return [ActivityType.Name(each.activity.type).removeprefix("ACTIVITY_TYPE_") for each in self.seen]

    async def shows(self, kind: str, text: str = "") -> WatchTicketsResponse:
        """Returns the change, once it has been shown."""

        async def there() -> WatchTicketsResponse | None:
            found = (each for each, name in zip(self.seen, self.types, strict=True) if name == kind)
            return next((each for each in found if text in each.message.text), None)

        return await eventually(f"{kind} in the stream", there)


@asynccontextmanager
async def watched(case: Case) -> AsyncIterator[Watch]:
    """Follows the case's ticket as an agent's desk does."""
    watch = Watch()

    async def follow() -> None:
        async for change in watch_tickets(case.alice.tickets, WatchTicketsRequest(parent=case.ticket)):
            watch.seen.append(change)

    task = asyncio.ensure_future(follow())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def say(case: Case, text: str, ticket: str = "") -> Message:
    """What alice writes to the customer."""
    case.keep_private({text: "an agent's words to the customer"})
    request = conversations.SendMessageRequest(parent=ticket or case.ticket, text=text, request_id=str(uuid4()))
    return (await insist(lambda: case.alice.conversations.SendMessage(request))).message


async def write(case: Case, token: str, text: str) -> None:
    """What the customer writes on the chat's page."""
    case.keep_private({text: "a customer's words", token: "a chat link's token"})
    request = customers.PostMessageRequest(token=token, text=text, request_id=str(uuid4()))
    await insist(lambda: case.system.client("e2e", "nobody").customers.PostMessage(request))


async def thread(case: Case, ticket: str) -> list[Message]:
    request = conversations.ListMessagesRequest(parent=ticket, page_size=1000)
    return list((await insist(lambda: case.alice.conversations.ListMessages(request))).messages)


async def is_delivered(
    case: Case, message: Message, state: DeliveryState.ValueType, ticket: str = "", patience: float = PATIENCE
) -> Message:
    """Returns the message once its delivery is in `state`."""

    async def there() -> Message | None:
        found = next(each for each in await thread(case, ticket or case.ticket) if each.name == message.name)
        return found if found.delivery.state == state else None

    return await eventually(f"{DeliveryState.Name(state)} of {message.name}", there, patience)


async def ingest(
    case: Case, person: Person, text: str, answered: str, *, automatic: bool = False
) -> conversations.IngestMessageResponse:
    """What the team's mail intake hands over."""
    case.keep_private({text: "a customer's words"})
    message = conversations.InboundMessage(
        channel=message_pb2.CHANNEL_EMAIL,
        external_id=f"{uuid4()}@mail.example.com",
        sender=person.email,
        text=text,
        in_reply_to=[answered],
        automatic=automatic,
    )
    request = conversations.IngestMessageRequest(parent="organizations/e2e", message=message)
    return await insist(lambda: case.intake.conversations.IngestMessage(request))
