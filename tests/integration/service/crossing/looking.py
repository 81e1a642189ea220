"""Fetches everything that customers can fetch, and searches it for texts that they must not see."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from email import message_from_bytes
from email.policy import default
from typing import Final

import grpc

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.ticket_pb2 import Ticket
from care_workflows.channels.email_message import build_email, parse_email_address
from care_workflows.delivery_activities import outgoing_message
from tests.integration.service.crossing.world import AGENTS, PUBLIC, World
from tests.support.reflection import send

_MARKER: Final = re.compile(rb"zqm[0-9]+x")
_SENDER: Final = parse_email_address("care@business.example")
_OTHERS: Final = 3


async def look(world: World, *, everything: bool) -> None:
    """Fetches what customers can fetch, and checks that they may see it.

    Reads all forms. Of the chats and emails, reads everything, or only those of the tickets that have changed since the
    last call and of the related tickets. A few other tickets are then read too, in case they are related in an
    unexpected way.
    """
    changed = await learn(world)
    others = [name for name in world.tickets if name not in changed]
    places = set(world.tickets) if everything else changed | set(world.rng.sample(others, min(_OTHERS, len(others))))
    for token in world.forms:
        await compare(world, PUBLIC, await fetch(world, customers.GetContactFormRequest(token=token)))
    for token, address in world.chats.items():
        if world.places[token] not in places:
            continue
        found = [
            await fetch(world, customers.GetChatRequest(token=token, page_size=1000)),
            await fetch(world, customers.GetChatRequest(token=token, page_token="x")),
            await fetch(world, customers.WatchChatRequest(token=token), streams=True),
            await fetch(world, customers.PostMessageRequest(token=token, text="")),
            await fetch(world, customers.GetContactFormRequest(token=token)),
            *await pages(world, token),
        ]
        await compare(world, address, b"".join(found))
    for address, email in await emails(world, places):
        await compare(world, address, email)


async def learn(world: World) -> set[str]:
    """Finds the tickets that customers created, and the links that were sent.

    Returns the tickets that have changed since the last call, and the related ones.
    """
    request = tickets.ListTicketsRequest(parent=world.tenant.name, page_size=1000)
    listed = (await world.tenant.service.tickets.ListTickets(request)).tickets
    world.tickets = [ticket.name for ticket in listed]
    changed = {ticket.name for ticket in listed if world.etags.get(ticket.name) != ticket.etag}
    world.etags = {ticket.name: ticket.etag for ticket in listed}
    # In the order of `tickets`, so that a seed repeats the same run.
    for name in [name for name in world.tickets if name in changed]:
        parent = conversations.ListContactsRequest(parent=name)
        contacts = (await world.tenant.service.conversations.ListContacts(parent)).contacts
        addresses = {contact.id: contact.email for contact in contacts}
        for message in await world.tenant.thread(Ticket(name=name), "AGENT_MESSAGE"):
            address = addresses[message.contact]
            token = world.tenant.chat_token(message.contact)
            world.chats[token], world.places[token] = address, name
            world.sent[f"{message.name.rpartition('/')[2]}@{_SENDER.domain}"] = address
            world.sent[f"chat-{message.contact}@{_SENDER.domain}"] = address
    return _with_related(listed, changed)


def _with_related(listed: Sequence[Ticket], names: set[str]) -> set[str]:
    """Returns the named tickets with the tickets of the same reviews and of the same chains of follow-ups."""
    groups = {ticket.name: {ticket.review, ticket.follow_up_of, ticket.name} - {""} for ticket in listed}
    found, known = set(names), set[str]().union(*(groups[name] for name in names))
    while more := {name for name, group in groups.items() if name not in found and group & known}:
        found |= more
        known.update(*(groups[name] for name in more))
    return found


async def emails(world: World, places: set[str]) -> list[tuple[str, bytes]]:
    """Returns each unsent email of these tickets: its recipient and its decoded content."""
    found = []
    for name in places:
        for message in await world.tenant.thread(Ticket(name=name), "AGENT_MESSAGE"):
            request = workers.BeginDeliveryRequest(name=message.name, step=workers.DELIVERY_STEP_SEND)
            begun = await world.tenant.worker.workers.BeginDelivery(request)
            if begun.HasField("grant"):
                recipient = parse_email_address(begun.grant.address)
                email = message_from_bytes(
                    build_email(outgoing_message(message.name, begun), _SENDER, recipient), policy=default
                )
                parts = [part.get_content() for part in email.walk() if not part.is_multipart()]
                headers = [f"{name}: {value}" for name, value in email.items()]
                found.append((recipient.addr_spec, "\n".join([*headers, *parts]).encode()))
    return found


async def pages(world: World, token: str) -> list[bytes]:
    """Returns what a browser gets for a private link: the page of the chat, and the events of all its messages."""
    page = (await world.browser.get(f"/c/{token}")).content
    stream, shown = b"", page.count(b"data-id=")
    async with asyncio.timeout(60), world.browser.stream("GET", f"/c/{token}/events") as response:
        async for chunk in response.aiter_bytes():
            stream += chunk
            if b"event: ended" in stream or (b"event: state" in stream and stream.count(b"data-id=") >= shown):
                break
    return [page, stream]


async def fetch(
    world: World,
    request: customers.GetContactFormRequest
    | customers.GetChatRequest
    | customers.WatchChatRequest
    | customers.PostMessageRequest,
    *,
    streams: bool = False,
) -> bytes:
    """Returns the response of a call, or the whole error."""
    method = request.DESCRIPTOR.name.removesuffix("Request")
    try:
        name = f"care.v1.CustomerService/{method}"
        return await send(world.channel, name, request.SerializeToString(), (), streams=streams)
    except grpc.aio.AioRpcError as error:
        trailing = b"".join(
            value if isinstance(value, bytes) else value.encode()
            for pair in error.trailing_metadata() or ()
            for value in pair
        )
        return (error.details() or "").encode() + trailing


async def compare(world: World, who: str, content: bytes) -> None:
    markers = set(_MARKER.findall(content))
    wrong = [marker for marker in markers if not {who, PUBLIC} & world.owners[marker]]
    assert wrong == [], f"{wrong} reached {who}: {world.owners}"
    world.shown += len(markers)
    for private in (*AGENTS, *(name.title() for name in AGENTS), "zqlabel", "organizations/"):
        assert private.encode() not in content, f"{private} reached {who}"
