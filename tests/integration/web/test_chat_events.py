"""The live stream of a chat over real HTTP and gRPC shows each message once, despite interruptions."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from google.rpc import code_pb2
from structlog.testing import capture_logs

from care.v1 import customer_service_pb2 as pb
from care.v1.customer_service_pb2_grpc import CustomerServiceStub
from care_client.channel import open_channel
from care_web.chat_client import ChatClient
from care_web.chat_events import MAX_STREAMS_PER_LINK
from care_web.service_errors import TryLater
from tests.integration.web import customer_service
from tests.integration.web.chat_service import Chat
from tests.integration.web.customer_service import CustomerService
from tests.integration.web.page import Page
from tests.integration.web.refusals import Failure
from tests.support.pages import serve_pages
from tests.support.plain_http import NO_TLS

EVENTS = "/c/t/events?lang=en"
MAX_STREAMS = 7
RLO = "\u202e"


@dataclass
class Event:
    """An event as a browser parses it (HTML, 9.2.6)."""

    type: str = "message"
    data: str = ""
    id: str = ""
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def texts(self) -> list[str]:
        """The texts of the messages in the event."""
        page = Page(httpx.Response(200, text=self.data))
        return ["".join(text.parts) for text in page.all("p", lang="", dir="auto")]


async def events(response: httpx.Response) -> AsyncIterator[Event]:
    """Yields the events of a stream, including those without data."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            fields[name] = f"{fields[name]}\n{value}" if name == "data" and name in fields else value
        elif fields:
            yield Event(fields.get("event", "message"), fields.get("data", ""), fields.get("id", ""), fields)
            fields = {}


@pytest.fixture
async def chat(service: CustomerService) -> Chat:
    chat = service.add_chat("t")
    await chat.say("One")
    await chat.say("Two", pb.CHAT_AUTHOR_CUSTOMER)
    return chat


@pytest.fixture
async def browser(service: CustomerService) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        customer_service.serve(service) as address,
        serve_pages(address, max_streams=MAX_STREAMS) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, verify=NO_TLS) as client,
    ):
        yield client


@asynccontextmanager
async def follow_events(
    browser: httpx.AsyncClient, url: str = EVENTS, headers: Mapping[str, str] | None = None
) -> AsyncIterator[AsyncIterator[Event]]:
    """Yields the events at ``url`` after the first one, which only sets the retry time."""
    async with browser.stream("GET", url, headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        found = events(response)
        first = await anext(found)
        assert first.fields.keys() == {"retry"}
        yield found


async def test_live_messages_have_the_markup_of_the_page(browser: httpx.AsyncClient, chat: Chat) -> None:
    page = Page(await browser.get("/c/t"))
    async with follow_events(browser, page.by_id("thread").attributes["data-events-url"]) as found:
        state = await anext(found)
        assert (state.type, state.data) == ("state", "open")
        await chat.say("<b>Three</b>\r\nlines\n" + RLO)
        event = await anext(found)
        assert event.texts == ["<b>Three</b>\nlines\n" + RLO], "HTML makes one line end of CRLF"
        assert "<b>" not in event.data
        await chat.close()
        state = await anext(found)
        assert (state.type, state.data) == ("state", "closed")
    reloaded = Page(await browser.get("/c/t"))
    told = Page(httpx.Response(200, text=event.data))
    [item] = told.all("li")
    assert item.attributes == reloaded.all("li")[-1].attributes
    assert told.one("time").text == reloaded.all("time")[-1].text


async def test_an_empty_page_gets_all_messages(browser: httpx.AsyncClient, chat: Chat) -> None:
    async with follow_events(browser) as found:
        assert (await anext(found)).type == "state"
        assert (await anext(found)).texts == ["One", "Two"]
    assert chat.posts == []


async def test_live_messages_are_in_the_language_of_the_page(browser: httpx.AsyncClient, chat: Chat) -> None:
    async with follow_events(browser, "/c/t/events?lang=ar&resume=1", {"Accept-Language": "en"}) as found:
        assert (await anext(found)).type == "state"
        assert "أنتم" in (await anext(found)).data
    assert len(chat.messages) == 2


async def test_a_reader_with_many_interruptions_gets_each_message_once(browser: httpx.AsyncClient, chat: Chat) -> None:
    chance = random.Random(4)  # noqa: S311 - to repeat runs, not for security
    told: list[str] = []
    last_id = ""

    async def follow() -> None:
        nonlocal last_id
        while "198" not in told:
            headers = {"Last-Event-ID": last_id} if last_id else {}
            async with follow_events(browser, f"{EVENTS}&resume=2", headers) as found:
                async for event in found:
                    last_id = event.id or last_id
                    if event.type == "message" and event.data:
                        told.extend(event.texts)
                    if chance.random() < 0.2:
                        break  # the client ends the stream; otherwise the service ends it

    async with asyncio.TaskGroup() as both:
        both.create_task(follow())
        for number in range(199):
            await chat.say(str(number))
            if number % 20 == 0:
                await chat.watched_by(1)
                await chat.cut()
    assert told == [str(number) for number in range(199)]


async def test_a_stream_that_the_service_ends_is_retried_after_a_pause(browser: httpx.AsyncClient, chat: Chat) -> None:
    with capture_logs() as lines:
        async with follow_events(browser) as found:
            assert [(await anext(found)).type for _ in range(2)] == ["state", "message"]
            await chat.cut()
            assert [event.fields async for event in found] == [{"retry": "10000"}]
    assert lines == [], "when a service restarts, all streams end"


async def test_a_stopping_service_sets_no_common_retry_time(browser: httpx.AsyncClient, chat: Chat) -> None:
    with capture_logs() as lines:
        async with follow_events(browser) as found:
            assert [(await anext(found)).type for _ in range(2)] == ["state", "message"]
            await chat.drain()
            assert [event async for event in found] == [], "no other time than the one that each was told by chance"
    assert lines == [], "when a service restarts, all streams end"


async def test_browsers_are_told_to_retry_while_the_service_is_down(
    service: CustomerService, browser: httpx.AsyncClient, chat: Chat
) -> None:
    service.failure = Failure(code_pb2.UNAVAILABLE, "DATABASE_UNAVAILABLE", retry_seconds=7)
    async with follow_events(browser) as found:
        assert [event.fields async for event in found] == [{"retry": "7000"}]
    assert chat.watchers == 0


async def test_a_rejected_contact_gets_the_end_of_the_chat(browser: httpx.AsyncClient, chat: Chat) -> None:
    async with follow_events(browser) as found:
        assert [(await anext(found)).type for _ in range(2)] == ["state", "message"]
        await chat.die()
        assert [event.type async for event in found] == ["ended"]


@pytest.mark.parametrize("path", ["/c/unknown/events", f"/c/{'x' * 201}/events", "/c/%00/events"])
async def test_all_unknown_links_get_the_same_answer(browser: httpx.AsyncClient, path: str) -> None:
    async with follow_events(browser, path) as found:
        assert [(event.type, event.data) async for event in found] == [("ended", "ended")]


async def test_an_invalid_position_causes_a_reload(browser: httpx.AsyncClient, chat: Chat) -> None:
    async with follow_events(browser, headers={"Last-Event-ID": "nonsense"}) as found:
        assert [event.type async for event in found] == ["ended"]
    assert chat.watchers == 0


async def test_the_stream_at_the_service_ends_when_the_browser_leaves(browser: httpx.AsyncClient, chat: Chat) -> None:
    async with follow_events(browser) as found:
        await anext(found)
        await chat.watched_by(1)
    await chat.watched_by(0)


async def test_a_silent_stream_is_cancelled(service: CustomerService, chat: Chat) -> None:
    chat.is_silent = True
    async with customer_service.serve(service) as address, open_channel(address) as channel:
        with pytest.raises(TryLater):
            await anext(ChatClient(CustomerServiceStub(channel), max_silence=0.05).watch("t"))
        await chat.watched_by(0)


async def test_head_opens_no_stream(browser: httpx.AsyncClient, service: CustomerService, chat: Chat) -> None:
    response = await browser.head(EVENTS)
    assert (response.status_code, response.content) == (200, b"")
    assert chat.watchers == 0
    assert service.calls == []


async def test_streams_are_limited_per_link_and_in_total(
    service: CustomerService, browser: httpx.AsyncClient, chat: Chat
) -> None:
    other = service.add_chat("other")
    async with asyncio.TaskGroup() as group:
        leave = asyncio.Event()

        async def stay(url: str) -> None:
            async with follow_events(browser, url) as found:
                await anext(found)
                await leave.wait()

        for _ in range(MAX_STREAMS_PER_LINK):
            group.create_task(stay(EVENTS))
        await chat.watched_by(MAX_STREAMS_PER_LINK)
        refused = await browser.get(EVENTS)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "30")
        for _ in range(MAX_STREAMS - MAX_STREAMS_PER_LINK):
            group.create_task(stay("/c/other/events"))
        await other.watched_by(MAX_STREAMS - MAX_STREAMS_PER_LINK)
        assert (await browser.get("/c/other/events")).status_code == 503
        assert (await browser.get("/c/t")).status_code == 200, "pages are shown all the same"
        leave.set()
    await chat.watched_by(0)
    await other.watched_by(0)
    async with follow_events(browser) as found:
        assert (await anext(found)).type == "state"
