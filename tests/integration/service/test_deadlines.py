"""The deadlines of a ticket: when they fire, what they write, and what changes them. Only the test sets the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import settings_service_pb2, ticket_pb2
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.message_pb2 import CHANNEL_EMAIL, DELIVERY_FAILURE_BOUNCED
from care.v1.recovery_pb2 import Recovery
from care.v1.settings_pb2 import Deadlines, FormReminders, PriorityDeadlines, Settings
from care.v1.ticket_pb2 import Ticket
from care.v1.worker_service_pb2 import DeadlineKind, DeadlinePlan
from tests.integration.service.clocks import SettableClock
from tests.support.tenant import Tenant

DAY = timedelta(days=1)


def duration(value: timedelta) -> Duration:
    made = Duration()
    made.FromTimedelta(value)
    return made


async def settings(tenant: Tenant, given: Settings) -> None:
    given.name = f"{tenant.name}/settings"
    await tenant.meet("alice")
    await tenant.supervisor.settings.UpdateSettings(settings_service_pb2.UpdateSettingsRequest(settings=given))


async def plan(tenant: Tenant, ticket: Ticket) -> DeadlinePlan:
    request = workers.GetNextDeadlineRequest(name=ticket.name)
    return (await tenant.worker.workers.GetNextDeadline(request)).plan


async def fire(tenant: Tenant, ticket: Ticket) -> DeadlinePlan:
    return (await tenant.worker.workers.FireDeadline(workers.FireDeadlineRequest(name=ticket.name))).plan


def kind(found: DeadlinePlan) -> str:
    return DeadlineKind.Name(found.kind).removeprefix("DEADLINE_KIND_")


def at(found: DeadlinePlan) -> datetime:
    return found.deadline_time.ToDatetime(UTC)


async def pass_deadlines(
    tenant: Tenant, ticket: Ticket, clock: SettableClock, *expected: tuple[str, timedelta]
) -> None:
    """Advances the clock from deadline to deadline as the workflow does. Each must fire exactly at its instant."""
    begin = clock.now()
    for what, after in expected:
        found = await plan(tenant, ticket)
        assert (kind(found), at(found) - begin) == (what, after)
        # A microsecond before the deadline nothing happens.
        clock.set(at(found) - timedelta(microseconds=1))
        early = await fire(tenant, ticket)
        assert (early.step, kind(early)) == (workers.DEADLINE_STEP_WAIT, what)
        clock.set(at(found))
        assert (await plan(tenant, ticket)).step == workers.DEADLINE_STEP_FIRE
        await fire(tenant, ticket)


# --- inactivity -------------------------------------------------------------------------------------------------------


async def test_an_inactive_ticket_gets_a_warning_and_is_closed(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    await pass_deadlines(timed, ticket, clock, ("INACTIVITY_WARNING", 27 * DAY), ("INACTIVITY_CLOSE", 30 * DAY))
    closed = await timed.get(ticket)
    assert closed.status == ticket_pb2.TICKET_STATUS_CLOSED
    assert closed.close_reason == ticket_pb2.CLOSE_REASON_INACTIVITY
    assert (await timed.log_types(ticket))[:2] == ["AUTO_CLOSED", "INACTIVITY_WARNED"]
    last = await fire(timed, ticket)
    assert (last.step, last.HasField("deadline_time")) == (workers.DEADLINE_STEP_DONE, False)
    assert (await timed.log_types(ticket)).count("AUTO_CLOSED") == 1


async def test_an_activity_restarts_the_inactivity(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    clock.advance(days=28)
    await fire(timed, ticket)
    await timed.agent("alice").conversations.AddNote(conversations.AddNoteRequest(parent=ticket.name, text="Called"))
    await pass_deadlines(timed, ticket, clock, ("INACTIVITY_WARNING", 27 * DAY), ("INACTIVITY_CLOSE", 30 * DAY))


async def test_the_close_comes_a_full_warning_period_after_a_late_warning(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    clock.advance(days=90)
    await fire(timed, ticket)
    await pass_deadlines(timed, ticket, clock, ("INACTIVITY_CLOSE", 3 * DAY))


async def test_a_raised_setting_causes_another_warning(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    clock.advance(days=27)
    await fire(timed, ticket)
    await settings(timed, Settings(inactivity_days=90))
    begin = (await timed.get(ticket)).create_time.ToDatetime(UTC)
    found = await plan(timed, ticket)
    assert (kind(found), at(found) - begin) == ("INACTIVITY_WARNING", 87 * DAY)


async def test_a_failed_warning_does_not_postpone_the_close(timed: Tenant, clock: SettableClock) -> None:
    await settings(timed, Settings(warn_customer=True))
    ticket = await timed.ticket()
    await timed.in_recovery_state(ticket, "CHAT_UNLOCKED")
    clock.advance(days=27)
    await fire(timed, ticket)
    [*_, notice] = await timed.thread(ticket, "AGENT_MESSAGE")
    begin = workers.BeginDeliveryRequest(name=notice.name, step=workers.DELIVERY_STEP_SEND)
    grant = (await timed.worker.workers.BeginDelivery(begin)).grant
    failed = workers.RecordFailedRequest(name=notice.name, attempt=grant.attempt, reason=DELIVERY_FAILURE_BOUNCED)
    await timed.worker.workers.RecordFailed(failed)
    assert (await timed.log_types(ticket))[0] == "DELIVERY_FAILED"
    assert kind(await plan(timed, ticket)) == "INACTIVITY_CLOSE"


async def test_an_automatic_reply_does_not_postpone_the_close(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    await timed.in_recovery_state(ticket, "CHAT_UNLOCKED")
    clock.advance(days=27)
    await fire(timed, ticket)
    inbound = conversations.InboundMessage(
        channel=CHANNEL_EMAIL, external_id="away-1", sender="robin@example.com", text="I am away.", automatic=True
    )
    request = conversations.IngestMessageRequest(parent=timed.name, message=inbound)
    await timed.service.conversations.IngestMessage(request)
    assert (await timed.log_types(ticket))[0] == "MESSAGE_RECEIVED"
    assert kind(await plan(timed, ticket)) == "INACTIVITY_CLOSE"


async def test_a_message_at_the_instant_of_the_close_wins(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    await timed.in_recovery_state(ticket, "CHAT_UNLOCKED")
    token = await timed.open_chat(ticket)
    clock.advance(days=27)
    await fire(timed, ticket)
    clock.advance(days=3)
    assert (await plan(timed, ticket)).step == workers.DEADLINE_STEP_FIRE
    await timed.customer.customers.PostMessage(customers.PostMessageRequest(token=token, text="Wait!"))
    after = await fire(timed, ticket)
    assert (after.step, kind(after)) == (workers.DEADLINE_STEP_WAIT, "INACTIVITY_WARNING")
    assert (await timed.get(ticket)).status == ticket_pb2.TICKET_STATUS_OPEN


async def test_a_live_form_keeps_the_ticket_open_and_its_end_restarts_the_inactivity(
    timed: Tenant, clock: SettableClock
) -> None:
    await settings(timed, Settings(inactivity_days=5, inactivity_warning_days=0, form_reminders=FormReminders()))
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    await timed.posted(recovery)
    assert kind(await plan(timed, ticket)) == "UNSPECIFIED"
    clock.advance(days=30)
    await timed.worker.workers.ExpireForm(workers.ExpireFormRequest(name=recovery.name))
    await pass_deadlines(timed, ticket, clock, ("INACTIVITY_CLOSE", 5 * DAY))


@pytest.mark.parametrize("warn", [True, False])
async def test_the_customer_is_warned_if_the_settings_say_so(timed: Tenant, clock: SettableClock, warn: bool) -> None:
    await settings(timed, Settings(warn_customer=warn, closing_notice="We will close this."))
    ticket = await timed.ticket()
    await timed.in_recovery_state(ticket, "CHAT_UNLOCKED")
    clock.advance(days=27)
    await fire(timed, ticket)
    said = [entry.text for entry in await timed.thread(ticket, "AGENT_MESSAGE")][1:]
    assert said == (["We will close this."] if warn else [])
    [logged, *_] = await timed.log(ticket)
    assert bool(logged.message) is warn
    await pass_deadlines(timed, ticket, clock, ("INACTIVITY_CLOSE", 3 * DAY))


# --- resolved ---------------------------------------------------------------------------------------------------------


async def test_a_resolved_ticket_is_closed_after_the_grace_period(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    await timed.in_recovery_state(ticket, "CHAT_UNLOCKED")
    await timed.agent("alice").tickets.ResolveTicket(tickets.ResolveTicketRequest(name=ticket.name))
    await pass_deadlines(timed, ticket, clock, ("GRACE_CLOSE", 7 * DAY))
    closed = await timed.get(ticket)
    assert (closed.status, closed.contact_state) == (
        ticket_pb2.TICKET_STATUS_CLOSED,
        ticket_pb2.CONTACT_STATE_NO_CONTACT,
    )


async def test_a_message_of_the_customer_ends_the_grace_period(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    await timed.in_recovery_state(ticket, "CHAT_UNLOCKED")
    token = await timed.open_chat(ticket)
    await timed.agent("alice").tickets.ResolveTicket(tickets.ResolveTicketRequest(name=ticket.name))
    clock.advance(days=6)
    await timed.customer.customers.PostMessage(customers.PostMessageRequest(token=token, text="Not yet"))
    assert kind(await plan(timed, ticket)) == "INACTIVITY_WARNING"


@pytest.mark.parametrize("given", [Settings(grace_days=0, inactivity_days=0), Settings(grace_days=0)])
async def test_zero_days_disable_a_deadline(timed: Tenant, clock: SettableClock, given: Settings) -> None:
    await settings(timed, given)
    ticket = await timed.ticket()
    await timed.agent("alice").tickets.ResolveTicket(tickets.ResolveTicketRequest(name=ticket.name))
    found = await plan(timed, ticket)
    assert (found.step, found.HasField("wait"), kind(found)) == (workers.DEADLINE_STEP_WAIT, False, "UNSPECIFIED")


# --- forms ------------------------------------------------------------------------------------------------------------


async def test_the_assignee_is_reminded_of_a_form_without_an_answer(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    await timed.posted(recovery)
    for after in (3 * DAY, 7 * DAY):
        next_one = (await timed.check(recovery)).remind_time.ToDatetime(UTC)
        assert next_one - (await timed.check(recovery)).post_time.ToDatetime(UTC) == after
        clock.set(next_one - timedelta(microseconds=1))
        before = await timed.log_types(ticket)
        await fire(timed, ticket)
        assert await timed.log_types(ticket) == before
        clock.set(next_one)
        await fire(timed, ticket)
        assert await timed.log_types(ticket) == ["FORM_REMINDED", *before]
    assert not (await timed.check(recovery)).HasField("remind_time")
    # The reminder is not a deadline of the ticket's workflow.
    assert kind(await plan(timed, ticket)) == "UNSPECIFIED"
    reminders = [entry for entry in await timed.log(ticket) if entry.recovery and entry.actor_kind == 3]
    assert (await timed.log_types(ticket)).count("FORM_REMINDED") == 2
    assert {entry.recovery for entry in reminders} == {recovery.name}
    # Another form has its own reminders.
    withdraw = conversations.WithdrawRecoveryFormRequest(name=recovery.name)
    await timed.agent("alice").conversations.WithdrawRecoveryForm(withdraw)
    second = await timed.form(ticket)
    await timed.posted(second)
    assert (await timed.check(second)).HasField("remind_time")


async def test_reminders_that_are_due_together_fire_once(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    await timed.posted(await timed.form(ticket))
    clock.advance(days=8)
    await fire(timed, ticket)
    assert (await timed.log_types(ticket)).count("FORM_REMINDED") == 1
    assert (await plan(timed, ticket)).step == workers.DEADLINE_STEP_WAIT


async def test_a_changed_setting_moves_reminders_and_wakes_the_form(timed: Tenant, clock: SettableClock) -> None:
    recovery = await timed.form(await timed.ticket())
    await timed.posted(recovery)
    before = await timed.wakes(recovery.name)
    await settings(timed, Settings(form_reminders=FormReminders(after=[Duration(seconds=86_400)])))
    assert await timed.wakes(recovery.name) == before + 1
    found = await timed.check(recovery)
    assert found.remind_time.ToDatetime(UTC) - found.post_time.ToDatetime(UTC) == DAY


async def test_a_late_first_response_is_logged_as_missed(timed: Tenant, clock: SettableClock) -> None:
    normal = PriorityDeadlines(priority=ticket_pb2.TICKET_PRIORITY_NORMAL, first_response=duration(DAY))
    await settings(timed, Settings(deadlines=Deadlines(priorities=[normal])))
    ticket = await timed.ticket()
    clock.advance(days=2)
    await timed.posted(await timed.form(ticket))
    assert (kind(await plan(timed, ticket)), (await plan(timed, ticket)).step) == (
        "FIRST_RESPONSE",
        workers.DEADLINE_STEP_FIRE,
    )
    await fire(timed, ticket)
    assert (await timed.log_types(ticket))[0] == "FIRST_RESPONSE_MISSED"


# --- first response and resolution ------------------------------------------------------------------------------------

NORMAL = PriorityDeadlines(
    priority=ticket_pb2.TICKET_PRIORITY_NORMAL,
    first_response=duration(timedelta(hours=4)),
    resolution=duration(2 * DAY),
)
HIGH = PriorityDeadlines(priority=ticket_pb2.TICKET_PRIORITY_HIGH, resolution=duration(timedelta(hours=8)))


async def test_a_missed_target_is_logged_once(timed: Tenant, clock: SettableClock) -> None:
    await settings(timed, Settings(deadlines=Deadlines(priorities=[NORMAL])))
    ticket = await timed.ticket()
    assert ticket.first_response_due_time.ToDatetime(UTC) == clock.now() + timedelta(hours=4)
    assert ticket.resolution_due_time.ToDatetime(UTC) == clock.now() + 2 * DAY
    await timed.agent("alice").conversations.AddNote(conversations.AddNoteRequest(parent=ticket.name, text="Hm"))
    await pass_deadlines(
        timed,
        ticket,
        clock,
        ("FIRST_RESPONSE", timedelta(hours=4)),
        ("RESOLUTION", 2 * DAY),
        ("INACTIVITY_WARNING", 27 * DAY),
    )
    types = await timed.log_types(ticket)
    assert (types.count("FIRST_RESPONSE_MISSED"), types.count("RESOLUTION_MISSED")) == (1, 1)


@pytest.mark.parametrize("answer", ["reply", "message"])
async def test_the_first_response_is_the_public_reply_or_a_message_of_an_agent(
    timed: Tenant, clock: SettableClock, answer: str
) -> None:
    await settings(timed, Settings(deadlines=Deadlines(priorities=[NORMAL])))
    ticket = await timed.ticket()
    if answer == "reply":
        recovery = await timed.form(ticket)
        assert kind(await plan(timed, ticket)) == "FIRST_RESPONSE", "the reply is not public yet"
        await timed.posted(recovery)
    else:
        add = conversations.AddContactRequest(parent=ticket.name, email="kim@example.com")
        await timed.unlock((await timed.agent("alice").conversations.AddContact(add)).recovery)
        assert kind(await plan(timed, ticket)) == "FIRST_RESPONSE", "the greeting is automatic"
        send = conversations.SendMessageRequest(parent=ticket.name, text="We looked into it")
        await timed.agent("alice").conversations.SendMessage(send)
    assert kind(await plan(timed, ticket)) == "RESOLUTION"


async def test_a_changed_priority_moves_the_due_times_at_once(timed: Tenant, clock: SettableClock) -> None:
    await settings(timed, Settings(deadlines=Deadlines(priorities=[NORMAL, HIGH])))
    ticket = await timed.ticket()
    created = clock.now()
    clock.advance(hours=1)
    given = Ticket(name=ticket.name, priority=ticket_pb2.TICKET_PRIORITY_HIGH)
    request = tickets.UpdateTicketRequest(ticket=given, update_mask=FieldMask(paths=["priority"]))
    updated = (await timed.agent("alice").tickets.UpdateTicket(request)).ticket
    assert updated.resolution_due_time.ToDatetime(UTC) == created + timedelta(hours=8)
    assert not updated.HasField("first_response_due_time")
    found = await plan(timed, ticket)
    assert (kind(found), at(found)) == ("RESOLUTION", created + timedelta(hours=8))


async def test_a_changed_setting_moves_the_due_times(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    created = clock.now()
    await settings(timed, Settings(inactivity_days=10, deadlines=Deadlines(priorities=[NORMAL])))
    found = await plan(timed, ticket)
    assert (kind(found), at(found)) == ("FIRST_RESPONSE", created + timedelta(hours=4))
    assert (await timed.get(ticket)).resolution_due_time.ToDatetime(UTC) == created + 2 * DAY
    etag = (await timed.get(ticket)).etag
    assert (await plan(timed, ticket), (await timed.get(ticket)).etag) == (found, etag)


@pytest.mark.parametrize("paused", [True, False])
async def test_the_due_times_pause_while_the_ticket_waits_for_the_customer(
    timed: Tenant, clock: SettableClock, paused: bool
) -> None:
    await settings(timed, Settings(deadlines=Deadlines(priorities=[HIGH, NORMAL], paused_while_waiting=paused)))
    ticket = await timed.ticket()
    created = clock.now()
    clock.advance(hours=2)
    await timed.posted(recovery := await timed.form(ticket))
    waiting = await timed.get(ticket)
    assert waiting.HasField("resolution_due_time") is not paused
    clock.advance(hours=10)
    await timed.submit(recovery)
    token = await _opened(timed, ticket, recovery)
    shown = (await timed.get(ticket)).resolution_due_time.ToDatetime(UTC)
    assert shown - created == 2 * DAY + (timedelta(hours=10) if paused else timedelta())
    # While the last message is one of the agent, the ticket waits for the customer.
    send = conversations.SendMessageRequest(parent=ticket.name, text="Which day was it?")
    await timed.agent("alice").conversations.SendMessage(send)
    clock.advance(hours=5)
    await timed.customer.customers.PostMessage(customers.PostMessageRequest(token=token, text="Monday"))
    shown = (await timed.get(ticket)).resolution_due_time.ToDatetime(UTC)
    assert shown - created == 2 * DAY + (timedelta(hours=15) if paused else timedelta())


async def _opened(tenant: Tenant, ticket: Ticket, recovery: Recovery) -> str:
    await tenant.unlock(recovery)
    return await tenant.open_chat(ticket)
