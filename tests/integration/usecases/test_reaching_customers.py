"""How agents reach customers: recovery forms, contacts, messages and notes."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from care_rules.entities.delivery import DeliveryState
from care_rules.lifecycle import RecoveryState
from care_rules.names import RecoveryName
from care_rules.refusals import Reason
from care_rules.timing import DeadlineKind
from care_service.usecases import conversation, recoveries
from care_service.usecases.conversation import WrittenMessage
from care_service.usecases.ports.idempotency import StoredResponse
from care_service.usecases.recoveries import NewContact
from care_service.usecases.request import Request
from tests.integration.usecases.office import REPLY, Office, assert_refused, encode, fresh, recovery_name, refused

CONTACT = NewContact(email="robin@example.com", phone="", display_name="Robin", claim=None)


async def test_a_form_is_sent_with_a_link_of_the_current_key(office: Office) -> None:
    name = await office.ticket()
    changed = fresh(await recoveries.send_recovery_form(office.store, office.links, name, REPLY, office.request()))
    recovery = changed.recovery.recovery
    assert (recovery.state, recovery.key_id) == (RecoveryState.FORM_REQUESTED, "k1")
    assert office.links.read_form_token(office.token(recovery)) == (recovery.id, "k1")
    assert changed.ticket.ticket.recovery_id == recovery.id
    # While a form is live, the ticket has no deadline, so no automatic close ends the form.
    assert changed.ticket.ticket.timing.next_kind is None
    assert await office.wakes("ContactRecovery") == 1


async def test_a_second_form_is_refused(office: Office) -> None:
    name = await office.ticket()
    recovery = await office.form(name)
    again = recoveries.send_recovery_form(office.store, office.links, name, REPLY, office.request())
    refusal = await refused(again)
    assert (refusal.reason, refusal.metadata["recovery"]) == (Reason.FORM_LIVE, str(recovery_name(recovery)))


async def test_a_ticket_without_a_review_has_no_form(office: Office) -> None:
    name = await office.ticket(with_review=False)
    sent = recoveries.send_recovery_form(office.store, office.links, name, REPLY, office.request())
    await assert_refused(sent, Reason.NO_REVIEW)


async def test_the_link_counts_towards_the_limit_of_the_site(office: Office) -> None:
    name = await office.ticket()
    text = "x" * (4096 - len("{form_link}")) + "{form_link}"
    sent = recoveries.send_recovery_form(office.store, office.links, name, text, office.request())
    await assert_refused(sent, Reason.INVALID_FIELD)


async def test_a_withdrawn_form_restarts_the_inactivity(office: Office) -> None:
    name = await office.ticket()
    recovery = recovery_name(await office.form(name))
    office.later(days=40)
    changed = fresh(await recoveries.withdraw_recovery_form(office.store, office.reader, recovery, office.request()))
    assert changed.recovery.recovery.state is RecoveryState.WITHDRAWN
    timing = changed.ticket.ticket.timing
    assert (timing.next_kind, timing.next_time) == (DeadlineKind.INACTIVITY_WARNING, office.now + timedelta(days=27))
    again = recoveries.withdraw_recovery_form(office.store, office.reader, recovery, office.request())
    await assert_refused(again, Reason.ILLEGAL_TRANSITION)


async def test_an_unknown_recovery_is_not_ended(office: Office) -> None:
    name = await office.ticket()
    unknown = RecoveryName(office.id, name.number, uuid4())
    for command in (recoveries.withdraw_recovery_form, recoveries.reject_contact):
        refusal = await refused(command(office.store, office.reader, unknown, office.request()))
        assert refusal.metadata == {"resource": str(unknown)}


async def test_a_known_contact_replaces_a_form(office: Office) -> None:
    name = await office.ticket()
    form = recovery_name(await office.form(name))
    changed = fresh(await recoveries.add_contact(office.store, name, CONTACT, office.request()))
    assert changed.recovery.recovery.state is RecoveryState.CONTACT_RECEIVED
    assert [contact.email for contact in changed.recovery.contacts] == ["robin@example.com"]
    replaced = await office.reader.recovery(form)
    assert replaced is not None
    assert replaced.recovery.state is RecoveryState.REPLACED


async def test_a_claim_of_another_ticket_is_not_accepted(office: Office) -> None:
    name = await office.ticket()
    claim = NewContact(email="", phone="", display_name="", claim=uuid4())
    refusal = await refused(recoveries.add_contact(office.store, name, claim, office.request()))
    assert refusal.metadata == {"resource": f"{name}/contacts/{claim.claim}"}


async def test_a_rejected_contact_gets_no_further_message(office: Office) -> None:
    name = await office.ticket()
    contact = await office.chat(name)
    recovery = RecoveryName(office.id, name.number, contact.recovery_id)
    changed = fresh(await recoveries.reject_contact(office.store, office.reader, recovery, office.request()))
    assert changed.recovery.recovery.state is RecoveryState.REJECTED
    assert changed.recovery.contacts[0].id == contact.id
    greeting = (await office.reader.messages(name, None, 10))[-1]
    assert greeting.delivery is not None
    assert greeting.delivery.state is DeliveryState.FAILED


async def test_a_message_needs_an_open_chat_and_waits_for_the_customer(office: Office) -> None:
    name = await office.ticket()
    sending = conversation.send_message(office.store, name, "Sorry!", office.request())
    await assert_refused(sending, Reason.CHAT_LOCKED)
    await office.chat(name)
    written = fresh(await conversation.send_message(office.store, name, "Sorry!", office.request()))
    assert (written.message.message.text, written.message.message.kind) == ("Sorry!", "AGENT_MESSAGE")
    assert written.message.delivery is not None
    assert written.message.delivery.state is DeliveryState.QUEUED
    timing = written.ticket.ticket.timing
    assert (timing.first_response_time, timing.waits_since) == (office.now, office.now)
    # One for the greeting, one for the message.
    assert await office.wakes("MessageDelivery") == 2


async def test_a_note_is_written_once_for_a_repeated_request(office: Office) -> None:
    name = await office.ticket()
    request: Request[WrittenMessage] = office.request(id=uuid4())
    written = fresh(await conversation.add_note(office.store, name, "Called.", request))
    assert (written.message.message.text, written.message.delivery) == ("Called.", None)
    repeated = await conversation.add_note(office.store, name, "Called.", request)
    assert isinstance(repeated, StoredResponse)
    assert repeated.body == encode(written)
    assert await office.thread(name) == [("REVIEW", "Cold soup."), ("NOTE", "Called.")]
