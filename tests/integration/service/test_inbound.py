"""Incoming email and SMS: the chat that receives them, what they reopen, and which ones are kept as unmatched."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import message_pb2, ticket_pb2
from care.v1 import ticket_service_pb2 as tickets
from care.v1.activity_pb2 import ACTIVITY_TYPE_CHAT_UNLOCKED, ACTOR_KIND_CUSTOMER
from care.v1.conversation_service_pb2 import InboundMessage, IngestMessageResponse, IngestOutcome
from care.v1.recovery_pb2 import Recovery
from care.v1.ticket_pb2 import Ticket
from tests.integration.service.commands import assert_refused
from tests.support.care import refusal
from tests.support.tenant import Tenant

EMAIL, SMS = message_pb2.CHANNEL_EMAIL, message_pb2.CHANNEL_SMS


def email(sender: str = "robin@example.com", text: str = "Hello", **more: object) -> InboundMessage:
    given = InboundMessage(channel=EMAIL, external_id=f"{uuid4()}@mail.example.com", sender=sender, text=text)
    given.MergeFrom(InboundMessage(**more))  # type: ignore[arg-type]
    return given


async def ingest(tenant: Tenant, message: InboundMessage, ticket: str = "") -> IngestMessageResponse:
    request = conversations.IngestMessageRequest(parent=tenant.name, message=message, ticket=ticket)
    return await tenant.service.conversations.IngestMessage(request)


def outcome(answer: IngestMessageResponse) -> str:
    return IngestOutcome.Name(answer.outcome).removeprefix("INGEST_OUTCOME_")


async def ticket_with_chat(tenant: Tenant, address: str = "robin@example.com", **more: str) -> Ticket:
    """Creates a ticket of alice with an open chat."""
    ticket = await tenant.ticket()
    recovery = await tenant.form(ticket)
    await tenant.posted(recovery)
    await tenant.submit(recovery, email=address, **more)
    await tenant.unlock(recovery)
    return ticket


async def close(tenant: Tenant, ticket: Ticket) -> None:
    await tenant.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))


async def resolve(tenant: Tenant, ticket: Ticket) -> None:
    await tenant.agent("alice").tickets.ResolveTicket(tickets.ResolveTicketRequest(name=ticket.name))


async def unmatched_messages(tenant: Tenant) -> list[tuple[str, str, str]]:
    """Returns sender, outcome and ticket of the unmatched messages, newest first."""
    request = conversations.ListUnmatchedMessagesRequest(parent=tenant.name)
    listed = (await tenant.agent("alice").conversations.ListUnmatchedMessages(request)).messages
    return [
        (each.message.sender, IngestOutcome.Name(each.outcome).removeprefix("INGEST_OUTCOME_"), each.ticket)
        for each in listed
    ]


# --- matching ---------------------------------------------------------------------------------------------------------


async def test_a_message_is_matched_by_the_address_of_the_sender(tenant: Tenant) -> None:
    ticket = await ticket_with_chat(tenant, display_name="Robin P.")
    answer = await ingest(tenant, email("Robin@Example.COM", "My second thought"))
    assert (outcome(answer), answer.ticket) == ("ACCEPTED", ticket.name)
    [entry] = await tenant.thread(ticket, "CUSTOMER_MESSAGE")
    assert entry == answer.message
    assert (entry.text, entry.channel, entry.automatic) == ("My second thought", EMAIL, False)
    assert (entry.author_kind, entry.author_display_name) == (ACTOR_KIND_CUSTOMER, "Robin P.")


async def test_an_sms_is_matched_by_the_number_of_the_sender(tenant: Tenant) -> None:
    ticket = await ticket_with_chat(tenant, "", phone="+1 415 555 2671")
    message = InboundMessage(channel=SMS, external_id="SM1", sender="+1 (415) 555-2671", text="Hi")
    answer = await ingest(tenant, message)
    assert (outcome(answer), answer.ticket, answer.message.channel) == ("ACCEPTED", ticket.name, SMS)


async def test_a_message_goes_to_the_answered_one_of_two_chats_with_the_same_address(tenant: Tenant) -> None:
    first, second = await ticket_with_chat(tenant), await ticket_with_chat(tenant)
    assert (await ingest(tenant, email())).ticket == second.name
    [greeting] = await tenant.thread(first, "AGENT_MESSAGE")
    sent = f"{greeting.name.rpartition('/')[2]}@care.example.com"
    answer = await ingest(tenant, email(in_reply_to=["unknown@elsewhere.example", sent]))
    assert answer.ticket == first.name
    # An answer to that answer is matched too.
    again = email(in_reply_to=[(await ingest(tenant, email(external_id="a@b.example", in_reply_to=[sent]))).ticket])
    again.in_reply_to[:] = ["a@b.example"]
    assert (await ingest(tenant, again)).ticket == first.name


async def test_an_answer_is_matched_by_its_chat_if_it_names_no_message(tenant: Tenant) -> None:
    first, _ = await ticket_with_chat(tenant), await ticket_with_chat(tenant)
    [greeting] = await tenant.thread(first, "AGENT_MESSAGE")
    references = ["0102-made-by-a-relay@mail.example.com", f"chat-{greeting.contact}@care.example.com"]
    assert (await ingest(tenant, email(in_reply_to=references))).ticket == first.name
    other = Tenant(tenant.care, f"{tenant.id}-other")
    await other.ticket()
    assert outcome(await ingest(other, email(in_reply_to=references))) == "UNMATCHED"


async def test_a_rejected_contact_does_not_hide_a_chat_with_the_same_address(tenant: Tenant) -> None:
    ticket, wrong = await ticket_with_chat(tenant), await ticket_with_chat(tenant)
    [greeting] = await tenant.thread(wrong, "AGENT_MESSAGE")
    recovery = (await tenant.get(wrong)).recovery
    reject = conversations.RejectContactRequest(name=recovery)
    await tenant.agent("alice").conversations.RejectContact(reject)
    answered = [f"{greeting.name.rpartition('/')[2]}@care.example.com"]
    for message in (email(), email(in_reply_to=answered)):
        assert (await ingest(tenant, message)).ticket == ticket.name


async def test_a_named_ticket_comes_first(tenant: Tenant) -> None:
    first, _ = await ticket_with_chat(tenant), await ticket_with_chat(tenant)
    assert (await ingest(tenant, email(), first.name)).ticket == first.name
    nobodys = f"{tenant.name}/tickets/999999"
    assert_refused(await refusal(ingest(tenant, email(), nobodys)), "RESOURCE_NOT_FOUND", {"resource": nobodys})
    other = Tenant(tenant.care, f"{tenant.id}-other")
    error = await refusal(ingest(tenant, email(), (await other.ticket()).name))
    assert_refused(error, "INVALID_FIELD")


async def test_a_sender_cannot_write_to_the_chat_of_another_person_by_naming_or_answering_it(tenant: Tenant) -> None:
    ticket = await ticket_with_chat(tenant)
    [greeting] = await tenant.thread(ticket, "AGENT_MESSAGE")
    sent = f"{greeting.name.rpartition('/')[2]}@care.example.com"
    named = await ingest(tenant, email("eve@example.com"), ticket.name)
    assert (outcome(named), named.ticket) == ("CHAT_LOCKED", ticket.name)
    assert outcome(await ingest(tenant, email("eve@example.com", in_reply_to=[sent]))) == "UNMATCHED"
    assert await tenant.thread(ticket, "CUSTOMER_MESSAGE") == []


async def test_a_message_never_goes_to_a_chat_of_another_organization(tenant: Tenant) -> None:
    ticket = await ticket_with_chat(tenant)
    [greeting] = await tenant.thread(ticket, "AGENT_MESSAGE")
    other = Tenant(tenant.care, f"{tenant.id}-other")
    await other.ticket()
    sent = f"{greeting.name.rpartition('/')[2]}@care.example.com"
    answer = await ingest(other, email(in_reply_to=[sent]))
    assert (outcome(answer), answer.ticket) == ("UNMATCHED", "")


async def test_a_message_without_an_open_chat_is_kept_as_unmatched(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    await tenant.in_recovery_state(ticket, "CONTACT_RECEIVED")
    assert outcome(await ingest(tenant, email(), ticket.name)) == "CHAT_LOCKED"
    assert outcome(await ingest(tenant, email("stranger@example.com"))) == "UNMATCHED"
    following = await ticket_with_chat(tenant, "sam@example.com")
    await close(tenant, following)
    await ingest(tenant, email("sam@example.com"))
    locked = await ingest(tenant, email("sam@example.com", text="Before it opened"))
    last = (await tenant.get(following)).follow_up
    assert (outcome(locked), locked.ticket) == ("CHAT_LOCKED", last)
    assert await unmatched_messages(tenant) == [
        ("sam@example.com", "CHAT_LOCKED", last),
        ("stranger@example.com", "UNMATCHED", ""),
        ("robin@example.com", "CHAT_LOCKED", ticket.name),
    ]


async def test_unmatched_messages_are_listed_page_by_page(tenant: Tenant) -> None:
    await tenant.meet("alice")
    for number in range(7):
        await ingest(tenant, email(f"s{number}@example.com"))
    found: list[str] = []
    page = ""
    for _ in range(9):
        request = conversations.ListUnmatchedMessagesRequest(parent=tenant.name, page_size=3, page_token=page)
        answer = await tenant.agent("alice").conversations.ListUnmatchedMessages(request)
        found += [each.message.sender for each in answer.messages]
        page = answer.next_page_token
        if not page:
            break
    assert found == [f"s{number}@example.com" for number in reversed(range(7))]


# --- effects ----------------------------------------------------------------------------------------------------------


async def test_a_message_that_arrives_five_times_is_stored_once(tenant: Tenant) -> None:
    ticket = await ticket_with_chat(tenant)
    await resolve(tenant, ticket)
    message = email(text="Only once")
    answers = [await ingest(tenant, message) for _ in range(5)]
    assert all(answer == answers[0] for answer in answers)
    assert len(await tenant.thread(ticket, "CUSTOMER_MESSAGE")) == 1
    assert (await tenant.log_types(ticket)).count("MESSAGE_RECEIVED") == 1
    stranger = email("stranger@example.com")
    assert len({outcome(await ingest(tenant, stranger)) for _ in range(5)}) == 1
    assert len(await unmatched_messages(tenant)) == 1


async def test_a_message_that_arrives_five_times_at_once_is_stored_once(tenant: Tenant) -> None:
    for sender in ("robin@example.com", "stranger@example.com"):
        ticket = await ticket_with_chat(tenant)
        message = email(sender)
        answers = await asyncio.gather(*(ingest(tenant, message) for _ in range(5)))
        assert all(answer == answers[0] for answer in answers)
        count = 1 if sender == "robin@example.com" else 0
        assert len(await tenant.thread(ticket, "CUSTOMER_MESSAGE")) == count
    assert len(await unmatched_messages(tenant)) == 1


async def test_messages_and_commands_on_one_ticket_at_once_all_succeed(tenant: Tenant) -> None:
    ticket = await ticket_with_chat(tenant)
    note = conversations.AddNoteRequest(parent=ticket.name, text="Called")
    alice = tenant.agent("alice").conversations
    taken = [ingest(tenant, email(text=f"{number}")) for number in range(20)]
    await asyncio.gather(*taken, *(alice.AddNote(note) for _ in range(20)))
    assert len(await tenant.thread(ticket, "CUSTOMER_MESSAGE")) == len(await tenant.thread(ticket, "NOTE")) == 20


async def test_an_email_and_an_sms_with_the_same_id_are_two_messages(tenant: Tenant) -> None:
    ticket = await ticket_with_chat(tenant, phone="+1 415 555 2671")
    await ingest(tenant, email(external_id="1"))
    await ingest(tenant, InboundMessage(channel=SMS, external_id="1", sender="+14155552671", text="Hi"))
    assert len(await tenant.thread(ticket, "CUSTOMER_MESSAGE")) == 1 + 1


async def test_a_message_reopens_a_resolved_ticket_but_an_automatic_one_does_not(tenant: Tenant) -> None:
    ticket = await ticket_with_chat(tenant)
    await resolve(tenant, ticket)
    answer = await ingest(tenant, email(text="I am out of office", automatic=True))
    assert (outcome(answer), answer.message.automatic) == ("RECORDED", True)
    assert (await tenant.get(ticket)).status == ticket_pb2.TICKET_STATUS_RESOLVED
    assert outcome(await ingest(tenant, email(text="I am back"))) == "ACCEPTED"
    assert (await tenant.get(ticket)).status == ticket_pb2.TICKET_STATUS_IN_PROGRESS


async def test_a_bounce_is_recorded_on_the_message_that_it_returns(tenant: Tenant) -> None:
    ticket = await ticket_with_chat(tenant)
    await resolve(tenant, ticket)
    [greeting] = await tenant.thread(ticket, "AGENT_MESSAGE")
    sent = f"{greeting.name.rpartition('/')[2]}@care.example.com"
    server, text = "mailer-daemon@mail.example.com", "The mailbox is full"
    answer = await ingest(tenant, email(server, text, in_reply_to=[sent], automatic=True))
    assert (outcome(answer), answer.ticket) == ("RECORDED", ticket.name)
    assert (await tenant.get(ticket)).status == ticket_pb2.TICKET_STATUS_RESOLVED
    for further in (
        email("", text, in_reply_to=[sent], automatic=True),
        email(server, in_reply_to=[sent], automatic=True),
    ):
        named = await ingest(tenant, further, ticket.name)
        assert (outcome(named), named.ticket) == ("RECORDED", ticket.name)
    assert outcome(await ingest(tenant, email("", text, automatic=True))) == "UNMATCHED"
    other = await ticket_with_chat(tenant, "sam@example.com")
    lost = await ingest(tenant, email("", text, in_reply_to=[sent], automatic=True), other.name)
    assert (outcome(lost), lost.ticket) == ("CHAT_LOCKED", other.name)
    # A message that is not automatic is no bounce, and neither is one that answers no message of Care.
    for stranger in (email(server, text, in_reply_to=[sent]), email(server, text, automatic=True)):
        assert outcome(await ingest(tenant, stranger)) == "UNMATCHED"
    assert len(await tenant.thread(ticket, "CUSTOMER_MESSAGE")) == 1 + 2


async def test_a_message_to_a_closed_ticket_goes_to_a_follow_up_but_an_automatic_one_creates_none(
    tenant: Tenant,
) -> None:
    ticket = await ticket_with_chat(tenant)
    await close(tenant, ticket)
    away = await ingest(tenant, email(text="I am out of office", automatic=True))
    assert (outcome(away), (await tenant.get(ticket)).follow_up) == ("CHAT_LOCKED", "")
    answer = await ingest(tenant, email(text="Once more"))
    following = Ticket(name=(await tenant.get(ticket)).follow_up)
    assert (outcome(answer), answer.ticket) == ("FOLLOWED_UP", following.name)
    assert [entry.text for entry in await tenant.thread(following, "CUSTOMER_MESSAGE")] == ["Once more"]
    await tenant.unlock(Recovery(name=(await tenant.get(following)).recovery))
    later = await ingest(tenant, email(text="And more"))
    assert (outcome(later), later.ticket) == ("ACCEPTED", following.name)


async def test_messages_from_before_the_chat_enter_its_thread_when_it_opens(tenant: Tenant) -> None:
    ticket = await ticket_with_chat(tenant)
    await close(tenant, ticket)
    await ingest(tenant, email(text="One"))
    second = email("Robin@Example.com", "Two")
    assert outcome(await ingest(tenant, second)) == "CHAT_LOCKED"
    away = await ingest(tenant, email(text="I am out of office", automatic=True))
    following = Ticket(name=(await tenant.get(ticket)).follow_up)
    assert (outcome(away), away.ticket) == ("CHAT_LOCKED", following.name)
    await resolve(tenant, following)
    await tenant.unlock(Recovery(name=(await tenant.get(following)).recovery))
    said = await tenant.thread(following, "CUSTOMER_MESSAGE")
    assert [(each.text, each.automatic) for each in said] == [
        ("One", False),
        ("Two", False),
        ("I am out of office", True),
    ]
    assert {(each.contact, each.author_kind) for each in said} == {(said[0].contact, ACTOR_KIND_CUSTOMER)}
    assert (await tenant.get(following)).status == ticket_pb2.TICKET_STATUS_IN_PROGRESS
    assert await unmatched_messages(tenant) == []
    again = await ingest(tenant, second)
    assert (outcome(again), again.message) == ("ACCEPTED", said[1])
    [opened, *_] = await tenant.log(following)
    assert (opened.type, len(await tenant.log(following))) == (ACTIVITY_TYPE_CHAT_UNLOCKED, 3)


async def test_automatic_messages_from_before_the_chat_reopen_no_ticket(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.in_recovery_state(ticket, "CONTACT_RECEIVED")
    await resolve(tenant, ticket)
    await ingest(tenant, email(text="I am out of office", automatic=True), ticket.name)
    await ingest(tenant, email("sam@example.com"), ticket.name)
    await tenant.unlock(recovery)
    assert len(await tenant.thread(ticket, "CUSTOMER_MESSAGE")) == 1
    assert (await tenant.get(ticket)).status == ticket_pb2.TICKET_STATUS_RESOLVED
    assert await unmatched_messages(tenant) == [("sam@example.com", "CHAT_LOCKED", ticket.name)]


async def test_a_message_during_the_unlock_enters_the_thread_once(tenant: Tenant) -> None:
    for _ in range(5):
        ticket = await tenant.ticket()
        recovery = await tenant.in_recovery_state(ticket, "CONTACT_RECEIVED")
        taken = [ingest(tenant, email(text=f"{number}"), ticket.name) for number in range(10)]
        await asyncio.gather(*taken[:5], tenant.unlock(recovery), *taken[5:])
        said = await tenant.thread(ticket, "CUSTOMER_MESSAGE")
        assert sorted(each.text for each in said) == sorted(f"{number}" for number in range(10))
    assert await unmatched_messages(tenant) == []


async def test_an_ingestion_that_is_repeated_with_its_request_id_acts_once(tenant: Tenant) -> None:
    ticket = await ticket_with_chat(tenant)
    for first in (email(), email("stranger@example.com"), email("stranger@example.com")):
        named = ticket.name if first.sender.startswith("stranger") else ""
        request = conversations.IngestMessageRequest(
            parent=tenant.name, message=first, ticket=named, request_id=str(uuid4())
        )
        answer = await tenant.service.conversations.IngestMessage(request)
        assert await tenant.service.conversations.IngestMessage(request) == answer
        request.message.external_id = "another@mail.example.com"
        error = await refusal(tenant.service.conversations.IngestMessage(request))
        assert_refused(error, "REQUEST_ID_REUSED", {"request_id": request.request_id})
    assert len(await tenant.thread(ticket, "CUSTOMER_MESSAGE")) == 1


# --- invalid messages -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"channel": 99}, "message.channel"),
        ({"external_id": "x" * 999}, "message.external_id"),
        ({"external_id": "two\nlines"}, "message.external_id"),
        ({"sender": "nobody"}, "message.sender"),
        ({"sender": "a@b@c"}, "message.sender"),
        ({"subject": "x" * 999}, "message.subject"),
        ({"text": "x" * 10_001}, "message.text"),
        ({"text": "nu\0ll"}, "message.text"),
        ({"in_reply_to": ["x"] * 101}, "message.in_reply_to"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_the_refusal_of_an_invalid_message_names_its_field(
    tenant: Tenant, change: dict[str, object], field: str
) -> None:
    error = await refusal(ingest(tenant, email(**change)))  # type: ignore[arg-type]
    assert_refused(error, "INVALID_FIELD")
    assert [each.field for each in error.field_violations] == [field]


async def test_the_refusal_of_an_empty_message_names_the_missing_fields(tenant: Tenant) -> None:
    error = await refusal(ingest(tenant, InboundMessage()))
    assert {each.field for each in error.field_violations} == {
        *("message.channel", "message.external_id", "message.sender", "message.text")
    }
