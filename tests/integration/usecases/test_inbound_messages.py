"""Incoming email: the outcomes, and that each message is stored once."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

from care_rules.entities.inbound import Inbound, IngestOutcome
from care_rules.lifecycle import TicketStatus
from care_rules.names import RecoveryName, TicketName
from care_rules.refusals import Reason
from care_service.usecases import inbound, recoveries, tickets
from care_service.usecases.inbound import IngestedMessage
from care_service.usecases.ports.idempotency import StoredResponse
from care_service.usecases.recoveries import NewContact
from care_service.usecases.request import Request
from tests.integration.usecases.office import Office, assert_refused, encode, fresh


async def ingest(office: Office, message: Inbound, ticket: TicketName | None = None) -> IngestedMessage:
    request: Request[IngestedMessage] = office.request(office.service)
    return fresh(await inbound.ingest_message(office.store, office.reader, message, ticket, request))


async def test_a_contacts_email_enters_the_thread(office: Office) -> None:
    name = await office.ticket()
    await office.chat(name)
    office.later(days=1)
    ingested = await ingest(office, office.inbound(sender="ROBIN@example.com"))
    assert (ingested.inbound.outcome, ingested.inbound.ticket_number) == (IngestOutcome.ACCEPTED, name.number)
    assert ingested.entry is not None
    assert (await office.thread(name))[-1] == ("CUSTOMER_MESSAGE", "Hello?")
    assert (await office.load(name)).ticket.timing.active_time == office.now


async def test_an_automatic_email_is_recorded_and_is_not_activity(office: Office) -> None:
    name = await office.ticket()
    await office.chat(name)
    await tickets.resolve_ticket(office.store, name, office.request())
    before = (await office.load(name)).ticket.timing.active_time
    office.later(days=1)
    ingested = await ingest(office, office.inbound("On holiday.", automatic=True))
    assert ingested.inbound.outcome is IngestOutcome.RECORDED
    ticket = (await office.load(name)).ticket
    assert (ticket.status, ticket.timing.active_time) == (TicketStatus.RESOLVED, before)


async def test_a_bounce_is_recorded_on_the_message_that_it_names(office: Office) -> None:
    name = await office.ticket()
    await office.chat(name)
    greeting = (await office.reader.messages(name, None, 10))[-1].message
    bounce = office.inbound("No such mailbox.", sender="mailer-daemon@example.org", automatic=True)
    assert (await ingest(office, bounce)).inbound.outcome is IngestOutcome.UNMATCHED
    returned = replace(bounce, external_id="<bounce@example.org>", in_reply_to=(f"{greeting.id}@care.example",))
    ingested = await ingest(office, returned)
    assert (ingested.inbound.outcome, ingested.inbound.ticket_number) == (IngestOutcome.RECORDED, name.number)
    # A message that is not automatic is no bounce, and its sender is not the contact.
    forged = replace(returned, external_id="<forged@example.org>", automatic=False)
    assert (await ingest(office, forged)).inbound.outcome is IngestOutcome.UNMATCHED


async def test_a_message_of_a_rejected_contact_is_unmatched(office: Office) -> None:
    name = await office.ticket()
    contact = await office.chat(name)
    recovery = RecoveryName(office.id, name.number, contact.recovery_id)
    await recoveries.reject_contact(office.store, office.reader, recovery, office.request())
    await tickets.close_ticket(office.store, name, office.request())
    answer = replace(office.inbound(), in_reply_to=(f"chat-{contact.id}@care.example",))
    assert (await ingest(office, answer)).inbound.outcome is IngestOutcome.UNMATCHED
    assert await office.ticket() == TicketName(office.id, 2)


async def test_an_email_of_an_unknown_sender_is_kept(office: Office) -> None:
    message = office.inbound(sender="sam@example.com")
    ingested = await ingest(office, message)
    assert (ingested.inbound.outcome, ingested.entry) == (IngestOutcome.UNMATCHED, None)
    assert [kept.external_id for kept in await office.reader.unmatched(office.id, None, 10)] == [message.external_id]


async def test_an_email_to_a_locked_chat_is_kept_and_admitted_when_it_opens(office: Office) -> None:
    name = await office.ticket()
    contact = NewContact(email="robin@example.com", phone="", display_name="", claim=None)
    added = fresh(await recoveries.add_contact(office.store, name, contact, office.request()))
    before = (await office.load(name)).ticket
    ingested = await ingest(office, office.inbound(), name)
    assert (ingested.inbound.outcome, ingested.inbound.ticket_number) == (IngestOutcome.CHAT_LOCKED, name.number)
    after = (await office.load(name)).ticket
    # No caller sees the new revision. Because of it, a concurrent commit that opens the chat loads the ticket again.
    assert (after.version, after.revision, after.timing) == (before.version, before.revision + 1, before.timing)
    recovery = added.recovery.recovery
    await office.unlock(RecoveryName(office.id, name.number, recovery.id))
    assert (await office.thread(name))[-1] == ("CUSTOMER_MESSAGE", "Hello?")


async def test_an_email_after_the_close_creates_a_follow_up(office: Office) -> None:
    name = await office.ticket()
    await office.chat(name)
    await tickets.close_ticket(office.store, name, office.request())
    ingested = await ingest(office, office.inbound())
    assert (ingested.inbound.outcome, ingested.inbound.ticket_number) == (IngestOutcome.FOLLOWED_UP, 2)
    assert (await office.load(TicketName(office.id, 2))).ticket.assignee == "alice"


async def test_an_automatic_email_after_the_close_takes_no_number(office: Office) -> None:
    name = await office.ticket()
    await office.chat(name)
    await tickets.close_ticket(office.store, name, office.request())
    ingested = await ingest(office, office.inbound(automatic=True))
    assert (ingested.inbound.outcome, ingested.inbound.ticket_number) == (IngestOutcome.CHAT_LOCKED, name.number)
    assert await office.ticket() == TicketName(office.id, 2)


async def test_a_message_that_is_ingested_again_has_the_same_outcome(office: Office) -> None:
    name = await office.ticket()
    await office.chat(name)
    message = office.inbound()
    first = await ingest(office, message)
    again = await ingest(office, message)
    assert again.inbound == first.inbound
    assert again.entry is not None
    assert first.entry is not None
    assert again.entry.message == first.entry.message
    assert (await office.log(name)).count("MESSAGE_RECEIVED") == 1


async def test_a_repeated_request_is_answered_from_the_store(office: Office) -> None:
    message = office.inbound(sender="sam@example.com")
    request: Request[IngestedMessage] = office.request(office.service, id=uuid4())
    first = await inbound.ingest_message(office.store, office.reader, message, None, request)
    again = await inbound.ingest_message(office.store, office.reader, message, None, request)
    assert isinstance(again, StoredResponse)
    assert again.body == encode(first)


async def test_a_message_to_an_unknown_ticket_or_another_organization_is_not_found(office: Office) -> None:
    message = office.inbound()
    ingested = inbound.ingest_message(
        office.store, office.reader, message, TicketName(office.id, 99), office.request(office.service)
    )
    await assert_refused(ingested, Reason.RESOURCE_NOT_FOUND)
    other = replace(office.service, organization="another")
    ingested = inbound.ingest_message(office.store, office.reader, message, None, office.request(other))
    await assert_refused(ingested, Reason.RESOURCE_NOT_FOUND)
    assert await office.reader.unmatched(office.id, None, 10) == []
