"""Whatever is done to tickets, customers' links, pages, streams and emails never show what is not theirs.

Every text that anybody writes holds a marker of its own, and it is noted beforehand who may see it: a person, known by
the email address. After each few steps everything is fetched that the tokens of all customers can fetch, and searched
for markers that are not for them, and for whatever names an agent.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from random import Random
from typing import Final

import grpc
import httpx
import pytest

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import message_pb2
from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.customer_service_pb2_grpc import CustomerServiceStub
from care.v1.recovery_pb2 import Recovery
from care.v1.ticket_pb2 import CONTACT_STATE_CHAT_UNLOCKED, CONTACT_STATE_CONTACT_RECEIVED, ContactState, Ticket
from care_client.channel import open_channel
from care_client.errors import CareError
from care_web.app import create_app
from care_workflows.channels.email_message import build_email, parse_email_address
from care_workflows.delivery_activities import outgoing_message
from tests.support.reflection import send
from tests.support.serving import serve
from tests.support.tenant import Tenant

SEED: Final = os.environ.get("CROSSING_SEED")
STEPS: Final = 200
EVERY: Final = 20
_MARKER: Final = re.compile(rb"zqm[0-9]+x")
_AGENTS: Final = ("zqalice", "zqbob")
_SENDER: Final = parse_email_address("care@business.example")
_PUBLIC: Final = "everybody"
"""Who may see what a review site shows, and what the form says."""


@dataclass
class World:
    """What was written, whose it is, and who holds which link."""

    tenant: Tenant
    rng: Random
    browser: httpx.AsyncClient
    """At the customers' pages."""
    owners: dict[bytes, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By marker: the addresses of those who may see it."""
    forms: dict[str, Recovery] = field(default_factory=dict)
    chats: dict[str, str] = field(default_factory=dict)
    """By the token of a private link, the address that it was sent to."""
    sent: dict[str, str] = field(default_factory=dict)
    """By what an email can say that it answers, the address that that was sent to."""
    tickets: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    shown: int = 0
    """How many markers their owners were shown: a run that shows nothing would prove nothing."""

    def text(self, words: str, *owners: str) -> str:
        marker = f"zqm{len(self.owners)}x"
        self.owners[marker.encode()].update(owners)
        return f"{words} {marker}"

    def address(self) -> str:
        """A new person's."""
        marker = f"zqm{len(self.owners)}x"
        self.owners[marker.encode()].add(f"{marker}@example.com")
        return f"{marker}@example.com"

    def ticket(self) -> Ticket:
        return Ticket(name=self.rng.choice(self.tickets))

    def one_of(self, known: dict[str, str]) -> tuple[str, str]:
        """One of the latest, mostly: the contacts of earlier ones may have been rejected."""
        items = list(known.items())
        return self.rng.choice(items[-4:] if self.rng.random() < 0.7 else items)

    async def ticket_at(self, state: ContactState.ValueType) -> Ticket:
        """One whose contact is at `state`, mostly; or else any, to be refused."""
        found = [await self.tenant.get(Ticket(name=name), _AGENTS[0]) for name in self.tickets]
        fitting = [ticket for ticket in found if ticket.contact_state == state]
        return self.rng.choice(fitting if fitting and self.rng.random() < 0.8 else found)

    async def agent(self, ticket: Ticket) -> str:
        """The ticket's assignee, or the agent who takes it now."""
        found = (await self.tenant.get(ticket, _AGENTS[0])).assignee.rpartition("/")[2]
        if not found:
            found = self.rng.choice(_AGENTS)
            await self.tenant.agent(found).tickets.TakeTicket(tickets.TakeTicketRequest(name=ticket.name))
        return found


# --- what people do ---------------------------------------------------------------------------------------------------


async def raise_ticket(world: World) -> None:
    review = await world.tenant.review(text=world.text("Cold soup", _PUBLIC))
    given = Ticket(review=review.name, description=world.text("Description"), labels=["zqlabel"])
    request = tickets.CreateTicketRequest(parent=world.tenant.name, ticket=given)
    ticket = (await world.tenant.service.tickets.CreateTicket(request)).ticket
    world.tickets.append(ticket.name)
    await world.agent(ticket)


async def edit_review(world: World) -> None:
    name = (await world.tenant.get(world.ticket(), _AGENTS[0])).review
    review = (await world.tenant.service.reviews.GetReview(reviews.GetReviewRequest(name=name))).review
    review.text = world.text("Edited")
    await world.tenant.service.reviews.IngestReview(
        reviews.IngestReviewRequest(parent=world.tenant.name, review=review)
    )


async def ask(world: World) -> None:
    ticket = world.ticket()
    agent = await world.agent(ticket)
    text = world.text("Please tell us {form_link}", _PUBLIC)
    recovery = await world.tenant.form(ticket, agent, text)
    world.forms[world.tenant.form_token(recovery)] = recovery
    if world.rng.random() < 0.8:
        await world.tenant.posted(recovery)


async def answer(world: World) -> None:
    token = world.rng.choice(list(world.forms))
    address = world.address()
    text, name = world.text("Call me", address), world.text("Robin", address)
    request = customers.SubmitContactRequest(token=token, email=address, display_name=name, message=text, consent=True)
    await world.tenant.customer.customers.SubmitContact(request)


async def add_contact(world: World) -> None:
    ticket = world.ticket()
    agent = await world.agent(ticket)
    address = world.address()
    name = world.text("Kim", address)
    request = conversations.AddContactRequest(parent=ticket.name, email=address, display_name=name)
    await world.tenant.agent(agent).conversations.AddContact(request)


async def unlock(world: World) -> None:
    ticket = await world.ticket_at(CONTACT_STATE_CONTACT_RECEIVED)
    if ticket.recovery:
        await world.tenant.unlock(Recovery(name=ticket.recovery))


async def reject(world: World) -> None:
    ticket = await world.ticket_at(CONTACT_STATE_CHAT_UNLOCKED)
    agent = await world.agent(ticket)
    request = conversations.RejectContactRequest(name=ticket.recovery)
    await world.tenant.agent(agent).conversations.RejectContact(request)


async def wrong_person(world: World) -> None:
    """All that is dangerous in a row: what was written to one contact is there when the next one comes."""
    ticket = await world.ticket_at(CONTACT_STATE_CHAT_UNLOCKED)
    everything, world.tickets = world.tickets, [ticket.name]
    try:
        for act in (write, note, reject, add_contact, unlock, write):
            await act(world)
    finally:
        world.tickets = everything


async def somebody_elses_ticket(world: World) -> None:
    """After the close, the review gets a ticket for somebody else; and then the first customer comes back."""
    ticket = await world.ticket_at(CONTACT_STATE_CHAT_UNLOCKED)
    agent = world.tenant.agent(await world.agent(ticket)).tickets
    await agent.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
    request = tickets.CreateTicketRequest(parent=world.tenant.name, ticket=Ticket(review=ticket.review))
    newer = (await world.tenant.service.tickets.CreateTicket(request)).ticket
    everything, world.tickets = world.tickets, [newer.name]
    try:
        await add_contact(world)
        await unlock(world)
    finally:
        world.tickets = [*everything, newer.name]
    for token, address in world.chats.items():
        if address == ticket.customer.email:
            said = customers.PostMessageRequest(token=token, text=world.text("Me again", address))
            await world.tenant.customer.customers.PostMessage(said)


async def note(world: World) -> None:
    ticket = world.ticket()
    agent = await world.agent(ticket)
    request = conversations.AddNoteRequest(parent=ticket.name, text=world.text("Internal"))
    await world.tenant.agent(agent).conversations.AddNote(request)


async def write(world: World) -> None:
    ticket = await world.ticket_at(CONTACT_STATE_CHAT_UNLOCKED)
    agent = await world.agent(ticket)
    # For whom the agent sees beside the ticket.
    address = (await world.tenant.get(ticket, _AGENTS[0])).customer.email
    request = conversations.SendMessageRequest(parent=ticket.name, text=world.text("We looked", address))
    await world.tenant.agent(agent).conversations.SendMessage(request)


async def post(world: World) -> None:
    token, address = world.one_of(world.chats)
    request = customers.PostMessageRequest(token=token, text=world.text("Thank you", address))
    await world.tenant.customer.customers.PostMessage(request)


async def mail(world: World) -> None:
    """Somebody writes an email, or answers one that may be another's; or a machine says that it could not."""
    automatic = world.rng.random() < 0.3
    answered, their = world.one_of(world.sent)
    sender = world.rng.choice([their, world.one_of(world.chats)[1], world.address()])
    named = world.ticket().name if world.rng.random() < 0.3 else ""
    message = conversations.InboundMessage(
        channel=message_pb2.CHANNEL_EMAIL,
        external_id=world.text("mail").replace(" ", "-"),
        sender="" if automatic else sender,
        text=world.text("By email", their if automatic else sender),
        in_reply_to=[answered] if automatic or world.rng.random() < 0.5 else [],
        automatic=automatic,
    )
    request = conversations.IngestMessageRequest(parent=world.tenant.name, message=message, ticket=named)
    await world.tenant.service.conversations.IngestMessage(request)


async def move(world: World) -> None:
    ticket = world.ticket()
    agent = world.tenant.agent(await world.agent(ticket)).tickets
    match world.rng.randrange(4):
        case 0:
            await agent.ResolveTicket(tickets.ResolveTicketRequest(name=ticket.name))
        case 1:
            await agent.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
        case 2:
            await agent.ReleaseTicket(tickets.ReleaseTicketRequest(name=ticket.name))
        case _:
            given = Ticket(name=ticket.name, subject=world.text("Subject"))
            await agent.UpdateTicket(tickets.UpdateTicketRequest(ticket=given))


ACTS: Final[list[tuple[int, Callable[[World], Awaitable[None]]]]] = [
    *((1, raise_ticket), (1, edit_review), (4, ask), (5, answer), (2, add_contact), (6, unlock)),
    *(
        (1, reject),
        (1, wrong_person),
        (1, somebody_elses_ticket),
        (4, note),
        (6, write),
        (6, post),
        (8, mail),
        (3, move),
    ),
]


# --- what customers can see -------------------------------------------------------------------------------------------


async def look(world: World) -> None:
    """Fetches all there is for every customer, and compares."""
    await learn(world)
    for token in world.forms:
        await compare(world, _PUBLIC, await fetched(world, customers.GetContactFormRequest(token=token)))
    for token, address in world.chats.items():
        found = [
            await fetched(world, customers.GetChatRequest(token=token, page_size=1000)),
            await fetched(world, customers.GetChatRequest(token=token, page_token="x")),
            await fetched(world, customers.WatchChatRequest(token=token), streams=True),
            await fetched(world, customers.PostMessageRequest(token=token, text="")),
            await fetched(world, customers.GetContactFormRequest(token=token)),
            *await pages(world, token),
        ]
        await compare(world, address, b"".join(found))
    for address, email in await emails(world):
        await compare(world, address, email)


async def learn(world: World) -> None:
    """Finds the tickets that were raised by customers, and the links that were sent."""
    listed = tickets.ListTicketsRequest(parent=world.tenant.name, page_size=1000)
    world.tickets = [ticket.name for ticket in (await world.tenant.service.tickets.ListTickets(listed)).tickets]
    for name in world.tickets:
        parent = conversations.ListContactsRequest(parent=name)
        contacts = (await world.tenant.service.conversations.ListContacts(parent)).contacts
        addresses = {contact.id: contact.email for contact in contacts}
        for message in await world.tenant.thread(Ticket(name=name), "AGENT_MESSAGE"):
            address = addresses[message.contact]
            world.chats[world.tenant.chat_token(message.contact)] = address
            world.sent[f"{message.name.rpartition('/')[2]}@{_SENDER.domain}"] = address
            world.sent[f"chat-{message.contact}@{_SENDER.domain}"] = address


async def emails(world: World) -> list[tuple[str, bytes]]:
    """Every email that is still to be sent: to whom, and all that stands in it, decoded."""
    found = []
    for name in world.tickets:
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
    """What a browser gets by a private link: the chat's page, and its events up to the chat's present end."""
    page = (await world.browser.get(f"/c/{token}")).content
    stream, shown = b"", page.count(b"data-id=")
    async with asyncio.timeout(60), world.browser.stream("GET", f"/c/{token}/events") as response:
        async for chunk in response.aiter_bytes():
            stream += chunk
            if b"event: gone" in stream or (b"event: state" in stream and stream.count(b"data-id=") >= shown):
                break
    return [page, stream]


async def fetched(
    world: World,
    request: customers.GetContactFormRequest
    | customers.GetChatRequest
    | customers.WatchChatRequest
    | customers.PostMessageRequest,
    *,
    streams: bool = False,
) -> bytes:
    """All that a call brings: its answer, or all of its error."""
    method = request.DESCRIPTOR.name.removesuffix("Request")
    async with grpc.aio.insecure_channel(world.tenant.care.address) as channel:
        try:
            name = f"care.v1.CustomerService/{method}"
            return await send(channel, name, request.SerializeToString(), (), streams=streams)
        except grpc.aio.AioRpcError as error:
            trailing = b"".join(
                value if isinstance(value, bytes) else value.encode()
                for pair in error.trailing_metadata() or ()
                for value in pair
            )
            return (error.details() or "").encode() + trailing


async def compare(world: World, who: str, content: bytes) -> None:
    markers = set(_MARKER.findall(content))
    wrong = [marker for marker in markers if not {who, _PUBLIC} & world.owners[marker]]
    assert wrong == [], f"{wrong} reached {who}: {world.owners}"
    world.shown += len(markers)
    for private in (*_AGENTS, *(name.title() for name in _AGENTS), "zqlabel", "organizations/"):
        assert private.encode() not in content, f"{private} reached {who}"


# --- the runs ---------------------------------------------------------------------------------------------------------


async def run(tenant: Tenant, seed: int, steps: int) -> set[str]:
    """Returns what was done at least once."""
    async with (
        open_channel(tenant.care.address) as channel,
        serve(create_app(CustomerServiceStub(channel))) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as browser,
    ):
        return await act_and_look(World(tenant, Random(seed), browser), seed, steps)  # noqa: S311 - to be repeated


async def act_and_look(world: World, seed: int, steps: int) -> set[str]:
    """As `run`."""
    acts = [act for weight, act in ACTS for _ in range(weight)]
    for _ in range(2):
        for begin in (raise_ticket, add_contact, unlock):
            await begin(world)
    await learn(world)
    try:
        for number in range(steps):
            act = world.rng.choice(acts)
            try:
                await act(world)
            except (CareError, IndexError) as error:
                outcome = error.reason if isinstance(error, CareError) else "nothing to do it to"
            else:
                outcome = "done"
            world.done.append(f"{act.__name__}: {outcome}")
            if number % EVERY == EVERY - 1:
                await look(world)
    except AssertionError as error:
        hint = f"again: CROSSING_SEED={seed}"
        raise AssertionError("\n".join([str(error), *world.done[-EVERY:], hint])) from error
    assert world.shown > steps / 10, "too little was shown to prove anything"
    return {line.partition(":")[0] for line in world.done if line.endswith("done")}


async def test_nothing_internal_and_nobody_elses_reaches_a_customer(tenant: Tenant) -> None:
    done = await run(tenant, int(SEED or 1), STEPS)
    assert done == {act.__name__ for _, act in ACTS}


@pytest.mark.long
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("part", range(10))
async def test_nothing_crosses_in_long_runs(tenant: Tenant, part: int) -> None:
    done = await run(tenant, int(SEED) + part if SEED else secrets.randbits(32), 10 * STEPS)
    assert done == {act.__name__ for _, act in ACTS}
