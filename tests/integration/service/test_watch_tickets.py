"""WatchTickets: where a stream starts and resumes, and what each change contains."""

from __future__ import annotations

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import message_pb2, ticket_pb2
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from tests.integration.service.commands import assert_refused
from tests.integration.service.watch_streams import add_note, end_error, next_changes
from tests.support.tenant import Tenant
from tests.support.watching import current_resume_token, watching


async def test_a_stream_starts_now_with_a_resume_token(tenant: Tenant) -> None:
    before = await tenant.ticket()
    async with watching(tenant.agent("alice"), tenant.name) as opened:
        first = await opened.next()
        assert not first.HasField("activity")
        assert not first.HasField("ticket")
        assert first.resume_token
        await add_note(tenant, before)
        after = await tenant.ticket(None)
        assert await next_changes(opened, 2) == [(before.number, "NOTE_ADDED"), (after.number, "CREATED")]


async def test_a_stream_resumes_after_any_of_its_responses(tenant: Tenant) -> None:
    alice = tenant.agent("alice")
    await tenant.meet("alice")
    begin = await current_resume_token(alice, tenant.name)
    ticket = await tenant.in_status("RESOLVED")
    expected = [(ticket.number, done) for done in ("CREATED", "TAKEN", "RESOLVED")]
    tokens = [begin]
    async with watching(alice, tenant.name, resume_token=begin) as opened:
        tokens += [(await opened.next()).resume_token for _ in expected]
    await add_note(tenant, ticket)
    expected.append((ticket.number, "NOTE_ADDED"))
    for seen, token in enumerate(tokens):
        async with watching(alice, tenant.name, resume_token=token) as opened:
            assert await next_changes(opened, len(expected) - seen) == expected[seen:]


async def test_a_change_carries_its_activity_its_message_and_the_ticket_as_the_caller_sees_it(tenant: Tenant) -> None:
    alice = tenant.agent("alice")
    ticket = await tenant.ticket()
    full = ticket_pb2.TICKET_VIEW_FULL
    async with watching(alice, tenant.name, view=full) as opened:
        await opened.next()
        await add_note(tenant, ticket, "The cook is new.")
        change = await opened.next()
    assert change.activity == (await tenant.log(ticket))[0]
    assert change.ticket == await tenant.get(ticket)
    [note] = await tenant.thread(ticket, "NOTE")
    assert change.message == note
    assert note.text == "The cook is new."
    # The actions are those of the caller: a service has fewer.
    async with watching(tenant.service, ticket.name, view=full) as opened:
        await opened.next()
        await add_note(tenant, ticket)
        change = await opened.next()
    request = tickets.GetTicketRequest(name=ticket.name)
    assert change.ticket == (await tenant.service.tickets.GetTicket(request)).ticket
    assert change.ticket.actions != (await tenant.get(ticket)).actions


async def test_a_change_has_no_actions_unless_requested(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    for view in (ticket_pb2.TICKET_VIEW_UNSPECIFIED, ticket_pb2.TICKET_VIEW_BASIC):
        async with watching(tenant.agent("alice"), ticket.name, view=view) as opened:
            await opened.next()
            await add_note(tenant, ticket)
            change = await opened.next()
        basic = await tenant.get(ticket)
        basic.ClearField("actions")
        assert change.ticket == basic


async def test_an_unknown_view_is_refused(tenant: Tenant) -> None:
    await tenant.meet("alice")
    unknown = ticket_pb2.TicketView.ValueType(7)
    async with watching(tenant.agent("alice"), tenant.name, view=unknown) as opened:
        error = await end_error(opened)
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == ["view"]


async def test_a_change_without_a_message_has_none(tenant: Tenant) -> None:
    await tenant.meet("alice")
    begin = await current_resume_token(tenant.agent("alice"), tenant.name)
    await tenant.ticket(None, with_review=False)
    async with watching(tenant.agent("alice"), tenant.name, resume_token=begin) as opened:
        assert not (await opened.next()).HasField("message")


async def test_every_message_is_streamed_as_the_thread_shows_it(tenant: Tenant) -> None:
    await tenant.meet("alice")
    begin = await current_resume_token(tenant.agent("alice"), tenant.name)
    ticket = await tenant.ticket()
    await tenant.in_recovery_state(ticket, "CHAT_UNLOCKED")
    await add_note(tenant, ticket)
    log = list(reversed(await tenant.log(ticket)))
    async with watching(tenant.agent("alice"), tenant.name, resume_token=begin) as opened:
        changes = [await opened.next() for _ in log]
    assert [change.activity for change in changes] == log
    thread = {entry.name: entry for entry in await tenant.thread(ticket)}
    with_message = [change for change in changes if change.activity.message]
    assert [change.message for change in with_message] == [thread[c.activity.message] for c in with_message]
    assert {entry.message.kind for entry in with_message} >= {
        message_pb2.MESSAGE_KIND_NOTE,
        message_pb2.MESSAGE_KIND_AGENT_MESSAGE,
        message_pb2.MESSAGE_KIND_REVIEW_REPLY,
    }


async def test_the_delivery_state_of_a_message_is_streamed(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    await tenant.in_recovery_state(ticket, "CHAT_UNLOCKED")
    worker = tenant.worker.workers
    async with watching(tenant.agent("alice"), ticket.name) as opened:
        await opened.next()
        request = conversations.SendMessageRequest(parent=ticket.name, text="We looked into it.")
        message = (await tenant.agent("alice").conversations.SendMessage(request)).message
        sent = await opened.next()
        assert (sent.message.name, sent.message.text) == (message.name, "We looked into it.")
        assert sent.message.delivery.state == message_pb2.DELIVERY_STATE_QUEUED
        begin = workers.BeginDeliveryRequest(name=message.name, step=workers.DELIVERY_STEP_SEND)
        attempt = (await worker.BeginDelivery(begin)).grant.attempt
        state = message_pb2.DELIVERY_STATE_SENT
        await worker.RecordDelivered(
            workers.RecordDeliveredRequest(name=message.name, attempt=attempt, state=state, provider_id="p1")
        )
        change = await opened.next()
    assert (change.message.name, change.message.delivery.state) == (message.name, state)
