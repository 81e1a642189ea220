"""Random acts of people on tickets. Each text contains a marker of the people who may see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import message_pb2
from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1.recovery_pb2 import Recovery
from care.v1.ticket_pb2 import CONTACT_STATE_CHAT_UNLOCKED, CONTACT_STATE_CONTACT_RECEIVED, Ticket
from tests.integration.service.crossing.world import AGENTS, PUBLIC, World


async def raise_ticket(world: World) -> Ticket:
    review = await world.tenant.review(text=world.text("Cold soup", PUBLIC))
    given = Ticket(review=review.name, description=world.text("Description"), labels=["zqlabel"])
    request = tickets.CreateTicketRequest(parent=world.tenant.name, ticket=given)
    ticket = (await world.tenant.service.tickets.CreateTicket(request)).ticket
    world.tickets.append(ticket.name)
    await world.agent(ticket)
    return ticket


async def edit_review(world: World) -> None:
    name = (await world.tenant.get(world.ticket(), AGENTS[0])).review
    review = (await world.tenant.service.reviews.GetReview(reviews.GetReviewRequest(name=name))).review
    review.text = world.text("Edited")
    await world.tenant.service.reviews.IngestReview(
        reviews.IngestReviewRequest(parent=world.tenant.name, review=review)
    )


async def ask(world: World) -> None:
    ticket = world.ticket()
    agent = await world.agent(ticket)
    text = world.text("Please tell us {form_link}", PUBLIC)
    recovery = await world.tenant.form(ticket, agent, text)
    world.forms[world.tenant.form_token(recovery)] = recovery
    if world.rng.random() < 0.8:
        await world.tenant.posted(recovery)


async def answer(world: World) -> None:
    token = world.choose(list(world.forms))
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
    await world.tenant.unlock(Recovery(name=ticket.recovery))


async def reject(world: World) -> None:
    ticket = await world.ticket_at(CONTACT_STATE_CHAT_UNLOCKED)
    agent = await world.agent(ticket)
    request = conversations.RejectContactRequest(name=ticket.recovery)
    await world.tenant.agent(agent).conversations.RejectContact(request)


async def wrong_person(world: World) -> None:
    """Writes to one contact, rejects it and adds another one, who must not see the earlier messages."""
    ticket = await world.ticket_at(CONTACT_STATE_CHAT_UNLOCKED)
    with world.only(ticket):
        for act in (write, note, reject, add_contact, unlock, write):
            await act(world)


async def somebody_elses_ticket(world: World) -> None:
    """Closes the ticket, creates one for another customer of the review, and lets the first customer write again.

    The first customer may have an older link, which is not valid any more.
    """
    ticket = await world.ticket_at(CONTACT_STATE_CHAT_UNLOCKED)
    agent = world.tenant.agent(await world.agent(ticket)).tickets
    await agent.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
    request = tickets.CreateTicketRequest(parent=world.tenant.name, ticket=Ticket(review=ticket.review))
    newer = (await world.tenant.service.tickets.CreateTicket(request)).ticket
    world.tickets.append(newer.name)
    with world.only(newer):
        await add_contact(world)
        await unlock(world)
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
    # The agent writes to the contact that the ticket shows.
    address = (await world.tenant.get(ticket, AGENTS[0])).customer.email
    request = conversations.SendMessageRequest(parent=ticket.name, text=world.text("We looked", address))
    await world.tenant.agent(agent).conversations.SendMessage(request)


async def post(world: World) -> None:
    token, address = world.one_of(world.chats)
    request = customers.PostMessageRequest(token=token, text=world.text("Thank you", address))
    await world.tenant.customer.customers.PostMessage(request)


async def mail(world: World) -> None:
    """Ingests an email: a new one, an answer to any email, or an automatic reply."""
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


_NO_MORE: Final = frozenset({"TICKET_CLOSED"})
_NO_CHAT: Final = frozenset({"CHAT_LOCKED", "LINK_UNKNOWN"})
"""The chat is locked, or another contact has replaced this one, so the link is not valid any more."""
ACTS: Final[dict[Callable[[World], Awaitable[object]], tuple[int, frozenset[str]]]] = {
    raise_ticket: (1, frozenset()),
    edit_review: (1, frozenset()),
    ask: (4, _NO_MORE | {"FORM_LIVE", "ILLEGAL_TRANSITION"}),
    answer: (5, frozenset({"LINK_WITHDRAWN", "RATE_LIMITED"})),
    add_contact: (2, _NO_MORE | {"ILLEGAL_TRANSITION"}),
    unlock: (6, frozenset()),
    reject: (1, frozenset({"ILLEGAL_TRANSITION"})),
    wrong_person: (1, _NO_MORE | {"CHAT_LOCKED"}),
    somebody_elses_ticket: (1, _NO_MORE | _NO_CHAT),
    note: (4, _NO_MORE),
    write: (6, _NO_MORE | {"CHAT_LOCKED"}),
    post: (6, _NO_CHAT),
    mail: (8, frozenset()),
    move: (3, _NO_MORE | {"ILLEGAL_TRANSITION"}),
}
"""The weight of each act, and the reasons with which the service may refuse it, because any ticket may be chosen."""
