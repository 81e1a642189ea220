"""WatchTickets: what it tells to whom, from where on, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import grpc
import pytest
from structlog.testing import capture_logs

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import message_pb2, ticket_pb2
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.ticket_pb2 import Ticket
from care.v1.ticket_service_pb2 import WatchTicketsResponse
from care_client.client import CareClient
from care_client.errors import CareError
from care_client.watching import watch_tickets
from care_dev.stack import postgres
from care_service.rpc.page_tokens import make_token
from care_service.usecases.subscriptions import Pace
from tests.integration.service.clocks import SettableClock
from tests.integration.service.commands import assert_refused
from tests.support.care import Care, care
from tests.support.system import eventually
from tests.support.tenant import Tenant
from tests.support.watching import Stream, current_resume_token, describe_change, watching

HASTY = Pace(heartbeat=0.05, write_timeout=1.0, retry=0.05)


async def add_note(tenant: Tenant, ticket: Ticket, text: str = "Called back.") -> None:
    request = conversations.AddNoteRequest(parent=ticket.name, text=text)
    await tenant.agent("alice").conversations.AddNote(request)


async def take(opened: Stream[WatchTicketsResponse], number: int) -> list[tuple[int, str]]:
    """What the next changes are; heartbeats don't count."""
    seen: list[tuple[int, str]] = []
    while len(seen) < number:
        answer = await opened.next()
        if answer.HasField("activity"):
            seen.append(describe_change(answer))
    return seen


async def ended(opened: Stream[WatchTicketsResponse]) -> CareError:
    """What a stream is refused with."""
    with pytest.raises(CareError) as caught:
        await opened.rest()
    return caught.value


def sample(service: Care, name: str, **labels: str) -> float:
    return service.metrics.registry.get_sample_value(name, labels) or 0.0


async def open_streams(service: Care, number: int) -> None:
    """Returns once that many streams are open."""

    async def so_many() -> bool:
        return sample(service, "care_streams_in_progress") == number

    await eventually(f"{number} open streams", so_many)


# --- what is told -----------------------------------------------------------------------------------------------------


async def test_it_begins_now_with_a_place_to_resume_from(tenant: Tenant) -> None:
    before = await tenant.ticket()
    async with watching(tenant.agent("alice"), tenant.name) as opened:
        first = await opened.next()
        assert not first.HasField("activity")
        assert not first.HasField("ticket")
        assert first.resume_token
        await add_note(tenant, before)
        after = await tenant.ticket(None)
        assert await take(opened, 2) == [(before.number, "NOTE_ADDED"), (after.number, "CREATED")]


async def test_it_goes_on_after_each_of_its_answers(tenant: Tenant) -> None:
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
            assert await take(opened, len(expected) - seen) == expected[seen:]


async def test_a_change_comes_with_its_activity_its_ticket_for_the_caller_and_its_message(tenant: Tenant) -> None:
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
    # A service may do nothing with it, and is told so.
    async with watching(tenant.service, ticket.name, view=full) as opened:
        await opened.next()
        await add_note(tenant, ticket)
        change = await opened.next()
    request = tickets.GetTicketRequest(name=ticket.name)
    assert change.ticket == (await tenant.service.tickets.GetTicket(request)).ticket
    assert change.ticket.actions != (await tenant.get(ticket)).actions


async def test_a_change_has_no_actions_unless_they_are_asked_for(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    for view in (ticket_pb2.TICKET_VIEW_UNSPECIFIED, ticket_pb2.TICKET_VIEW_BASIC):
        async with watching(tenant.agent("alice"), ticket.name, view=view) as opened:
            await opened.next()
            await add_note(tenant, ticket)
            change = await opened.next()
        basic = await tenant.get(ticket)
        basic.ClearField("actions")
        assert change.ticket == basic


async def test_a_view_that_is_none_is_refused(tenant: Tenant) -> None:
    await tenant.meet("alice")
    unknown = ticket_pb2.TicketView.ValueType(7)
    async with watching(tenant.agent("alice"), tenant.name, view=unknown) as opened:
        error = await ended(opened)
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == ["view"]


async def test_a_change_without_a_message_has_none(tenant: Tenant) -> None:
    await tenant.meet("alice")
    begin = await current_resume_token(tenant.agent("alice"), tenant.name)
    await tenant.ticket(None, with_review=False)
    async with watching(tenant.agent("alice"), tenant.name, resume_token=begin) as opened:
        assert not (await opened.next()).HasField("message")


async def test_every_entry_of_the_thread_is_told_as_the_thread_shows_it(tenant: Tenant) -> None:
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


async def test_how_far_a_message_got_is_told(tenant: Tenant) -> None:
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


# --- which tickets ----------------------------------------------------------------------------------------------------


async def test_one_ticket_is_followed_without_the_others(tenant: Tenant) -> None:
    one, other = await tenant.ticket(), await tenant.ticket()
    async with watching(tenant.agent("alice"), one.name) as opened:
        await opened.next()
        await add_note(tenant, other)
        await add_note(tenant, one)
        assert await take(opened, 1) == [(one.number, "NOTE_ADDED")]


async def test_a_filter_is_compared_with_the_ticket_as_it_is(tenant: Tenant) -> None:
    alice = tenant.agent("alice")
    await tenant.meet("alice")
    begin = await current_resume_token(alice, tenant.name)
    one, other = await tenant.ticket(), await tenant.ticket()
    wanted = f'assignee = "{tenant.agent_name("alice")}" AND status = RESOLVED'
    async with watching(alice, tenant.name, filter=wanted) as opened:
        await opened.next()
        await add_note(tenant, other)
        await alice.tickets.ResolveTicket(tickets.ResolveTicketRequest(name=one.name))
        assert await take(opened, 1) == [(one.number, "RESOLVED")]
        await alice.tickets.ReopenTicket(tickets.ReopenTicketRequest(name=one.name))
        await alice.tickets.ResolveTicket(tickets.ResolveTicketRequest(name=other.name))
        assert await take(opened, 1) == [(other.number, "RESOLVED")]
    # Now that the other is RESOLVED, so is all that was done to it before.
    async with watching(alice, tenant.name, filter=wanted, resume_token=begin) as opened:
        expected = ["CREATED", "TAKEN", "NOTE_ADDED", "RESOLVED"]  # each told with the ticket as it is
        assert await take(opened, 4) == [(other.number, done) for done in expected]


async def test_another_organizations_tickets_are_never_seen(service: Care, tenant: Tenant) -> None:
    neighbor = Tenant(service, f"{tenant.id}-neighbor")
    await tenant.meet("alice")
    await neighbor.meet("alice")
    begin = await current_resume_token(tenant.agent("alice"), tenant.name)
    async with watching(tenant.agent("alice"), tenant.name) as opened:
        await opened.next()
        theirs = await neighbor.ticket()
        ours = await tenant.ticket(None)
        change = await opened.next()
        assert change.ticket.name == ours.name
    async with watching(tenant.agent("alice"), tenant.name, resume_token=begin) as opened:
        assert (await opened.next()).ticket.name == ours.name
    for parent in (neighbor.name, theirs.name, f"{tenant.name}/tickets/4711"):
        async with watching(tenant.agent("alice"), parent) as opened:
            assert_refused(await ended(opened), "RESOURCE_NOT_FOUND", {"resource": parent})


async def test_services_without_an_organization_may_follow_all(service: Care, tenant: Tenant) -> None:
    everywhere = service.client(service.token(sub="exporter", roles=["service"]))
    neighbor = Tenant(service, f"{tenant.id}-neighbor")
    async with watching(everywhere, "organizations/-") as opened:
        await opened.next()
        made = [(await each.ticket(None)).name for each in (tenant, neighbor, tenant)]
        seen: list[str] = []
        while len(seen) < len(made):
            name = (await opened.next()).ticket.name
            if name.startswith((f"{tenant.name}/", f"{neighbor.name}/")):
                seen.append(name)
        assert seen == made
    for client in (tenant.agent("alice"), tenant.service):
        async with watching(client, "organizations/-") as opened:
            assert_refused(await ended(opened), "INVALID_FIELD")


# --- who may, and how -------------------------------------------------------------------------------------------------


async def test_workers_and_strangers_may_not(tenant: Tenant) -> None:
    async with watching(tenant.worker, tenant.name) as opened:
        assert (await ended(opened)).reason == "ROLE_NOT_ALLOWED"
    async with watching(tenant.customer, tenant.name) as opened:
        assert (await ended(opened)).reason == "TOKEN_MISSING"


@pytest.mark.parametrize(
    ("parent", "wanted", "reason"),
    [
        ("", "", "INVALID_FIELD"),
        ("{0}/tickets", "", "INVALID_FIELD"),
        ("{0}/tickets/x", "", "INVALID_FIELD"),
        ("{0}/reviews/1", "", "INVALID_FIELD"),
        ("{0}", "status = SOON", "INVALID_FILTER"),
    ],
)
async def test_what_makes_no_sense_is_refused(tenant: Tenant, parent: str, wanted: str, reason: str) -> None:
    async with watching(tenant.agent("alice"), parent.format(tenant.name), filter=wanted) as opened:
        assert (await ended(opened)).reason == reason


def _made(*key: str | int) -> Callable[[str], str]:
    return lambda parent: make_token(f"watch {parent}", *key)


@pytest.mark.parametrize(
    "token",
    [
        lambda _: "x",
        lambda _: "é\0",
        lambda parent: make_token(parent, 1, 1),  # another list's
        lambda parent: make_token("watch organizations/-", 1, 1),
        lambda parent: make_token(f"watch {parent}/tickets/1", 1, 1),
        _made(1),
        _made("1", "1"),
        _made(-1, 1),
        _made(2**64, 1),
        _made(2**62, 1),  # of a database that was restored since, and whose transactions are counted anew
    ],
)
async def test_a_token_that_is_not_of_this_stream_is_refused(tenant: Tenant, token: Callable[[str], str]) -> None:
    async with watching(tenant.agent("alice"), tenant.name, resume_token=token(tenant.name)) as opened:
        assert_refused(await ended(opened), "INVALID_PAGE_TOKEN")


# --- heartbeats, and ends ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def hasty(server: postgres.Server) -> AsyncIterator[Care]:
    """A service with a fast pulse and little patience."""
    async with care(server.create_database("hasty"), pace=HASTY) as running:
        yield running


async def test_a_silent_stream_says_that_it_is_there_and_where(hasty: Care) -> None:
    tenant = Tenant(hasty, "silent")
    await tenant.meet("alice")
    alice = tenant.agent("alice")
    async with watching(alice, tenant.name) as opened:
        answers = [await opened.next() for _ in range(4)]
        assert not any(answer.HasField("activity") for answer in answers)
        ticket = await tenant.ticket()
        assert await take(opened, 2) == [(ticket.number, "CREATED"), (ticket.number, "TAKEN")]
        later = await opened.next()
        assert not later.HasField("activity")
    await add_note(tenant, ticket)
    async with watching(alice, tenant.name, resume_token=later.resume_token) as opened:
        assert await take(opened, 1) == [(ticket.number, "NOTE_ADDED")]


async def test_what_a_filter_leaves_out_delays_no_heartbeat_and_is_not_looked_at_again(hasty: Care) -> None:
    tenant = Tenant(hasty, "filtered")
    ticket = await tenant.ticket()

    async def write() -> None:
        while True:
            await add_note(tenant, ticket)

    async with watching(tenant.agent("alice"), tenant.name, filter="status = CLOSED") as opened:
        tokens = [(await opened.next()).resume_token]
        writing = asyncio.create_task(write())
        tokens += [(await opened.next()).resume_token for _ in range(5)]
        writing.cancel()
    assert len(set(tokens)) > 1


async def test_a_token_that_is_over_ends_the_stream(server: postgres.Server, clock: SettableClock) -> None:
    async with care(server.create_database("expiring"), clock=clock, pace=HASTY) as service:
        tenant = Tenant(service, "acme")
        expiry = clock.now() + timedelta(minutes=5)
        short, long = (
            service.client(service.token(sub="alice", org="acme", roles=["agent"], **claims))
            for claims in ({"exp": expiry}, {})
        )
        await tenant.meet("alice")
        async with watching(short, tenant.name) as opened, watching(long, tenant.name) as other:
            token = (await opened.next()).resume_token
            await other.next()
            clock.advance(minutes=10)
            error = await ended(opened)
            assert (error.code, error.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED")
            ticket = await tenant.ticket(None)
            assert await take(other, 1) == [(ticket.number, "CREATED")]
        async with watching(long, tenant.name, resume_token=token) as opened:
            assert await take(opened, 1) == [(ticket.number, "CREATED")]


async def test_a_service_that_stops_ends_streams_so_that_clients_go_on_elsewhere(server: postgres.Server) -> None:
    url = server.create_database("draining")
    async with care(url) as second:
        # Longer than the test may take: a stream that waited for the end of the drain would fail it.
        with capture_logs() as lines:
            async with care(url, variables={"CARE_DRAIN_TIME": "10m"}) as first:
                tenant, elsewhere = Tenant(first, "acme"), Tenant(second, "acme")
                client = CareClient.connect(first.address, first.token(sub="alice", org="acme", roles=["agent"]))
                opened = await _opened(client, tenant.name, 20)
                tokens = {(await each.next()).resume_token for each in opened}
                await open_streams(first, 20)
            for each in opened:
                error = await ended(each)
                assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
                assert (error.retry_after, error.retryable) == (timedelta(seconds=1), True)
        assert [line for line in lines if line["log_level"] != "info"] == [], "a deployment is no failure"
        of_streams = [line for line in lines if line.get("method") == "care.v1.TicketService/WatchTickets"]
        assert [(line["code"], line["reason"]) for line in of_streams] == [("UNAVAILABLE", "DRAINING")] * 20
        await client.close()
        ticket = await elsewhere.ticket(None)
        for token in tokens:
            async with watching(elsewhere.agent("alice"), tenant.name, resume_token=token) as resumed:
                assert await take(resumed, 1) == [(ticket.number, "CREATED")]


async def _opened(client: CareClient, parent: str, number: int) -> Sequence[Stream[WatchTicketsResponse]]:
    request = tickets.WatchTicketsRequest(parent=parent)
    return [Stream(client.tickets.WatchTickets(request)) for _ in range(number)]


async def test_a_stream_too_many_is_told_when_to_come_again_and_calls_go_on(server: postgres.Server) -> None:
    variables = {"CARE_MAX_STREAMS": "2", "CARE_MAX_CALLS": "1"}
    async with care(server.create_database("few_streams"), variables=variables) as service:
        tenant = Tenant(service, "acme")
        alice = tenant.agent("alice")
        async with watching(alice, tenant.name) as first:
            await first.next()
            async with watching(alice, tenant.name) as second, watching(alice, tenant.name) as third:
                await second.next()
                error = await ended(third)
                assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
                assert error.retry_after == timedelta(seconds=1)
                ticket = await tenant.ticket()  # calls, one at a time
                assert await take(first, 2) == await take(second, 2)
            await open_streams(service, 1)
            async with watching(alice, ticket.name) as second:
                await second.next()


async def test_streams_are_counted_and_no_end_of_theirs_is_a_bug(hasty: Care) -> None:
    tenant = Tenant(hasty, "counted")
    method = "care.v1.TicketService/WatchTickets"
    await open_streams(hasty, 0)
    before = sample(hasty, "care_calls_total", method=method, code="CANCELLED", reason="CANCELLED")
    async with watching(tenant.agent("alice"), tenant.name) as opened:
        await opened.next()
        assert sample(hasty, "care_streams_in_progress") == 1
        assert sample(hasty, "care_calls_in_progress") == 0
    await open_streams(hasty, 0)
    assert sample(hasty, "care_calls_total", method=method, code="CANCELLED", reason="CANCELLED") == before + 1
    # Streams last as long as they last: they would hide how long calls take.
    assert sample(hasty, "care_call_seconds_count", method=method) == 0


async def test_a_client_that_does_not_read_is_cut_off_and_resumes_without_a_gap(hasty: Care) -> None:
    tenant = Tenant(hasty, "slow")
    ticket = await tenant.ticket()
    texts = [f"{number} {'x' * 9_990}" for number in range(700)]  # more than the 4 MiB that gRPC may keep for a reader
    begin = await current_resume_token(tenant.agent("alice"), ticket.name)
    for text in texts:
        await add_note(tenant, ticket, text)
    labels = {"method": "care.v1.TicketService/WatchTickets", "code": "RESOURCE_EXHAUSTED", "reason": "RATE_LIMITED"}

    async def cut() -> bool:
        return sample(hasty, "care_calls_total", **labels) == 1

    seen: list[str] = []
    async with watching(tenant.agent("alice"), ticket.name, resume_token=begin) as opened:
        await eventually("the end of a stream that nobody reads", cut)
        # Still there, for as long as gRPC keeps something for it: what it takes stays within CARE_MAX_STREAMS.
        assert sample(hasty, "care_streams_in_progress") == 1

        async def read_on() -> None:
            nonlocal begin
            while True:
                change = await opened.next()
                seen.append(change.message.text)
                begin = change.resume_token

        with pytest.raises(CareError) as caught:
            await read_on()
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    assert caught.value.retry_after
    await open_streams(hasty, 0)
    assert len(seen) < len(texts)
    async with watching(tenant.agent("alice"), ticket.name, resume_token=begin) as opened:
        seen += [(await opened.next()).message.text for _ in range(len(texts) - len(seen))]
    assert seen == texts


# --- the database goes ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def away(server: postgres.Server, name: str) -> AsyncIterator[None]:
    """Lets nobody into a database, and puts out who is there."""
    administrator = await asyncpg.connect(server.create_database(f"beside_{name}"))
    try:
        await administrator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await administrator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        yield
        await administrator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    finally:
        await administrator.close()


async def test_a_stream_that_can_see_nothing_says_so_and_is_resumed(server: postgres.Server) -> None:
    async with care(server.create_database("goes"), pace=HASTY) as service:
        tenant = Tenant(service, "acme")
        await tenant.meet("alice")
        alice = tenant.agent("alice")
        changes = watch_tickets(alice.tickets, tickets.WatchTicketsRequest(parent=tenant.name), max_pause=0.1)
        following = asyncio.ensure_future(anext(changes))
        async with watching(alice, tenant.name) as opened:
            await opened.next()
            await open_streams(service, 2)
            async with away(server, "goes"):
                error = await ended(opened)
                assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")
                assert error.retry_after
        ticket = await tenant.ticket(None)
        async with asyncio.timeout(60):
            assert describe_change(await following) == (ticket.number, "CREATED")
        await changes.aclose()
