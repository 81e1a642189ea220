"""The use cases of a chat's private link: the customer opens the chat and writes. No token is logged."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from care_rules import chat as rules
from care_rules import commands
from care_rules.callers import customer_caller
from care_rules.chat import ChatSnapshot
from care_rules.entities.message import Message
from care_rules.names import TicketName
from care_rules.scheduling import schedule
from care_service.usecases.link_access import unknown_link, without_metadata
from care_service.usecases.links import Links
from care_service.usecases.new_tickets import commit, decide_with_number
from care_service.usecases.ports.idempotency import StoredResponse
from care_service.usecases.ports.ticket_store import TicketStore
from care_service.usecases.request import Replayable, Request
from care_service.usecases.retrying import retry_until_committed


async def load_chat(store: TicketStore, links: Links, token: str, now: datetime) -> ChatSnapshot:
    """Returns the chat that a link opens. Refuses with LINK_UNKNOWN if the link is invalid or the contact rejected."""

    async def attempt(store: TicketStore) -> ChatSnapshot:
        return (await _load(store, links, token, None, now))[0]

    return await retry_until_committed(store, attempt, None)


async def open_chat(store: TicketStore, links: Links, token: str, now: datetime) -> ChatSnapshot:
    """Returns the chat that a link opens.

    The first use of the link verifies the contact, unless the ticket is CLOSED. It proves that the customer received
    the link at the contact's address.
    """
    chat = await load_chat(store, links, token, now)
    if rules.verify_contact(chat, customer_caller(str(chat.contact.id)), now) is None:
        return chat
    ticket = chat.base.ticket

    async def attempt(store: TicketStore) -> ChatSnapshot:
        chat, _ = await _load(store, links, token, None, now)
        decision = rules.verify_contact(chat, customer_caller(str(chat.contact.id)), now)
        if decision is not None:
            await store.commit(schedule(chat.base, decision), None)
        return chat

    with without_metadata():
        return await retry_until_committed(store, attempt, TicketName(ticket.organization, ticket.number))


async def post_message(
    store: TicketStore, links: Links, token: str, text: str, request: Request[Message | None]
) -> Replayable[Message | None]:
    """Writes a customer's message. Returns the message, or None if it is a claim on another ticket.

    If the ticket is CLOSED, the message goes to the review's open ticket, or else to the last follow-up. If that ticket
    is CLOSED, too, the message creates a follow-up of it.
    """
    command = commands.PostMessage(
        text=text, message_id=uuid7(), recovery_id=uuid7(), contact_id=uuid7(), review_message_id=uuid7()
    )

    async def attempt(store: TicketStore) -> Replayable[Message | None]:
        chat, stored = await _load(store, links, token, request.id, request.oldest)
        caller = customer_caller(str(chat.contact.id))
        own = request.by(caller)
        if (replayed := own.replay(stored)) is not None:
            return replayed
        decision = await decide_with_number(
            store,
            chat.target.settings,
            lambda number: rules.post_message(chat, number, command, caller, own.now, own.id),
        )
        if decision is None:
            return None
        # A claim on another ticket waits for the team. Until the team accepts the claim, no chat contains the message.
        written = decision.messages[-1] if decision.messages else None
        await commit(store, schedule(chat.target, decision), own.record(chat.contact.organization, written))
        return written

    async def target() -> TicketName:
        ticket = (await load_chat(store, links, token, request.now)).target.ticket
        return TicketName(ticket.organization, ticket.number)

    with without_metadata():
        return await retry_until_committed(store, attempt, target)


async def _load(
    store: TicketStore, links: Links, token: str, request_id: UUID | None, oldest: datetime
) -> tuple[ChatSnapshot, StoredResponse | None]:
    found = links.read_chat_token(token)
    loaded = await store.load_chat(found[0], request_id, oldest) if found else None
    # The key `contact.key_id` signs the link to the contact's chat. A token with another key id is forged.
    if found is None or loaded is None or loaded[0].contact.key_id != found[1] or loaded[0].is_dead:
        raise unknown_link("the message that it came in")
    return loaded
