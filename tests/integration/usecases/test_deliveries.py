"""The steps of a delivery's workflow: the grants for sending, and what the reports write."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from care_rules import commands
from care_rules.delivery import DeliveryStep
from care_rules.entities.delivery import DeliveryFailure, DeliveryState
from care_rules.names import MessageName, TicketName
from care_rules.refusals import Reason
from care_service.usecases import conversation, deliveries
from care_service.usecases.deliveries import BegunDelivery
from care_service.usecases.links import Links
from tests.integration.usecases.office import WORKER, Office, assert_refused, fresh


async def send_message(office: Office) -> tuple[TicketName, MessageName]:
    name = await office.ticket()
    await office.chat(name)
    written = fresh(await conversation.send_message(office.store, name, "Sorry!", office.request()))
    return name, MessageName(office.id, name.number, written.message.message.id)


async def begin(office: Office, message: MessageName, step: DeliveryStep | None) -> BegunDelivery:
    return await deliveries.begin_delivery(office.store, office.links, message, step, WORKER, office.now)


async def test_the_grant_of_a_message_contains_everything_that_sending_needs(office: Office) -> None:
    name, message = await send_message(office)
    begun = await begin(office, message, DeliveryStep.SEND)
    assert begun.is_granted
    assert begun.snapshot.delivery.attempt == 1
    to_send = begun.to_send
    assert to_send is not None
    assert (to_send.address, to_send.text, to_send.business_name) == ("robin@example.com", "Sorry!", office.id)
    contact = (await office.load(name)).contact
    assert contact is not None
    assert office.links.read_chat_token(to_send.chat_link.rpartition("/")[2]) == (contact.id, "k1")
    assert (await office.log(name))[0] == "MESSAGE_SENT"


async def test_the_greeting_carries_its_link(office: Office) -> None:
    name = await office.ticket()
    await office.chat(name)
    greeting = (await office.reader.messages(name, None, 10))[-1].message
    begun = await begin(office, MessageName(office.id, name.number, greeting.id), DeliveryStep.SEND)
    assert begun.to_send is not None
    assert begun.to_send.text == greeting.text.replace("{chat_link}", begun.to_send.chat_link)


async def test_only_the_next_step_of_a_delivery_is_granted(office: Office) -> None:
    _, message = await send_message(office)
    begun = await begin(office, message, None)
    assert (begun.is_granted, begun.to_send, begun.snapshot.delivery.attempts) == (False, None, 0)
    begun = await begin(office, message, DeliveryStep.CHECK)
    assert (begun.is_granted, begun.snapshot.plan(office.now).step) == (False, DeliveryStep.SEND)


async def test_a_sent_message_is_checked_without_anything_of_the_customer(office: Office) -> None:
    name, message = await send_message(office)
    await begin(office, message, DeliveryStep.SEND)
    command = commands.RecordDelivered(1, DeliveryState.SENT, "p1", can_be_checked=True)
    snapshot = await deliveries.report_delivery(office.store, message, command, WORKER, office.now)
    assert (snapshot.plan(office.now).step, snapshot.plan(office.now).wait) == (DeliveryStep.WAIT, timedelta(minutes=1))
    assert (await office.log(name))[0] == "DELIVERY_SENT"
    begun = await begin(office, message, DeliveryStep.CHECK)
    assert (begun.is_granted, begun.to_send, begun.snapshot.delivery.provider_id) == (True, None, "p1")
    late = commands.RecordDelivered(1, DeliveryState.DELIVERED, "p1", can_be_checked=True)
    snapshot = await deliveries.report_delivery(office.store, message, late, WORKER, office.now)
    assert snapshot.delivery.state is DeliveryState.SENT


async def test_a_failed_delivery_restarts_the_inactivity(office: Office) -> None:
    name, message = await send_message(office)
    await begin(office, message, DeliveryStep.SEND)
    office.later(days=2)
    command = commands.RecordFailed(1, DeliveryFailure.ADDRESS_REFUSED, "No such mailbox")
    snapshot = await deliveries.report_delivery(office.store, message, command, WORKER, office.now)
    assert (snapshot.delivery.state, snapshot.plan(office.now).step) == (DeliveryState.FAILED, DeliveryStep.DONE)
    assert (await office.load(name)).ticket.timing.active_time == office.now


async def test_a_message_is_given_up_after_three_days(office: Office) -> None:
    name, message = await send_message(office)
    office.later(days=3)
    begun = await begin(office, message, DeliveryStep.SEND)
    assert (begun.is_granted, begun.snapshot.delivery.failure_reason) == (False, DeliveryFailure.TIMED_OUT)
    assert (await office.log(name))[0] == "DELIVERY_FAILED"


async def test_nothing_is_granted_without_the_key_of_the_link(office: Office) -> None:
    _, message = await send_message(office)
    without = Links({"k2": b"o" * 32}, "k2", office.links.base_url)
    begun = deliveries.begin_delivery(office.store, without, message, DeliveryStep.SEND, WORKER, office.now)
    await assert_refused(begun, Reason.LINK_UNKNOWN)
    assert (await begin(office, message, None)).snapshot.delivery.attempts == 0


async def test_an_unknown_message_and_another_organizations_are_not_found(office: Office) -> None:
    name, message = await send_message(office)
    unknown = MessageName(office.id, name.number, uuid4())
    await assert_refused(begin(office, unknown, None), Reason.RESOURCE_NOT_FOUND)
    other = replace(WORKER, organization="another")
    begun = deliveries.begin_delivery(office.store, office.links, message, None, other, office.now)
    await assert_refused(begun, Reason.RESOURCE_NOT_FOUND)
