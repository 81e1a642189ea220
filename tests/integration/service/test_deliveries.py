"""The delivery of a message to the customer: the grants for the worker, and the effects of its reports."""

from __future__ import annotations

from datetime import UTC, timedelta
from itertools import pairwise

import pytest

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import directory_service_pb2 as directory
from care.v1 import message_pb2
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.directory_pb2 import Location, Organization
from care.v1.message_pb2 import Channel, DeliveryFailure, DeliveryState, Message
from care.v1.recovery_pb2 import Recovery
from care.v1.ticket_pb2 import Ticket
from tests.integration.service.clocks import SettableClock
from tests.integration.service.commands import assert_refused
from tests.support.care import WEB_URL, refusal
from tests.support.tenant import Tenant

SEND, CHECK = workers.DELIVERY_STEP_SEND, workers.DELIVERY_STEP_CHECK
WAIT, DONE = workers.DELIVERY_STEP_WAIT, workers.DELIVERY_STEP_DONE
SENT, DELIVERED = message_pb2.DELIVERY_STATE_SENT, message_pb2.DELIVERY_STATE_DELIVERED
BOUNCED, REFUSED = message_pb2.DELIVERY_FAILURE_BOUNCED, message_pb2.DELIVERY_FAILURE_ADDRESS_REFUSED


async def ticket_with_chat(
    tenant: Tenant, address: str = "robin@example.com", phone: str = ""
) -> tuple[Ticket, Recovery]:
    ticket = await tenant.ticket()
    recovery = await tenant.form(ticket)
    await tenant.posted(recovery)
    await tenant.submit(recovery, email=address, phone=phone, display_name="Robin P.")
    await tenant.unlock(recovery)
    return ticket, recovery


async def send_message(tenant: Tenant, ticket: Ticket, text: str = "We looked into it.") -> Message:
    request = conversations.SendMessageRequest(parent=ticket.name, text=text)
    return (await tenant.agent("alice").conversations.SendMessage(request)).message


async def begin(
    tenant: Tenant, message: str, step: workers.DeliveryStep.ValueType = workers.DELIVERY_STEP_UNSPECIFIED
) -> workers.BeginDeliveryResponse:
    return await tenant.worker.workers.BeginDelivery(workers.BeginDeliveryRequest(name=message, step=step))


async def report_delivered(
    tenant: Tenant,
    message: str,
    attempt: int,
    state: DeliveryState.ValueType = SENT,
    provider_id: str = "",
    *,
    can_be_checked: bool = False,
) -> workers.DeliveryPlan:
    request = workers.RecordDeliveredRequest(
        name=message, attempt=attempt, state=state, provider_id=provider_id, can_be_checked=can_be_checked
    )
    return (await tenant.worker.workers.RecordDelivered(request)).plan


async def report_failed(
    tenant: Tenant, message: str, attempt: int, reason: DeliveryFailure.ValueType = REFUSED, provider_message: str = ""
) -> workers.DeliveryPlan:
    request = workers.RecordFailedRequest(
        name=message, attempt=attempt, reason=reason, provider_message=provider_message
    )
    return (await tenant.worker.workers.RecordFailed(request)).plan


async def entry(tenant: Tenant, ticket: Ticket, message: str) -> Message:
    return next(each for each in await tenant.thread(ticket) if each.name == message)


# --- grants -----------------------------------------------------------------------------------------------------------


async def test_the_grant_of_a_greeting_contains_the_private_link_in_its_place(tenant: Tenant) -> None:
    await tenant.settings(Organization(display_name="Acme", chat_greeting="Hello, write to us: {chat_link}. Bye"))
    ticket, _ = await ticket_with_chat(tenant)
    [greeting] = await tenant.thread(ticket, "AGENT_MESSAGE")
    answer = await begin(tenant, greeting.name, SEND)
    grant = answer.grant
    contact = (
        (await tenant.service.conversations.ListContacts(conversations.ListContactsRequest(parent=ticket.name)))
        .contacts[0]
        .id
    )
    link = f"{WEB_URL}/c/{tenant.chat_token(contact)}"
    assert grant.text == f"Hello, write to us: {link}. Bye"
    assert (grant.chat_link, grant.address, grant.display_name) == (link, "robin@example.com", "Robin P.")
    assert (grant.channel, grant.business_name) == (message_pb2.CHANNEL_EMAIL, "Acme")
    assert grant.idempotency_key == greeting.name.rpartition("/")[2]
    assert (grant.thread_key, grant.location) == (contact, f"{tenant.name}/locations/soho")
    assert "{chat_link}" in (await entry(tenant, ticket, greeting.name)).text


async def test_only_a_greeting_replaces_the_placeholder_of_the_link(tenant: Tenant) -> None:
    ticket, _ = await ticket_with_chat(tenant)
    message = await send_message(tenant, ticket, "What {chat_link} means")
    assert (await begin(tenant, message.name, SEND)).grant.text == "What {chat_link} means"


async def test_a_delivery_plan_contains_nothing_of_the_customer(tenant: Tenant) -> None:
    ticket, _ = await ticket_with_chat(tenant)
    message = await send_message(tenant, ticket, "Very private")
    plan = (await begin(tenant, message.name)).plan
    shown = str(plan)
    for private in ("Very private", "robin", "Robin", WEB_URL):
        assert private not in shown
    assert (plan.step, plan.ticket, plan.attempts) == (SEND, ticket.name, 0)


@pytest.mark.parametrize(
    ("email", "phone", "preferred", "channel"),
    [
        ("robin@example.com", "", "SMS", "EMAIL"),
        ("", "+14155552671", "EMAIL", "SMS"),
        ("robin@example.com", "+14155552671", "UNSPECIFIED", "EMAIL"),
        ("robin@example.com", "+14155552671", "EMAIL", "EMAIL"),
        ("robin@example.com", "+14155552671", "SMS", "SMS"),
    ],
)
async def test_a_message_is_sent_by_email_unless_the_location_prefers_another_channel(
    tenant: Tenant, email: str, phone: str, preferred: str, channel: str
) -> None:
    location = Location(name=f"{tenant.name}/locations/soho", preferred_channel=Channel.Value(f"CHANNEL_{preferred}"))
    await tenant.service.directory.UpdateLocation(
        directory.UpdateLocationRequest(location=location, allow_missing=True)
    )
    ticket, _ = await ticket_with_chat(tenant, email, phone)
    message = await send_message(tenant, ticket)
    grant = (await begin(tenant, message.name, SEND)).grant
    assert Channel.Name(grant.channel) == f"CHANNEL_{channel}"
    assert grant.address == (email if channel == "EMAIL" else phone)


async def test_a_note_has_no_delivery(tenant: Tenant) -> None:
    ticket, _ = await ticket_with_chat(tenant)
    await tenant.agent("alice").conversations.AddNote(conversations.AddNoteRequest(parent=ticket.name, text="Internal"))
    [note] = await tenant.thread(ticket, "NOTE")
    assert_refused(await refusal(begin(tenant, note.name, SEND)), "RESOURCE_NOT_FOUND", {"resource": note.name})


# --- reports ----------------------------------------------------------------------------------------------------------


async def test_a_message_that_the_provider_accepted_is_logged_as_sent_once(tenant: Tenant) -> None:
    ticket, _ = await ticket_with_chat(tenant)
    message = await send_message(tenant, ticket)
    attempt = (await begin(tenant, message.name, SEND)).grant.attempt
    for _ in range(3):
        assert (await report_delivered(tenant, message.name, attempt)).step == DONE
    found = (await entry(tenant, ticket, message.name)).delivery
    assert (found.state, found.HasField("send_time"), found.HasField("end_time")) == (SENT, True, False)
    assert (await tenant.log_types(ticket)).count("DELIVERY_SENT") == 1
    assert (await begin(tenant, message.name, SEND)).HasField("grant") is False


async def test_a_message_that_the_provider_refused_has_failed_with_its_reason_in_thread_and_log(tenant: Tenant) -> None:
    ticket, _ = await ticket_with_chat(tenant)
    message = await send_message(tenant, ticket)
    attempt = (await begin(tenant, message.name, SEND)).grant.attempt
    plan = await report_failed(tenant, message.name, attempt, REFUSED, "550 5.1.1 No such user")
    assert (plan.step, plan.state, plan.failure_reason) == (DONE, message_pb2.DELIVERY_STATE_FAILED, REFUSED)
    found = (await entry(tenant, ticket, message.name)).delivery
    assert (found.failure_reason, found.failure_message) == (REFUSED, "550 5.1.1 No such user")
    [logged, *_] = await tenant.log(ticket)
    assert (logged.message, (await tenant.log_types(ticket))[0]) == (message.name, "DELIVERY_FAILED")
    # The log contains the reason, but not the provider's message, which may contain the address.
    assert [(change.field, change.before, change.after) for change in logged.changes] == [
        ("delivery.failure_reason", "", "ADDRESS_REFUSED"),
        ("delivery.state", "QUEUED", "FAILED"),
    ]


async def test_the_report_of_an_earlier_attempt_changes_nothing(tenant: Tenant) -> None:
    ticket, _ = await ticket_with_chat(tenant)
    message = await send_message(tenant, ticket)
    first = (await begin(tenant, message.name, SEND)).grant.attempt
    second = (await begin(tenant, message.name, SEND)).grant.attempt
    assert first != second
    assert (await report_failed(tenant, message.name, first)).step == SEND
    assert (await report_delivered(tenant, message.name, second)).state == SENT


async def test_a_message_is_given_up_after_three_days(timed: Tenant, clock: SettableClock) -> None:
    ticket, _ = await ticket_with_chat(timed)
    message = await send_message(timed, ticket)
    plan = (await begin(timed, message.name)).plan
    assert plan.give_up_time.ToDatetime(UTC) == clock.now() + timedelta(days=3)
    clock.advance(days=2, hours=23)
    assert (await begin(timed, message.name, SEND)).HasField("grant")
    clock.advance(hours=1)
    answer = await begin(timed, message.name, SEND)
    assert not answer.HasField("grant")
    assert answer.plan.failure_reason == message_pb2.DELIVERY_FAILURE_TIMED_OUT
    assert (await timed.log_types(ticket))[0] == "DELIVERY_FAILED"


async def test_a_provider_with_delivery_states_is_asked_at_growing_intervals(
    timed: Tenant, clock: SettableClock
) -> None:
    ticket, _ = await ticket_with_chat(timed)
    message = await send_message(timed, ticket)
    attempt = (await begin(timed, message.name, SEND)).grant.attempt
    plan = await report_delivered(timed, message.name, attempt, SENT, "SM17", can_be_checked=True)
    waits = []
    while plan.step == WAIT:
        waits.append(plan.wait.ToTimedelta())
        clock.advance(seconds=waits[-1].total_seconds())
        begun = await begin(timed, message.name, CHECK)
        assert begun.grant.provider_id == "SM17"
        plan = await report_delivered(timed, message.name, begun.grant.attempt, SENT, can_be_checked=True)
    assert plan.step == DONE
    assert waits[0] == timedelta(minutes=1)
    assert all(later == 2 * earlier for earlier, later in pairwise(waits))
    assert timedelta(days=1) < sum(waits, timedelta()) < timedelta(days=3)
    assert (await timed.log_types(ticket)).count("DELIVERY_SENT") == 1


async def test_a_provider_can_be_checked_before_the_planned_time(timed: Tenant) -> None:
    ticket, _ = await ticket_with_chat(timed)
    message = await send_message(timed, ticket)
    attempt = (await begin(timed, message.name, SEND)).grant.attempt
    plan = await report_delivered(timed, message.name, attempt, SENT, "SM17", can_be_checked=True)
    for _ in range(20):
        begun = await begin(timed, message.name, CHECK)
        assert begun.grant.provider_id == "SM17"
        after = await report_delivered(timed, message.name, begun.grant.attempt, SENT, can_be_checked=True)
        assert (after.step, after.wait) == (WAIT, plan.wait)
    attempt = (await begin(timed, message.name, CHECK)).grant.attempt
    assert (await report_delivered(timed, message.name, attempt, DELIVERED)).step == DONE
    assert not (await begin(timed, message.name, CHECK)).HasField("grant")


@pytest.mark.parametrize("arrives", [True, False])
async def test_a_later_state_from_the_provider_is_recorded(
    timed: Tenant, clock: SettableClock, *, arrives: bool
) -> None:
    ticket, _ = await ticket_with_chat(timed)
    message = await send_message(timed, ticket)
    attempt = (await begin(timed, message.name, SEND)).grant.attempt
    await report_delivered(timed, message.name, attempt, SENT, "SM17", can_be_checked=True)
    clock.advance(minutes=1)
    attempt = (await begin(timed, message.name, CHECK)).grant.attempt
    if arrives:
        plan = await report_delivered(timed, message.name, attempt, DELIVERED)
    else:
        plan = await report_failed(timed, message.name, attempt, BOUNCED)
    assert plan.step == DONE
    assert (await timed.log_types(ticket))[0] == ("DELIVERY_CONFIRMED" if arrives else "DELIVERY_FAILED")
    found = (await entry(timed, ticket, message.name)).delivery
    assert found.HasField("send_time")
    assert found.HasField("end_time")


# --- rejected contacts, closed tickets and invalid reports ------------------------------------------------------------


async def test_queued_messages_to_a_rejected_contact_are_not_sent(tenant: Tenant) -> None:
    ticket, recovery = await ticket_with_chat(tenant, "wrong@example.com")
    messages = [(await send_message(tenant, ticket, f"Secret {number}")).name for number in range(3)]
    begun, failed = [(await begin(tenant, name, SEND)).grant.attempt for name in messages[:2]]
    alice = tenant.agent("alice").conversations
    await alice.RejectContact(conversations.RejectContactRequest(name=recovery.name))
    rejected = message_pb2.DELIVERY_FAILURE_CONTACT_REJECTED
    for name in messages:
        assert (await entry(tenant, ticket, name)).delivery.failure_reason == rejected
        answer = await begin(tenant, name, SEND)
        assert (answer.HasField("grant"), answer.plan.step) == (False, DONE)
    assert (await tenant.log_types(ticket)).count("CONTACT_REJECTED") == 1
    # The outcome of an attempt that had begun is still recorded in the thread.
    report = workers.RecordFailedRequest(
        name=messages[1], attempt=failed, reason=message_pb2.DELIVERY_FAILURE_ADDRESS_REFUSED
    )
    await tenant.worker.workers.RecordFailed(report)
    assert (await entry(tenant, ticket, messages[1])).delivery.failure_reason == rejected
    assert (await report_delivered(tenant, messages[0], begun)).state == SENT
    [entry_, *_] = await tenant.log(ticket)
    assert [(change.field, change.before, change.after) for change in entry_.changes] == [
        ("delivery.state", "FAILED", "SENT")
    ]
    assert (await report_delivered(tenant, messages[1], failed)).failure_reason == rejected
    added = await alice.AddContact(conversations.AddContactRequest(parent=ticket.name, email="right@example.com"))
    await tenant.unlock(added.recovery)
    for name in messages:
        assert not (await begin(tenant, name, SEND)).HasField("grant")
    new = await send_message(tenant, ticket, "Hello")
    assert (await begin(tenant, new.name, SEND)).grant.address == "right@example.com"


async def test_messages_that_are_queued_at_the_close_are_still_sent(tenant: Tenant) -> None:
    ticket, _ = await ticket_with_chat(tenant)
    message = await send_message(tenant, ticket, "Good bye")
    await tenant.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
    attempt = (await begin(tenant, message.name, SEND)).grant.attempt
    assert (await report_delivered(tenant, message.name, attempt)).state == SENT
    assert (await entry(tenant, ticket, message.name)).delivery.state == SENT


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (workers.BeginDeliveryRequest(step=WAIT), "step"),
        (workers.RecordDeliveredRequest(attempt=0, state=SENT), "attempt"),
        (workers.RecordDeliveredRequest(attempt=1), "state"),
        (workers.RecordDeliveredRequest(attempt=1, state=SENT, provider_id="x" * 999), "provider_id"),
        (workers.RecordFailedRequest(attempt=1), "reason"),
    ],
)
async def test_the_refusal_of_an_incomplete_report_names_its_field(
    tenant: Tenant,
    request_: workers.BeginDeliveryRequest | workers.RecordDeliveredRequest | workers.RecordFailedRequest,
    field: str,
) -> None:
    ticket, _ = await ticket_with_chat(tenant)
    request_.name = (await tenant.thread(ticket, "AGENT_MESSAGE"))[0].name
    call = getattr(tenant.worker.workers, request_.DESCRIPTOR.name.removesuffix("Request"))
    error = await refusal(call(request_))
    assert_refused(error, "INVALID_FIELD")
    assert [each.field for each in error.field_violations] == [field]
