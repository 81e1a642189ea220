"""Whatever is done to tickets, customers' links, streams and emails never show what is not theirs.

Every text that anybody writes holds a marker of its own. After each few steps everything is fetched that the tokens of
all customers can fetch, and searched for markers that are not for them, and for whatever names an agent.
"""

from __future__ import annotations

import os
import re
import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

import grpc
import pytest

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import message_pb2
from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.recovery_pb2 import Recovery
from care.v1.ticket_pb2 import Ticket
from care_client.errors import CareError
from tests.support.reflection import send
from tests.support.tenant import Tenant

SEED: Final = os.environ.get("CROSSING_SEED")
STEPS: Final = 200
EVERY: Final = 20
_MARKER: Final = re.compile(rb"zqm[0-9]+x")
_AGENTS: Final = ("zqalice", "zqbob")
_PUBLIC: Final = "everybody"
"""Who may see what a review site shows, and what the form says."""


@dataclass
class World:
    """What was written, whose it is, and who holds which link."""

    tenant: Tenant
    rng: Random
    owners: dict[bytes, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By marker: the contacts who may see it."""
    forms: dict[str, Recovery] = field(default_factory=dict)
    chats: dict[str, str] = field(default_factory=dict)
    """By contact, the token that they were sent."""
    tickets: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    shown: int = 0
    """How many markers their owners were shown: a run that shows nothing would prove nothing."""

    def text(self, words: str, *owners: str) -> str:
        marker = f"zqm{len(self.owners)}x"
        self.owners[marker.encode()].update(owners)
        return f"{words} {marker}"

    def own(self, text: str, *owners: str) -> None:
        for marker in _MARKER.findall(text.encode()):
            self.owners[marker].update(owners)

    def ticket(self) -> Ticket:
        return Ticket(name=self.rng.choice(self.tickets))

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
    token, recovery = world.rng.choice(list(world.forms.items()))
    text = world.text("Call me")
    address = f"{text.rpartition(' ')[2]}@example.com"
    name = world.text("Robin")
    request = customers.SubmitContactRequest(token=token, email=address, display_name=name, message=text, consent=True)
    await world.tenant.customer.customers.SubmitContact(request)
    # Theirs, as soon as there is a contact of that address.
    parent = recovery.name.partition("/recoveries")[0]
    for ticket in {parent, *world.tickets}:
        listed = conversations.ListContactsRequest(parent=ticket)
        for contact in (await world.tenant.service.conversations.ListContacts(listed)).contacts:
            if contact.email == address:
                for mine in (text, name, address):
                    world.own(mine, contact.id)


async def add_contact(world: World) -> None:
    ticket = world.ticket()
    agent = await world.agent(ticket)
    name = world.text("Kim")
    address = f"{name.rpartition(' ')[2]}@example.com"
    request = conversations.AddContactRequest(parent=ticket.name, email=address, display_name=name)
    recovery = (await world.tenant.agent(agent).conversations.AddContact(request)).recovery
    world.own(name, recovery.contact.id)


async def unlock(world: World) -> None:
    ticket = await world.tenant.get(world.ticket(), _AGENTS[0])
    if ticket.recovery:
        await world.tenant.unlock(Recovery(name=ticket.recovery))


async def reject(world: World) -> None:
    ticket = await world.tenant.get(world.ticket(), _AGENTS[0])
    agent = await world.agent(ticket)
    request = conversations.RejectContactRequest(name=ticket.recovery)
    await world.tenant.agent(agent).conversations.RejectContact(request)


async def wrong_person(world: World) -> None:
    """All that is dangerous in a row: what was written to one contact is there when the next one comes."""
    open_ones = [name for name in world.tickets if (await world.tenant.get(Ticket(name=name), _AGENTS[0])).recovery]
    everything, world.tickets = world.tickets, [world.rng.choice(open_ones)]
    try:
        for act in (write, note, reject, add_contact, unlock, write):
            await act(world)
    finally:
        world.tickets = everything


async def note(world: World) -> None:
    ticket = world.ticket()
    agent = await world.agent(ticket)
    request = conversations.AddNoteRequest(parent=ticket.name, text=world.text("Internal"))
    await world.tenant.agent(agent).conversations.AddNote(request)


async def write(world: World) -> None:
    ticket = world.ticket()
    agent = await world.agent(ticket)
    request = conversations.SendMessageRequest(parent=ticket.name, text=world.text("We looked"))
    message = (await world.tenant.agent(agent).conversations.SendMessage(request)).message
    world.own(message.text, message.contact)


async def post(world: World) -> None:
    contact, token = world.rng.choice(list(world.chats.items()))
    request = customers.PostMessageRequest(token=token, text=world.text("Thank you", contact))
    await world.tenant.customer.customers.PostMessage(request)


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
    *((2, reject), (2, wrong_person), (4, note), (6, write), (6, post), (3, move)),
]


# --- what customers can see -------------------------------------------------------------------------------------------


async def look(world: World) -> None:
    """Fetches all there is for every customer, and compares."""
    await learn(world)
    for token in world.forms:
        await compare(world, _PUBLIC, await fetched(world, customers.GetContactFormRequest(token=token)))
    for contact, token in world.chats.items():
        found = [
            await fetched(world, customers.GetChatRequest(token=token, page_size=1000)),
            await fetched(world, customers.GetChatRequest(token=token, page_token="x")),
            await fetched(world, customers.WatchChatRequest(token=token), streams=True),
            await fetched(world, customers.PostMessageRequest(token=token, text="")),
            await fetched(world, customers.GetContactFormRequest(token=token)),
            *await emails(world, contact),
        ]
        await compare(world, contact, b"".join(found))


async def learn(world: World) -> None:
    """Finds the tickets that were raised by customers, and the links that were sent."""
    listed = tickets.ListTicketsRequest(parent=world.tenant.name, page_size=1000)
    world.tickets = [ticket.name for ticket in (await world.tenant.service.tickets.ListTickets(listed)).tickets]
    for name in world.tickets:
        for message in await world.tenant.thread(Ticket(name=name)):
            if message.kind == message_pb2.MESSAGE_KIND_AGENT_MESSAGE:
                world.chats.setdefault(message.contact, world.tenant.chat_token(message.contact))
            if message.kind == message_pb2.MESSAGE_KIND_CUSTOMER_MESSAGE:
                world.own(message.text, message.contact)
        contacts = conversations.ListContactsRequest(parent=name)
        for contact in (await world.tenant.service.conversations.ListContacts(contacts)).contacts:
            # A follow-up's contact is the same person's.
            world.own(f"{contact.display_name} {contact.email} {contact.message}", contact.id)


async def emails(world: World, contact: str) -> list[bytes]:
    """What is handed out for that contact, which is all that an email is made of."""
    found = []
    for name in world.tickets:
        for message in await world.tenant.thread(Ticket(name=name), "AGENT_MESSAGE"):
            if message.contact == contact:
                request = workers.BeginDeliveryRequest(name=message.name, step=workers.DELIVERY_STEP_SEND)
                grant = (await world.tenant.worker.workers.BeginDelivery(request)).grant
                grant.ClearField("location")  # the worker's own, see the adapters' tests
                found.append(grant.SerializeToString())
    return found


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
    world = World(tenant, Random(seed))  # noqa: S311 - to be repeated
    acts = [act for weight, act in ACTS for _ in range(weight)]
    await raise_ticket(world)
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
    await run(tenant, int(SEED or 1), STEPS)


@pytest.mark.long
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("part", range(10))
async def test_nothing_crosses_in_long_runs(tenant: Tenant, part: int) -> None:
    done = await run(tenant, int(SEED) + part if SEED else secrets.randbits(32), 10 * STEPS)
    assert done == {act.__name__ for _, act in ACTS}
