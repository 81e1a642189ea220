"""The chat: messages of agents and customers, and the private link that opens it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from care.v1 import activity_pb2, message_pb2, ticket_pb2
from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import ticket_service_pb2 as tickets
from care.v1.customer_service_pb2 import Chat
from care.v1.directory_pb2 import Organization
from care.v1.message_pb2 import Message
from care.v1.recovery_pb2 import Recovery
from care.v1.ticket_pb2 import Ticket
from care_client.errors import ResourceExhausted
from care_client.paging import items
from care_rules.submit import MAX_CLAIMS
from care_service.usecases.links import Links
from tests.integration.service.clocks import SettableClock
from tests.integration.service.commands import assert_refused
from tests.support.care import refusal
from tests.support.tenant import Tenant

BUSINESS, CUSTOMER = customers.CHAT_AUTHOR_BUSINESS, customers.CHAT_AUTHOR_CUSTOMER
HOSTILE = [
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "left \u202eright\u2066 isolates\u2069 \u200f",
    "{chat_link} {form_link} {{7*7}} %s \\0 ' -- \"",
    "line\nline\n\n  indented\ttab",
    "👩‍👩‍👧‍👦 e\u0301 \U0010ffff",
    "x" * 10_000,
]


async def open_chat(tenant: Tenant, **more: str) -> tuple[Ticket, Recovery, str]:
    """Opens a chat of alice and the customer. Returns its ticket, its recovery and the token of the private link."""
    ticket = await tenant.ticket()
    recovery = await tenant.form(ticket)
    await tenant.posted(recovery)
    await tenant.submit(recovery, **more)
    await tenant.unlock(recovery)
    return ticket, recovery, await tenant.open_chat(ticket)


async def chat(tenant: Tenant, token: str) -> Chat:
    return (await tenant.customer.customers.GetChat(customers.GetChatRequest(token=token))).chat


async def send(tenant: Tenant, ticket: Ticket, text: str, agent: str = "alice", request_id: str = "") -> Message:
    request = conversations.SendMessageRequest(parent=ticket.name, text=text, request_id=request_id)
    return (await tenant.agent(agent).conversations.SendMessage(request)).message


async def post(tenant: Tenant, token: str, text: str, request_id: str = "") -> customers.ChatMessage:
    request = customers.PostMessageRequest(token=token, text=text, request_id=request_id)
    return (await tenant.customer.customers.PostMessage(request)).message


# --- messages ---------------------------------------------------------------------------------------------------------


async def test_thread_and_chat_show_the_messages_of_both_sides_in_the_same_order(tenant: Tenant) -> None:
    await tenant.settings(Organization(chat_greeting="Welcome! Write to us: {chat_link}."))
    ticket, _, token = await open_chat(tenant)
    first = await send(tenant, ticket, "We looked into it.")
    await tenant.agent("alice").conversations.AddNote(
        conversations.AddNoteRequest(parent=ticket.name, text="The cook is new.")
    )
    second = await post(tenant, token, "Thank you!")
    third = await send(tenant, ticket, "Come again.")
    shown = await chat(tenant, token)
    assert [(each.author, each.text) for each in shown.messages] == [
        (BUSINESS, "Welcome! Write to us."),
        (BUSINESS, "We looked into it."),
        (CUSTOMER, "Thank you!"),
        (BUSINESS, "Come again."),
    ]
    assert shown.state == customers.CHAT_STATE_OPEN
    thread = await tenant.thread(ticket)
    kinds = [message_pb2.MessageKind.Name(entry.kind).removeprefix("MESSAGE_KIND_") for entry in thread]
    assert kinds == [
        *("REVIEW", "REVIEW_REPLY", "RECOVERY_FORM", "AGENT_MESSAGE"),
        *("AGENT_MESSAGE", "NOTE", "CUSTOMER_MESSAGE", "AGENT_MESSAGE"),
    ]
    assert thread[3].text == "Welcome! Write to us: {chat_link}."
    assert [entry.name for entry in thread[4:]] == [first.name, thread[5].name, thread[6].name, third.name]
    assert thread[6].name.endswith(second.id)
    contacts = {entry.contact for entry in thread if entry.contact}
    assert contacts == {(await tenant.service.conversations.ListContacts(_contacts(ticket))).contacts[0].id}
    assert thread[5].contact == ""


def _contacts(ticket: Ticket) -> conversations.ListContactsRequest:
    return conversations.ListContactsRequest(parent=ticket.name)


async def test_a_message_is_written_with_its_delivery_and_one_activity(tenant: Tenant) -> None:
    ticket, _, _ = await open_chat(tenant)
    before = await tenant.get(ticket)
    message = await send(tenant, ticket, "We looked into it.")
    assert message.delivery.state == message_pb2.DELIVERY_STATE_QUEUED
    assert message.delivery.channel == message_pb2.CHANNEL_EMAIL
    assert (message.author, message.author_display_name) == (tenant.agent_name("alice"), "Alice")
    [entry, *_] = await tenant.log(ticket)
    assert entry.type == activity_pb2.ACTIVITY_TYPE_MESSAGE_SENT
    assert (entry.message, int((await tenant.get(ticket)).etag)) == (message.name, int(before.etag) + 1)
    assert await tenant.wakes(message.name) == 1


async def test_a_thread_can_be_listed_from_either_end(tenant: Tenant) -> None:
    ticket, _, token = await open_chat(tenant)
    for number in range(5):
        await post(tenant, token, f"{number}")
    found: dict[str, list[str]] = {}
    for order in ("create_time", "create_time desc"):
        request = conversations.ListMessagesRequest(parent=ticket.name, order_by=order, page_size=3)
        found[order] = [entry.name async for entry in items(tenant.agent("alice").conversations.ListMessages, request)]
    assert found["create_time desc"] == found["create_time"][::-1]
    assert found["create_time"] == [entry.name for entry in await tenant.thread(ticket)]
    wrong = conversations.ListMessagesRequest(parent=ticket.name, order_by="text")
    error = await refusal(tenant.agent("alice").conversations.ListMessages(wrong))
    assert_refused(error, "INVALID_FIELD")
    assert [each.field for each in error.field_violations] == ["order_by"]


async def test_a_repeated_message_is_written_once_for_both_sides(tenant: Tenant) -> None:
    ticket, _, token = await open_chat(tenant)
    ours, theirs = str(uuid4()), str(uuid4())
    sent = {(await send(tenant, ticket, "Once", request_id=ours)).name for _ in range(3)}
    posted = {(await post(tenant, token, "Once too", request_id=theirs)).id for _ in range(3)}
    assert {entry.name for entry in (await tenant.thread(ticket, "AGENT_MESSAGE"))[1:]} == sent
    assert {entry.name.rpartition("/")[2] for entry in await tenant.thread(ticket, "CUSTOMER_MESSAGE")} == posted
    assert (len(sent), len(posted)) == (1, 1)
    assert_refused(await refusal(post(tenant, token, "Another", request_id=theirs)), "REQUEST_ID_REUSED")


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
async def test_texts_are_stored_unchanged(tenant: Tenant, text: str) -> None:
    ticket, _, token = await open_chat(tenant)
    await send(tenant, ticket, text)
    await post(tenant, token, text)
    assert [each.text for each in (await chat(tenant, token)).messages][1:] == [text, text]
    assert [each.text for each in (await tenant.thread(ticket))[-2:]] == [text, text]


@pytest.mark.parametrize(
    "text", ["", "  \n ", "\u200b\ufeff\u2066", "x" * 10_001, "x" * 100_000, "nu\0ll"], ids=lambda text: ascii(text[:9])
)
async def test_invalid_texts_of_both_sides_are_refused_and_not_stored(tenant: Tenant, text: str) -> None:
    ticket, _, token = await open_chat(tenant)
    before = await tenant.thread(ticket)
    for call in (send(tenant, ticket, text), post(tenant, token, text)):
        error = await refusal(call)
        assert_refused(error, "INVALID_FIELD")
        assert [each.field for each in error.field_violations] == ["text"]
    assert await tenant.thread(ticket) == before


# --- statuses and follow-ups ------------------------------------------------------------------------------------------


async def test_only_the_first_use_of_the_link_verifies_the_contact(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.in_recovery_state(ticket, "CHAT_UNLOCKED")
    assert not (await tenant.get(ticket)).customer.verified
    token = await tenant.open_chat(ticket)
    assert (await tenant.get(ticket)).customer.verified
    for _ in range(3):
        await chat(tenant, token)
        await post(tenant, token, "Hello")
    types = await tenant.log_types(ticket)
    assert types.count("CONTACT_VERIFIED") == 1
    [entry] = [entry for entry in await tenant.log(ticket) if entry.type == activity_pb2.ACTIVITY_TYPE_CONTACT_VERIFIED]
    assert (entry.actor_kind, entry.recovery) == (activity_pb2.ACTOR_KIND_CUSTOMER, recovery.name)


async def test_a_customer_reopens_a_resolved_ticket_by_writing(tenant: Tenant) -> None:
    ticket, _, token = await open_chat(tenant)
    await tenant.agent("alice").tickets.ResolveTicket(tickets.ResolveTicketRequest(name=ticket.name))
    await post(tenant, token, "It is not.")
    assert (await tenant.get(ticket)).status == ticket_pb2.TICKET_STATUS_IN_PROGRESS
    [entry, *_] = await tenant.log(ticket)
    assert [(change.field, change.after) for change in entry.changes] == [("status", "IN_PROGRESS")]


async def test_a_customer_who_writes_after_the_close_gets_a_follow_up_and_its_link(tenant: Tenant) -> None:
    ticket, _, token = await open_chat(tenant)
    await tenant.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
    assert (await chat(tenant, token)).state == customers.CHAT_STATE_CLOSED
    assert_refused(
        await refusal(send(tenant, ticket, "Too late")),
        "TICKET_CLOSED",
        {"machine": "status", "state": "CLOSED", "allowed": "", "ticket": ticket.name},
    )
    await post(tenant, token, "One more thing.")
    following = Ticket(name=(await tenant.get(ticket)).follow_up)
    followed = await tenant.get(following)
    assert (followed.follow_up_of, followed.assignee) == (ticket.name, tenant.agent_name("alice"))
    assert (followed.customer.email, followed.customer.verified) == ("robin@example.com", True)
    assert [entry.text for entry in await tenant.thread(following, "CUSTOMER_MESSAGE")] == ["One more thing."]
    # The follow-up's chat is locked until the workflow unlocks it. Then the old link leads to that chat too.
    assert_refused(await refusal(post(tenant, token, "And…")), "CHAT_LOCKED")
    await tenant.unlock(Recovery(name=followed.recovery))
    await post(tenant, token, "And another.")
    assert len(await tenant.thread(following, "CUSTOMER_MESSAGE")) == 2
    assert [greeting.delivery.state for greeting in await tenant.thread(following, "AGENT_MESSAGE")] == [
        message_pb2.DELIVERY_STATE_QUEUED
    ]
    fresh = await tenant.open_chat(following)
    assert fresh != token
    theirs = [each.text for each in (await chat(tenant, fresh)).messages if each.author == CUSTOMER]
    assert theirs == ["One more thing.", "And another."]


async def test_a_message_goes_to_the_last_ticket_of_the_chain(tenant: Tenant) -> None:
    ticket, _, token = await open_chat(tenant)
    last = ticket
    for _ in range(3):
        await tenant.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=last.name))
        await post(tenant, token, "Again")
        last = Ticket(name=(await tenant.get(last)).follow_up)
        await tenant.unlock(Recovery(name=(await tenant.get(last)).recovery))
    await post(tenant, token, "Still me")
    assert [entry.text for entry in await tenant.thread(last, "CUSTOMER_MESSAGE")] == ["Again", "Still me"]


# --- the private link -------------------------------------------------------------------------------------------------


async def test_a_message_becomes_a_claim_if_the_review_has_a_ticket_with_another_contact(
    tenant: Tenant,
) -> None:
    ticket, _, token = await open_chat(tenant, phone="+1 415 555 2671")
    await tenant.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
    given = Ticket(review=ticket.review)
    newer = (await tenant.agent("alice").tickets.CreateTicket(_create(tenant, given))).ticket
    answer = await tenant.customer.customers.PostMessage(customers.PostMessageRequest(token=token, text="Me again"))
    assert not answer.HasField("message")
    [claim] = (await tenant.service.conversations.ListContacts(_contacts(newer))).contacts
    assert (claim.email, claim.phone, claim.message) == ("robin@example.com", "+14155552671", "Me again")
    assert (await tenant.log_types(newer))[0] == "CONTACT_CLAIMED"
    # A repeated message makes no second claim, and the number of claims is limited.
    await tenant.customer.customers.PostMessage(customers.PostMessageRequest(token=token, text="Me again"))
    for number in range(MAX_CLAIMS - 1):
        await post(tenant, token, f"And {number}")
    assert_refused(await refusal(post(tenant, token, "One too many")), "CHAT_LOCKED", {})
    assert len((await tenant.service.conversations.ListContacts(_contacts(newer))).contacts) == MAX_CLAIMS
    # After the claim is accepted, the old link reaches the new chat.
    await tenant.agent("alice").tickets.TakeTicket(tickets.TakeTicketRequest(name=newer.name))
    accept = conversations.AddContactRequest(parent=newer.name, claim=claim.id)
    await tenant.agent("alice").conversations.AddContact(accept)
    assert_refused(await refusal(post(tenant, token, "Too early")), "CHAT_LOCKED", {})
    await tenant.unlock(Recovery(name=(await tenant.get(newer)).recovery))
    await post(tenant, token, "Thank you!")
    assert [each.text for each in await tenant.thread(newer, "CUSTOMER_MESSAGE")] == ["Thank you!"]


@pytest.mark.parametrize("added", [{"email": "Robin@Example.com"}, {"phone": "+14155552671"}], ids=["email", "phone"])
async def test_a_customer_of_an_older_ticket_can_write_to_a_newer_one_that_knows_one_of_their_addresses(
    tenant: Tenant, added: dict[str, str]
) -> None:
    ticket, _, token = await open_chat(tenant, phone="+1 415 555 2671")
    alice = tenant.agent("alice")
    await alice.tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
    newer = (await alice.tickets.CreateTicket(_create(tenant, Ticket(review=ticket.review)))).ticket
    await alice.tickets.TakeTicket(tickets.TakeTicketRequest(name=newer.name))
    await alice.conversations.AddContact(conversations.AddContactRequest(parent=newer.name, **added))
    await tenant.unlock(Recovery(name=(await tenant.get(newer)).recovery))
    await post(tenant, token, "Me again")
    assert [each.text for each in await tenant.thread(newer, "CUSTOMER_MESSAGE")] == ["Me again"]


def _create(tenant: Tenant, ticket: Ticket) -> tickets.CreateTicketRequest:
    return tickets.CreateTicketRequest(parent=tenant.name, ticket=ticket)


async def test_the_link_of_a_rejected_contact_is_unknown_and_the_next_contact_sees_no_earlier_message(
    tenant: Tenant,
) -> None:
    ticket, recovery, token = await open_chat(tenant, email="wrong@example.com")
    await send(tenant, ticket, "A secret of the first one")
    await post(tenant, token, "A message of the first one")
    alice = tenant.agent("alice").conversations
    await alice.RejectContact(conversations.RejectContactRequest(name=recovery.name))
    for call in (chat(tenant, token), post(tenant, token, "Hello?")):
        assert_refused(await refusal(call), "LINK_UNKNOWN")
    added = await alice.AddContact(conversations.AddContactRequest(parent=ticket.name, email="right@example.com"))
    await tenant.unlock(added.recovery)
    second = await tenant.open_chat(ticket)
    assert [each.author for each in (await chat(tenant, second)).messages] == [BUSINESS]


async def test_a_chat_opens_only_with_the_token_of_its_link(tenant: Tenant) -> None:
    ticket, recovery, token = await open_chat(tenant)
    links: Links = tenant.care.links
    key, resource, mac = token.split(".")
    contact = (await tenant.service.conversations.ListContacts(_contacts(ticket))).contacts[0].id
    forged = [
        *("", "x", token[:-1], token + "A", f"{key}.{resource}.{mac[::-1]}", f"other.{resource}.{mac}"),
        links.chat_token(uuid4(), links.current),
        links.form_token(UUID(contact), links.current),
        tenant.form_token(recovery),
        "\0" * 40,
        "ä" * 40,
    ]
    for each in forged:
        for call in (chat(tenant, each), post(tenant, each, "Hello")):
            error = await refusal(call)
            assert_refused(error, "LINK_UNKNOWN")
            assert "organizations/" not in error.message


async def test_a_link_is_unknown_before_its_chat_is_open(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    await tenant.in_recovery_state(ticket, "CONTACT_RECEIVED")
    contact = (await tenant.service.conversations.ListContacts(_contacts(ticket))).contacts[0].id
    assert_refused(await refusal(chat(tenant, tenant.chat_token(contact))), "LINK_UNKNOWN")


async def test_messages_are_limited_per_link(timed: Tenant, clock: SettableClock) -> None:
    _, _, token = await open_chat(timed)

    async def write() -> None:
        for number in range(100):
            await post(timed, token, f"{number}")

    with pytest.raises(ResourceExhausted) as caught:
        await write()
    assert caught.value.reason == "RATE_LIMITED"
    assert caught.value.retry_after is not None


async def test_reads_are_limited_per_link(timed: Tenant, clock: SettableClock) -> None:
    _, _, token = await open_chat(timed)
    answers = await asyncio.gather(*(chat(timed, token) for _ in range(150)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, ResourceExhausted)]
    assert 0 < len(refused) < 100
    assert {(error.reason, error.retry_after) for error in refused} == {("RATE_LIMITED", timedelta(minutes=1))}


async def test_a_long_chat_is_paged_from_its_end(tenant: Tenant) -> None:
    ticket, _, token = await open_chat(tenant)
    for number in range(11):
        await send(tenant, ticket, f"{number}")
    read = tenant.customer.customers.GetChat
    found: list[str] = []
    page = ""
    for _ in range(10):
        answer = await read(customers.GetChatRequest(token=token, page_size=5, page_token=page))
        found = [*(each.text for each in answer.chat.messages), *found]
        page = answer.earlier_page_token
        if not page:
            break
    assert found[1:] == [f"{number}" for number in range(11)]
    _, _, other = await open_chat(tenant)
    error = await refusal(read(customers.GetChatRequest(token=other, page_token="x")))
    assert_refused(error, "INVALID_PAGE_TOKEN")
