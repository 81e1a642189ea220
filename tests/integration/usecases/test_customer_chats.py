"""The customer's chat: the first use of its link, and where a message goes."""

from __future__ import annotations

from uuid import uuid4

from care_rules.chat import ChatState
from care_rules.entities.contact import Contact
from care_rules.entities.message import Message
from care_rules.lifecycle import TicketStatus
from care_rules.names import RecoveryName, TicketName
from care_rules.refusals import Reason
from care_service.usecases import chats, conversation, recoveries, tickets
from care_service.usecases.links import Links
from care_service.usecases.ports.idempotency import StoredResponse
from care_service.usecases.request import Replayable, Request
from tests.integration.usecases.office import STRANGER, Office, assert_refused, encode, fresh, refused


async def post(
    office: Office, contact: Contact, text: str = "Hello?", request: Request[Message | None] | None = None
) -> Replayable[Message | None]:
    request = request or office.request(STRANGER)
    return await chats.post_message(office.store, office.links, office.chat_token(contact), text, request)


async def test_the_first_use_of_a_link_verifies_the_contact_once(office: Office) -> None:
    name = await office.ticket()
    contact = await office.chat(name)
    for _ in range(2):
        office.later(hours=1)
        chat = await chats.open_chat(office.store, office.links, office.chat_token(contact), office.now)
        assert chat.state is ChatState.OPEN
    assert (await office.log(name)).count("CONTACT_VERIFIED") == 1
    snapshot = await office.load(name)
    assert snapshot.contact is not None
    assert snapshot.contact.verify_time is not None
    # The first use counts as activity of the customer, the second does not.
    assert snapshot.ticket.timing.active_time == snapshot.contact.verify_time < office.now


async def test_the_link_of_a_rejected_contact_is_not_valid(office: Office) -> None:
    name = await office.ticket()
    contact = await office.chat(name)
    recovery = RecoveryName(office.id, name.number, contact.recovery_id)
    await recoveries.reject_contact(office.store, office.reader, recovery, office.request())
    opened = chats.open_chat(office.store, office.links, office.chat_token(contact), office.now)
    await assert_refused(opened, Reason.LINK_UNKNOWN)
    await assert_refused(post(office, contact), Reason.LINK_UNKNOWN)


async def test_a_link_that_is_not_valid_opens_nothing(office: Office) -> None:
    contact = await office.chat(await office.ticket())
    other = Links({"k1": office.links.keys["k1"], "k2": b"o" * 32}, "k2", office.links.base_url)
    tokens = ("", "a.b.c", other.chat_token(contact.id, "k2"), other.chat_token(uuid4(), "k1"))
    for token in (*tokens, other.form_token(contact.recovery_id, "k1")):
        await assert_refused(chats.open_chat(office.store, other, token, office.now), Reason.LINK_UNKNOWN)
        posted = chats.post_message(office.store, other, token, "Hello?", office.request(STRANGER))
        await assert_refused(posted, Reason.LINK_UNKNOWN)


async def test_a_refusal_through_a_link_has_no_metadata(office: Office) -> None:
    contact, request_id = await office.chat(await office.ticket()), uuid4()
    await post(office, contact, request=office.request(STRANGER, id=request_id))
    again = post(office, contact, request=office.request(STRANGER, id=request_id, fingerprint=b"another"))
    refusal = await refused(again)
    assert (refusal.reason, refusal.metadata) == (Reason.REQUEST_ID_REUSED, {})


async def test_a_message_reopens_a_resolved_ticket_and_ends_the_wait_for_the_customer(office: Office) -> None:
    name = await office.ticket()
    contact = await office.chat(name)
    await conversation.send_message(office.store, name, "Sorry!", office.request())
    await tickets.resolve_ticket(office.store, name, office.request())
    office.later(days=1)
    written = fresh(await post(office, contact))
    assert written is not None
    assert (written.text, written.ticket_number) == ("Hello?", name.number)
    ticket = (await office.load(name)).ticket
    assert ticket.status is TicketStatus.IN_PROGRESS
    assert (ticket.timing.active_time, ticket.timing.waits_since) == (office.now, None)


async def test_a_message_after_the_close_creates_one_follow_up(office: Office) -> None:
    name = await office.ticket()
    contact = await office.chat(name)
    await tickets.close_ticket(office.store, name, office.request())
    written = fresh(await post(office, contact))
    assert written is not None
    follow_up = TicketName(office.id, 2)
    assert written.ticket_number == 2
    assert ("CUSTOMER_MESSAGE", "Hello?") in await office.thread(follow_up)
    assert await office.log(follow_up) == ["CREATED"]
    # The follow-up's chat is not open yet.
    refusal = await refused(post(office, contact))
    assert (refusal.reason, refusal.metadata) == (Reason.CHAT_LOCKED, {})
    assert await office.ticket() == TicketName(office.id, 3)


async def test_a_message_to_a_newer_ticket_of_the_review_becomes_a_claim(office: Office) -> None:
    review = await office.ingest()
    name = TicketName(office.id, fresh(await office.create(office.new_ticket(review))).ticket.number)
    await tickets.take_ticket(office.store, name, office.request())
    contact = await office.chat(name)
    await tickets.close_ticket(office.store, name, office.request())
    newer = TicketName(office.id, fresh(await office.create(office.new_ticket(review))).ticket.number)
    assert fresh(await post(office, contact)) is None
    assert (await office.log(newer))[0] == "CONTACT_CLAIMED"
    # The same message again changes nothing.
    assert fresh(await post(office, contact)) is None
    assert (await office.log(newer)).count("CONTACT_CLAIMED") == 1


async def test_a_repeated_message_is_written_once(office: Office) -> None:
    name = await office.ticket()
    contact = await office.chat(name)
    request: Request[Message | None] = office.request(STRANGER, id=uuid4())
    written = await post(office, contact, request=request)
    repeated = await post(office, contact, request=request)
    assert isinstance(repeated, StoredResponse)
    assert repeated.body == encode(written)
    assert (await office.log(name)).count("MESSAGE_RECEIVED") == 1


async def test_a_chat_shows_its_own_messages_and_no_notes(office: Office) -> None:
    name = await office.ticket()
    rejected = await office.chat(name)
    await post(office, rejected, "Wrong number.")
    recovery = RecoveryName(office.id, name.number, rejected.recovery_id)
    await recoveries.reject_contact(office.store, office.reader, recovery, office.request())
    contact = await office.chat(name)
    await post(office, contact, "Hello?")
    await conversation.send_message(office.store, name, "Sorry!", office.request())
    await office.note(name, "Difficult.")
    # A note names no contact today. Even a note that names one must not be shown.
    async with office.database.driver() as connection:
        await connection.execute(
            "UPDATE messages SET contact_id = $2 WHERE organization = $1 AND kind = 'NOTE'", office.id, contact.id
        )
    chat = await chats.load_chat(office.store, office.links, office.chat_token(contact), office.now)
    latest = await office.reader.chat_messages(chat, None, 10)
    assert [message.text for message in latest[:-1]] == ["Sorry!", "Hello?"]
    assert (latest[-1].text, latest[-1].contact_id) == (chat.base.settings.chat_greeting, contact.id)
    assert await office.reader.chat_messages_after(chat, None, 10) == list(reversed(latest))
