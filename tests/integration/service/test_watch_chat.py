"""WatchChat: the current chat, then each message once and in order, until the link is not valid any more."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import timedelta
from functools import partial

import pytest

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import ticket_service_pb2 as tickets
from care.v1.customer_service_pb2 import WatchChatRequest, WatchChatResponse
from care.v1.recovery_pb2 import Recovery
from care.v1.ticket_pb2 import Ticket
from care_client.client import CareClient
from care_client.errors import Conflict, NotFound, ResourceExhausted, Unavailable
from care_dev.stack import postgres
from care_service.rpc.page_tokens import make_token
from care_service.usecases.subscriptions import Pace
from tests.integration.service.commands import assert_refused
from tests.support.care import Care, care, refusal
from tests.support.tenant import Tenant
from tests.support.watching import Stream, stream


async def open_chat(tenant: Tenant) -> tuple[Ticket, Recovery, str]:
    """Creates a ticket of alice with an open chat. Returns ticket, recovery and the private link's token."""
    ticket = await tenant.ticket()
    recovery = await tenant.in_recovery_state(ticket, "CHAT_UNLOCKED")
    return ticket, recovery, await tenant.open_chat(ticket)


def watching(
    tenant: Tenant, token: str, resume_token: str = ""
) -> AbstractAsyncContextManager[Stream[WatchChatResponse]]:
    request = WatchChatRequest(token=token, resume_token=resume_token)
    return stream(tenant.customer.customers.WatchChat, request)


async def send(tenant: Tenant, ticket: Ticket, text: str) -> None:
    request = conversations.SendMessageRequest(parent=ticket.name, text=text)
    await tenant.agent("alice").conversations.SendMessage(request, timeout=60)


async def post(tenant: Tenant, token: str, text: str) -> None:
    await tenant.customer.customers.PostMessage(customers.PostMessageRequest(token=token, text=text), timeout=60)


async def add_note(tenant: Tenant, ticket: Ticket) -> None:
    request = conversations.AddNoteRequest(parent=ticket.name, text="The cook is new.")
    await tenant.agent("alice").conversations.AddNote(request)


def texts(answer: WatchChatResponse) -> list[str]:
    return [message.text for message in answer.messages]


async def test_a_chat_stream_starts_with_the_current_messages_and_continues_with_new_ones(tenant: Tenant) -> None:
    ticket, _, token = await open_chat(tenant)
    await send(tenant, ticket, "We looked into it.")
    chat = (await tenant.customer.customers.GetChat(customers.GetChatRequest(token=token))).chat
    async with watching(tenant, token) as opened:
        first = await opened.next()
        assert list(first.messages) == list(chat.messages)
        assert first.state == customers.CHAT_STATE_OPEN
        await post(tenant, token, "Thank you!")
        second = await opened.next()
        assert texts(second) == ["Thank you!"]
        # A note sends nothing to customers, not even a heartbeat.
        await add_note(tenant, ticket)
        await send(tenant, ticket, "Come again.")
        assert texts(await opened.next()) == ["Come again."]
    async with watching(tenant, token, first.resume_token) as opened:
        assert texts(await opened.next()) == ["Thank you!", "Come again."]
    async with watching(tenant, token, second.resume_token) as opened:
        assert texts(await opened.next()) == ["Come again."]


async def test_a_chat_stream_resumes_after_the_last_read_message(tenant: Tenant) -> None:
    ticket, _, token = await open_chat(tenant)
    await send(tenant, ticket, "We looked into it.")
    read = await tenant.customer.customers.GetChat(customers.GetChatRequest(token=token, page_size=1))
    assert [message.text for message in read.chat.messages] == ["We looked into it."]
    await post(tenant, token, "Thank you!")
    async with watching(tenant, token, read.resume_token) as opened:
        assert texts(await opened.next()) == ["Thank you!"]
    earlier = customers.GetChatRequest(token=token, page_size=1, page_token=read.earlier_page_token)
    assert (await tenant.customer.customers.GetChat(earlier)).resume_token == "", "more messages must follow"


async def test_the_streams_of_one_link_and_of_all_links_are_limited(server: postgres.Server) -> None:
    most = 15
    async with care(server.create_database("strangers"), variables={"CARE_MAX_STREAMS": f"{most}"}) as service:
        tenant = Tenant(service, "acme")
        (_, _, first), (ticket, _, second) = [await open_chat(tenant) for _ in range(2)]
        async with AsyncExitStack() as stack:
            for token, number, reason in ((first, 10, "RATE_LIMITED"), (second, 2, "OVERLOADED")):
                for _ in range(number):  # together four fifths of all streams
                    await (await stack.enter_async_context(watching(tenant, token))).next()
                async with watching(tenant, token) as one_more:
                    with pytest.raises(ResourceExhausted) as caught:
                        await one_more.next()
                assert caught.value.reason == reason
                assert caught.value.retry_after
            request = tickets.WatchTicketsRequest(parent=ticket.name)
            async with stream(tenant.agent("alice").tickets.WatchTickets, request) as agents:
                await agents.next()
        async with watching(tenant, first) as again:
            await again.next()


async def test_a_chat_stream_shows_the_end_of_the_case_and_its_state_after_each_reconnect(tenant: Tenant) -> None:
    ticket, _, token = await open_chat(tenant)
    async with watching(tenant, token) as opened:
        assert (await opened.next()).state == customers.CHAT_STATE_OPEN
        await tenant.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
        closed = await opened.next()
        assert (closed.state, texts(closed)) == (customers.CHAT_STATE_CLOSED, [])
    async with watching(tenant, token, closed.resume_token) as opened:
        again = await opened.next()
        assert (again.state, texts(again)) == (customers.CHAT_STATE_CLOSED, [])


async def test_the_stream_of_a_rejected_contact_ends(tenant: Tenant) -> None:
    _, recovery, token = await open_chat(tenant)
    async with watching(tenant, token) as opened:
        seen = await opened.next()
        reject = conversations.RejectContactRequest(name=recovery.name)
        await tenant.agent("alice").conversations.RejectContact(reject)
        with pytest.raises(NotFound) as caught:
            await opened.rest()
    assert_refused(caught.value, "LINK_UNKNOWN")
    async with watching(tenant, token, seen.resume_token) as opened:
        assert_refused(await refusal(opened.next()), "LINK_UNKNOWN")


async def test_links_and_resume_tokens_of_other_chats_are_refused(tenant: Tenant) -> None:
    _, _, token = await open_chat(tenant)
    _, _, other = await open_chat(tenant)
    async with watching(tenant, other) as opened:
        place = (await opened.next()).resume_token
    for wrong in (place, "x", make_token("watch organizations/-", 1, 1)):
        async with watching(tenant, token, wrong) as opened:
            assert_refused(await refusal(opened.next()), "INVALID_PAGE_TOKEN")
    for link in ("", "x", f"{token}x"):
        async with watching(tenant, link) as opened:
            assert_refused(await refusal(opened.next()), "LINK_UNKNOWN")


async def test_a_silent_chat_stream_sends_heartbeats_even_while_notes_are_written(
    server: postgres.Server,
) -> None:
    async with care(server.create_database("silent_chat"), pace=Pace(heartbeat=0.05)) as service:
        tenant = Tenant(service, "acme")
        ticket, _, token = await open_chat(tenant)

        async def write() -> None:
            while True:
                await add_note(tenant, ticket)

        async with watching(tenant, token) as opened:
            first = await opened.next()
            for _ in range(3):
                heartbeat = await opened.next()
                assert (texts(heartbeat), heartbeat.resume_token) == ([], first.resume_token)
            writing = asyncio.create_task(write())
            for _ in range(3):
                heartbeat = await opened.next()
                assert (texts(heartbeat), heartbeat.resume_token) == ([], first.resume_token)
            writing.cancel()


async def test_a_stopping_service_ends_chat_streams_and_customers_resume_elsewhere(server: postgres.Server) -> None:
    url = server.create_database("draining_chat")
    keys = {"CARE_TOKEN_KEY": secrets.token_urlsafe(32), "CARE_LINK_KEYS": f"k1:{secrets.token_urlsafe(32)}"}
    async with care(url, variables=keys) as second, AsyncExitStack() as first:
        # The drain may last longer than the test, so the test fails if a stream waits for the end of the drain.
        draining = await first.enter_async_context(care(url, variables=keys | {"CARE_DRAIN_TIME": "10m"}))
        elsewhere = Tenant(second, "acme")
        ticket, _, token = await open_chat(elsewhere)
        async with (
            CareClient.connect(draining.address) as customer,
            stream(customer.customers.WatchChat, WatchChatRequest(token=token)) as opened,
        ):
            place = (await opened.next()).resume_token
            await first.aclose()
            with pytest.raises(Unavailable) as caught:
                await opened.rest()
        assert_refused(caught.value, "DRAINING")
        assert caught.value.retry_after == timedelta(seconds=1)
        await send(elsewhere, ticket, "Hello again")
        async with watching(elsewhere, token, place) as resumed:
            assert texts(await resumed.next()) == ["Hello again"]


@pytest.fixture(scope="module")
async def services(server: postgres.Server) -> AsyncIterator[tuple[Care, Care]]:
    """Two services on one database with the same keys."""
    url = server.create_database("chat_twice")
    keys = {"CARE_TOKEN_KEY": secrets.token_urlsafe(32), "CARE_LINK_KEYS": f"k1:{secrets.token_urlsafe(32)}"}
    async with care(url, variables=keys) as first, care(url, variables=keys) as second:
        yield first, second


async def test_each_message_arrives_once_and_in_order_across_a_hundred_reconnects(services: tuple[Care, Care]) -> None:
    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)  # noqa: S311  (a seed makes the same choices)
    tenants = [Tenant(each, "acme") for each in services]
    ticket, _, token = await open_chat(tenants[0])

    async def insist(write: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await write()
            except Conflict:
                continue

    async def write(name: str) -> None:
        for number in range(30):
            tenant, text = chance.choice(tenants), f"{name} {number}"
            # A link accepts at most 30 messages per minute.
            is_posted = name == "customer" and number < 20
            await insist(partial(post, tenant, token, text) if is_posted else partial(send, tenant, ticket, text))
            if chance.random() < 0.3:
                await insist(partial(add_note, tenant, ticket))

    writers = [asyncio.create_task(write(name)) for name in ("customer", "one", "two", "three")]
    seen: list[str] = []
    place, cuts = "", 0
    while len(seen) < 1 + 4 * 30 or cuts < 100:
        async with watching(chance.choice(tenants), token, place) as opened:
            for _ in range(chance.randint(0, 3)):
                if len(seen) == 1 + 4 * 30:
                    break
                answer = await opened.next()
                seen += [message.id for message in answer.messages]
                place = answer.resume_token
        cuts += 1
    await asyncio.gather(*writers)
    shown = await tenants[0].customer.customers.GetChat(customers.GetChatRequest(token=token, page_size=1000))
    assert seen == [message.id for message in shown.chat.messages], f"seed {seed}"
