"""The chat's page over real gRPC: its content in each state, and the messages that a customer writes."""

from __future__ import annotations

import html
from uuid import UUID

import httpx
import pytest
from google.rpc import code_pb2

from care.v1 import customer_service_pb2 as pb
from care_web.app import MESSAGES_PER_MINUTE
from tests.integration.web.chat_service import Chat
from tests.integration.web.customer_service import CustomerService
from tests.integration.web.page import Page
from tests.integration.web.refusals import Failure

RLO, PDI = "\u202e", "\u2069"
CUSTOMER = pb.CHAT_AUTHOR_CUSTOMER
AWAY = Failure(code_pb2.UNAVAILABLE, "DATABASE_UNAVAILABLE", retry_seconds=90)
LIMITED = Failure(code_pb2.RESOURCE_EXHAUSTED, "RATE_LIMITED", retry_seconds=90)
SENT = "/c/t?sent=yes#text"


@pytest.fixture
async def chat(service: CustomerService) -> Chat:
    chat = service.add_chat("t")
    await chat.say("How can we help?")
    await chat.say("The soup\nwas cold.", CUSTOMER)
    return chat


def texts_of(page: Page) -> list[str]:
    return ["".join(text.parts) for text in page.all("p", lang="", dir="auto")]


def notices(page: Page) -> list[str]:
    return [notice.text for notice in page.all("p", class_="notice") if "hidden" not in notice.attributes]


# --- content ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("chat")
async def test_the_page_shows_authors_texts_and_times_oldest_first(pages: httpx.AsyncClient) -> None:
    page = Page(await pages.get("/c/t"))
    assert page.title == page.heading.removeprefix("H ") == "Chat with Harbor Café"
    assert texts_of(page) == ["How can we help?", "The soup\nwas cold."]
    assert [item.attributes["class"] for item in page.all("li") if "data-id" in item.attributes] == [
        "from-business",
        "from-customer",
    ]
    assert [by.text for by in page.all("p", class_="byline")] == [
        "Harbor Café 3\u00a0May\u00a02031, 14:05 UTC",
        "You 3\u00a0May\u00a02031, 14:06 UTC",
    ]
    assert [time.attributes["datetime"] for time in page.all("time")] == [
        "2031-05-03T14:05:00+00:00",
        "2031-05-03T14:06:00+00:00",
    ]
    assert notices(page) == []
    assert page.by_id("thread").attributes["role"] == "log"


async def test_a_chat_without_messages_says_so(service: CustomerService, pages: httpx.AsyncClient) -> None:
    service.add_chat("t")
    page = Page(await pages.get("/c/t"))
    assert page.by_id("empty").text == "There are no messages yet."
    assert page.by_id("thread").attributes["data-events-url"] == "/c/t/events?lang=en"


async def test_the_page_works_for_a_business_without_a_visible_name(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    chat = service.add_chat("t", Chat(business_name=RLO))
    await chat.say("Hello")
    page = Page(await pages.get("/c/t"))
    assert page.title == page.heading == "Chat with us"
    assert (
        page.one("bdi", class_="business-label").text
        == page.by_id("thread").attributes["data-business-label"]
        == "Our team"
    )


async def test_messages_are_text_and_not_markup(service: CustomerService, pages: httpx.AsyncClient) -> None:
    evil = "<script>alert(1)</script><b>&amp;\"'{{ 7 * 7 }}{business}</p></li></ol>"
    chat = service.add_chat("t", Chat(business_name=evil))
    await chat.say(evil)
    await chat.say(f"{RLO}gnp.exe{PDI}{PDI}", CUSTOMER)
    response = await pages.get("/c/t")
    page = Page(response)
    assert page.all("b") == []
    assert [script.text for script in page.all("script")] == [""], "our own, which is a file"
    assert texts_of(page) == [evil, f"{RLO}gnp.exe{PDI}{PDI}"]
    assert page.by_id("thread").attributes["data-business-label"] == evil
    # Characters that change the direction are isolated in a paragraph with dir="auto".
    assert RLO not in response.text.replace(f"{RLO}gnp", "")


async def test_reading_the_page_makes_one_call_and_sends_nothing(
    service: CustomerService, pages: httpx.AsyncClient, chat: Chat
) -> None:
    await pages.get("/c/t")
    assert service.calls == [pb.GetChatRequest(token="t")]
    assert chat.posts == []


async def test_a_closed_ticket_accepts_another_message(
    service: CustomerService, pages: httpx.AsyncClient, chat: Chat
) -> None:
    await chat.close()
    page = Page(await pages.get("/c/t"))
    [notice] = notices(page)
    assert notice == (
        "Harbor Café has closed this case. If you write, we’ll reopen it and send you a link to the new chat."
    )
    answer = await pages.post("/c/t", data=page.values | {"text": "It happened again."})
    assert answer.headers["Location"] == SENT
    [notice] = notices(Page(await pages.get(SENT)))
    assert notice.startswith("Thank you, we’ve received your message.")
    assert [post.text for post in chat.posts] == ["It happened again."]


# --- unknown links ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["nobody-knows", "x" * 200, "x" * 201, "%00", "%F0%9F%94%91", "a%3Fb%23c", "%FF"])
async def test_all_unknown_links_get_the_page_of_unknown_forms(pages: httpx.AsyncClient, token: str) -> None:
    expected = (await pages.get("/f/other")).text
    for response in (await pages.get(f"/c/{token}"), await pages.post(f"/c/{token}", data={"text": "Hello"})):
        assert response.status_code == 404
        assert response.text == expected


async def test_the_link_of_a_rejected_contact_is_unknown(pages: httpx.AsyncClient, chat: Chat) -> None:
    await chat.die()
    assert (await pages.get("/c/t")).text == (await pages.get("/c/other")).text
    assert (await pages.post("/c/t", data={"text": "Hello"})).status_code == 404


async def test_a_token_that_is_too_long_causes_no_call(service: CustomerService, pages: httpx.AsyncClient) -> None:
    service.add_chat("x" * 201)
    assert (await pages.get(f"/c/{'x' * 201}")).status_code == 404
    assert (await pages.post(f"/c/{'x' * 201}", data={"text": "Hello"})).status_code == 404
    assert service.calls == []


# --- earlier messages -------------------------------------------------------------------------------------------------


async def test_buttons_lead_to_earlier_messages_and_back(service: CustomerService, pages: httpx.AsyncClient) -> None:
    chat = service.add_chat("t")
    for number in range(120):
        await chat.say(str(number))
    seen: list[str] = []
    url = "/c/t"
    while True:
        page = Page(await pages.get(url))
        seen = texts_of(page) + seen
        earlier = [button for button in page.all("button", name="before") if button.attributes["value"]]
        if not earlier:
            break
        assert earlier[0].text == "Show earlier messages"
        turned = await pages.post(url, data=page.values | {"before": earlier[0].attributes["value"]})
        assert turned.status_code == 303
        url = turned.headers["Location"]
    assert seen == [str(number) for number in range(120)]
    assert page.by_id("thread").attributes["data-events-url"] == "", "what is new belongs under the latest"
    [back] = page.all("button", name="before")
    assert back.text == "Go to the latest messages"
    assert (await pages.post(url, data=page.values | {"before": ""})).headers["Location"] == "/c/t"
    assert chat.posts == []


@pytest.mark.parametrize("query", ["", "?before=3"])
async def test_showing_other_messages_keeps_the_typed_text_and_sends_nothing(
    pages: httpx.AsyncClient, chat: Chat, query: str
) -> None:
    for _ in range(5):
        await chat.say("More")
    values = Page(await pages.get("/c/t")).values | {"text": " Not sent\nyet."}
    response = await pages.post(f"/c/t{query}", data=values | {"before": "1"})
    page = Page(response)
    assert response.status_code == 200
    assert texts_of(page) == ["How can we help?"]
    assert page.values == values | {"text": "Not sent\nyet."}, "under the same request id"
    assert page.by_id("form").attributes["action"] == "/c/t?before=1"
    assert chat.posts == []


async def test_an_invalid_position_leads_to_the_latest_messages(pages: httpx.AsyncClient, chat: Chat) -> None:
    response = await pages.get("/c/t?lang=de&before=nonsense")
    assert (response.status_code, response.headers["Location"]) == (303, "/c/t?lang=de")


async def test_switching_the_language_keeps_the_position_and_the_typed_text(
    pages: httpx.AsyncClient, chat: Chat
) -> None:
    typed = await pages.post("/c/t?before=1", data={"text": "Not sent yet.", "lang": "de"})
    page = Page(typed)
    assert page.title == "Chat mit Harbor Café"
    assert texts_of(page) == ["How can we help?"]
    assert page.values["text"] == "Not sent yet."
    blank = await pages.post("/c/t?before=1", data={"text": " ", "lang": "de"})
    assert (blank.status_code, blank.headers["Location"]) == (303, "/c/t?lang=de&before=1")
    assert chat.posts == []


# --- writing ----------------------------------------------------------------------------------------------------------


async def test_a_message_is_sent_once_and_shown_on_a_page_that_can_be_reloaded(
    pages: httpx.AsyncClient, chat: Chat
) -> None:
    values = Page(await pages.get("/c/t")).values | {"text": "  Two lines\r\nof mine.  "}
    answers = [await pages.post("/c/t", data=values) for _ in range(2)]
    assert [(answer.status_code, answer.headers["Location"]) for answer in answers] == [(303, SENT)] * 2
    [post] = chat.posts
    assert post.text == "Two lines\nof mine."
    assert str(UUID(post.request_id)) == post.request_id == values["request_id"]
    page = Page(await pages.get(SENT))
    assert texts_of(page)[-1] == "Two lines\nof mine."
    assert page.values["text"] == ""
    assert page.values["request_id"] != values["request_id"]
    assert notices(page) == []


async def test_going_back_and_sending_another_text_is_a_further_message(pages: httpx.AsyncClient, chat: Chat) -> None:
    values = Page(await pages.get("/c/t")).values
    for text in ("One", "Two", "Two"):
        assert (await pages.post("/c/t", data=values | {"text": text})).status_code == 303
    assert [post.text for post in chat.posts] == ["One", "Two"]


@pytest.mark.parametrize("request_id", ["", "nonsense", "00000000-0000-0000-0000-000000000000"])
async def test_a_page_with_changed_hidden_fields_still_sends(
    pages: httpx.AsyncClient, chat: Chat, request_id: str
) -> None:
    assert (await pages.post("/c/t", data={"text": "Hello", "request_id": request_id})).status_code == 303
    assert UUID(chat.posts[0].request_id).int != 0


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "Write a message before you send it"),
        (" \r\n\t\0", "Write a message before you send it"),
        ("x" * 10_001, "Shorten your message to at most 10,000 characters"),
        ("🌊" * 80_000, "Shorten your message to at most 10,000 characters"),
    ],
    ids=["empty", "blank", "10,001", "80,000"],
)
async def test_a_refused_message_is_kept_with_its_error(
    pages: httpx.AsyncClient, chat: Chat, text: str, error: str
) -> None:
    values = Page(await pages.get("/c/t")).values
    response = await pages.post("/c/t", data=values | {"text": text})
    page = Page(response)
    assert response.status_code == 422
    assert page.errors == {"text": error}
    assert page.title == "Error: Chat with Harbor Café"
    assert "autofocus" in page.by_id("text").attributes
    assert page.values["text"] == text.strip(" \r\n\t\0")
    assert page.values["request_id"] == values["request_id"]
    assert len(texts_of(page)) == 2
    assert chat.posts == []


@pytest.mark.parametrize(
    "text", ["x" * 10_000, "🌊" * 10_000, "\n".join("x" * 5_000) + "y"], ids=["x", "wave", "lines"]
)
async def test_the_longest_message_arrives(pages: httpx.AsyncClient, chat: Chat, text: str) -> None:
    assert len(text) == 10_000
    assert (await pages.post("/c/t", data={"text": text.replace("\n", "\r\n")})).status_code == 303
    assert chat.posts[0].text == text


async def test_a_body_that_is_too_large_is_refused_unread(pages: httpx.AsyncClient, chat: Chat) -> None:
    response = await pages.post("/c/t", data={"text": "x" * 1024 * 1024})
    assert response.status_code == 413
    assert "at most 10,000 characters" in Page(response).one("main").text
    assert chat.posts == []


@pytest.mark.parametrize(
    ("failure", "status", "heading"),
    [
        (AWAY, 503, "We can’t receive your answer right now"),
        (LIMITED, 429, "Please wait a moment"),
        (
            Failure(code_pb2.FAILED_PRECONDITION, "CHAT_LOCKED", retry_seconds=90),
            409,
            "This case continues in a new chat",
        ),
        (Failure(code_pb2.INTERNAL, "", retry_seconds=90), 503, "We can’t receive your answer right now"),
    ],
)
async def test_a_message_that_has_to_wait_is_kept_and_can_be_sent_again(
    service: CustomerService, pages: httpx.AsyncClient, chat: Chat, failure: Failure, status: int, heading: str
) -> None:
    values = Page(await pages.get("/c/t?lang=en")).values | {"text": "Cold\nsoup."}
    service.post_failure = failure
    response = await pages.post("/c/t?lang=en", data=values)
    page = Page(response)
    assert (response.status_code, response.headers["Retry-After"]) == (status, "90")
    assert page.heading == heading
    assert "2\u00a0minutes" in page.one("main").text
    assert page.values == values
    service.post_failure = None
    again = await pages.post(page.by_id("form").attributes["action"], data=page.values)
    assert again.headers["Location"] == "/c/t?lang=en&sent=yes#text"
    assert [post.text for post in chat.posts] == ["Cold\nsoup."]


async def test_a_locked_chat_names_a_time_to_wait(pages: httpx.AsyncClient, chat: Chat) -> None:
    chat.is_locked = True
    response = await pages.post("/c/t", data={"text": "Hello"})
    assert (response.status_code, response.headers["Retry-After"]) == (409, "60")


async def test_messages_are_limited_per_address(pages: httpx.AsyncClient, chat: Chat) -> None:
    statuses = [(await pages.post("/c/t", data={"text": "Hello"})).status_code for _ in range(MESSAGES_PER_MINUTE + 1)]
    assert statuses == [303] * MESSAGES_PER_MINUTE + [429]
    assert len(chat.posts) == MESSAGES_PER_MINUTE


async def test_the_page_says_that_the_service_is_down(
    service: CustomerService, pages: httpx.AsyncClient, chat: Chat
) -> None:
    service.failure = AWAY
    response = await pages.get("/c/t?lang=fr")
    page = Page(response)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "90")
    assert page.one("a", class_="action").attributes["href"] == "/c/t?lang=fr"
    # The page keeps typed text if a button requests other messages meanwhile.
    kept = Page(await pages.post("/c/t", data={"text": "Hello", "before": ""}))
    assert kept.values["text"] == "Hello"


async def test_the_page_has_no_links_and_sends_no_referrer(pages: httpx.AsyncClient, chat: Chat) -> None:
    await chat.say("See https://elsewhere.example/ for more.")
    response = await pages.get("/c/t")
    page = Page(response)
    assert [link.attributes["href"] for link in page.all("a")] == [], "an address in a message is text"
    assert "https://elsewhere.example/" in html.unescape(response.text)
    assert response.headers["Referrer-Policy"] == "no-referrer"
