"""What agents and customers say to each other, and what became of it."""

from __future__ import annotations

from uuid import uuid4

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import message_pb2
from care.v1.message_pb2 import DeliveryState, Message
from tests.e2e.case import Case, Person, insist
from tests.support.system import PATIENCE, eventually


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
