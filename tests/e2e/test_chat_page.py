"""The chat's page in a real browser: live updates, no scripts, keyboard only, hostile texts, accessibility."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from axe_playwright_python.async_playwright import Axe
from google.rpc import code_pb2
from playwright.async_api import Browser, Page, ViewportSize, expect

from care.v1 import customer_service_pb2 as pb
from tests.e2e.page_languages import BY_LANGUAGE
from tests.integration.web import customer_service
from tests.integration.web.chat_service import Chat
from tests.integration.web.customer_service import CustomerService
from tests.integration.web.refusals import Failure
from tests.support.pages import serve_pages

pytestmark = pytest.mark.browser

SMALLEST: ViewportSize = {"width": 320, "height": 568}
PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 900}

CUSTOMER = pb.CHAT_AUTHOR_CUSTOMER
LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3
HOSTILE = (
    "<script>document.title = 'stolen'</script><img src=x onerror=\"document.title = 'stolen'\">",
    "</p></div></li></ol></form><form action=/f/other><input name=card>",
    "\u202egnp.exe \u2067mixed\u2066",
    "Z\u0351\u0352\u0353\u0354\u0355\u0356\u0357\u0358\u0359\u035a" * 30,
    LONG_WORD,
    "two  spaces\n\n  and lines",
)


@dataclass
class Pages:
    """The running pages and the service behind them."""

    url: str
    service: CustomerService

    @property
    def chat(self) -> Chat:
        return self.service.chats["chat"]


@pytest.fixture
async def pages() -> AsyncIterator[Pages]:
    service = CustomerService()
    service.add_chat("empty")
    chat, long = service.add_chat("chat"), service.add_chat("long", Chat(business_name=LONG_WORD))
    await chat.say("How can we help?")
    await chat.say("The soup was cold.", CUSTOMER)
    for number in range(70):
        await long.say(f"Message {number}", CUSTOMER if number % 2 else pb.CHAT_AUTHOR_BUSINESS)
    async with (
        customer_service.serve(service) as address,
        serve_pages(address) as url,
    ):
        yield Pages(url, service)


@asynccontextmanager
async def open_window(
    browser: Browser, pages: Pages, size: ViewportSize = PHONE, *, scripts: bool = True, zone: str = "America/New_York"
) -> AsyncIterator[Page]:
    """Opens a new window. At the end, checks that the page requested only own files, and caused no error or cookie."""
    context = await browser.new_context(
        viewport=size,
        java_script_enabled=scripts,
        base_url=pages.url,
        locale="en-US",
        timezone_id=zone,
        reduced_motion="reduce",
    )
    requests: list[str] = []
    complaints: list[str] = []  # such as a violated content security policy
    try:
        page = await context.new_page()
        context.on("request", lambda request: requests.append(request.url))
        # The console also reports statuses such as 422 and ended streams, which are expected.
        meant = re.compile(r"the server responded|ERR_INCOMPLETE_CHUNKED_ENCODING")
        page.on("console", lambda line: None if meant.search(line.text) else complaints.append(line.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        assert [url for url in requests if not url.startswith(f"{pages.url}/")] == []
        assert await context.cookies() == []
        assert complaints == []
    finally:
        await context.close()


async def test_a_message_appears_without_a_reload_and_typed_text_is_kept(browser: Browser, pages: Pages) -> None:
    async with open_window(browser, pages) as page:
        await page.goto("/c/chat")
        text = page.get_by_label("Your message")
        await text.fill("I am still typ")
        await expect(page.get_by_role("button", name="Show new messages")).to_be_hidden()
        await pages.chat.say("We are so sorry!")
        new = page.locator("#messages li").nth(2)
        await expect(new).to_contain_text("Harbor Café May 3, 2031 at 10:07 AM")
        await expect(new.locator(".bubble")).to_have_text("We are so sorry!")
        await expect(new).to_be_in_viewport()
        await expect(text).to_have_value("I am still typ")
        await expect(text).to_be_focused()
        await text.press_sequentially("ing")
        await page.get_by_role("button", name="Send").click()
        await expect(page.locator("#messages .from-customer").last).to_contain_text("I am still typing")
        await expect(page.locator("#messages li")).to_have_count(4)
        await expect(text).to_be_focused()
        await expect(text).to_have_value("")
    assert [post.text for post in pages.chat.posts] == ["I am still typing"]


async def test_times_are_shown_in_the_readers_time_zone(browser: Browser, pages: Pages) -> None:
    async with open_window(browser, pages, zone="Asia/Tokyo") as page:
        await page.goto("/c/chat?lang=de")
        await expect(page.locator("time").first).to_have_text("3. Mai 2031 um 23:05")
    async with open_window(browser, pages, scripts=False, zone="Asia/Tokyo") as page:
        await page.goto("/c/chat?lang=de")
        await expect(page.locator("time").first).to_have_text("3. Mai 2031, 14:05 Uhr (UTC)")


async def test_an_interrupted_stream_continues_where_it_ended(browser: Browser, pages: Pages) -> None:
    async with open_window(browser, pages) as page:
        await page.goto("/c/chat")
        await pages.chat.watched_by(1)
        await pages.chat.cut()
        await pages.chat.watched_by(0)
        await expect(page.get_by_role("button", name="Show new messages")).to_be_visible()
        await pages.chat.say("While you were away")
        await pages.chat.watched_by(1)
        await pages.chat.say("And now")
        await expect(page.locator(".bubble")).to_have_text(
            ["How can we help?", "The soup was cold.", "While you were away", "And now"], timeout=20_000
        )
        await expect(page.get_by_role("button", name="Show new messages")).to_be_hidden()


async def test_a_refused_stream_is_requested_again_after_a_while(browser: Browser, pages: Pages) -> None:
    async with open_window(browser, pages) as page:
        await page.clock.install()
        await page.route("**/events?*", lambda route: route.fulfill(status=503), times=1)
        async with page.expect_response("**/events?*"):
            await page.goto("/c/chat")
        await expect(page.get_by_role("button", name="Show new messages")).to_be_visible()
        await pages.chat.say("While you were away")
        await page.clock.fast_forward("01:00")
        await expect(page.locator(".bubble")).to_have_text(
            ["How can we help?", "The soup was cold.", "While you were away"]
        )


@pytest.mark.parametrize("path", ["/c/chat", "/c/chat?sent=yes"], ids=["opened", "sent"])
async def test_changes_of_the_chats_state_are_shown_live(browser: Browser, pages: Pages, path: str) -> None:
    async with open_window(browser, pages) as page:
        await page.goto(path)
        closed, gone = (
            page.get_by_text("Harbor Café has closed this case."),
            page.get_by_text("Please reload the page."),
        )
        await expect(closed).to_be_hidden()
        await pages.chat.watched_by(1)
        await pages.chat.close()
        await expect(closed).to_be_visible()
        await expect(gone).to_be_hidden()
        await pages.chat.die()
        await expect(gone).to_be_visible()
        await page.reload()
        await expect(page.get_by_role("heading", level=1)).to_have_text("This link is not valid")


async def test_without_scripts_a_button_shows_new_messages_and_keeps_typed_text(browser: Browser, pages: Pages) -> None:
    async with open_window(browser, pages, scripts=False) as page:
        await page.goto("/c/chat")
        await pages.chat.say("We are so sorry!")
        await page.get_by_label("Your message").fill("Not sent\nyet")
        await page.get_by_role("button", name="Show new messages").click()
        await expect(page.locator(".bubble").last).to_have_text("We are so sorry!")
        await expect(page.locator(".bubble").last).to_be_in_viewport()
        await expect(page.get_by_label("Your message")).to_have_value("Not sent\nyet")
        assert pages.chat.posts == []
        await page.get_by_role("button", name="Send").click()
        await expect(page.locator(".bubble").last).to_have_text("Not sent\nyet")
        await page.reload()
    assert [post.text for post in pages.chat.posts] == ["Not sent\nyet"]


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "none"])
async def test_the_latest_messages_are_visible_first(browser: Browser, pages: Pages, scripts: bool) -> None:
    for size in (SMALLEST, PHONE, DESKTOP):
        async with open_window(browser, pages, size, scripts=scripts) as page:
            await page.goto("/c/long")
            await expect(page.get_by_text("Message 69", exact=True)).to_be_in_viewport()
            await expect(page.get_by_text("Message 20", exact=True)).not_to_be_in_viewport()


async def test_new_messages_do_not_scroll_a_reader_of_earlier_ones(browser: Browser, pages: Pages) -> None:
    async with open_window(browser, pages) as page:
        await page.goto("/c/long")
        await pages.service.chats["long"].watched_by(1)
        old = page.get_by_text("Message 40", exact=True)
        await old.scroll_into_view_if_needed()
        before = await old.bounding_box()
        assert before
        await pages.service.chats["long"].say("New\n" * 10)
        await expect(page.locator("#messages li")).to_have_count(51)
        after = await old.bounding_box()
        assert after
        assert after["y"] == pytest.approx(before["y"], abs=1)


async def test_a_customer_writes_with_only_the_keyboard(browser: Browser, pages: Pages) -> None:
    async with open_window(browser, pages) as page:
        await page.goto("/c/long")
        reached = []
        for _ in range(12):
            await page.keyboard.press("Tab")
            reached.append(await page.evaluate("document.activeElement.id || document.activeElement.textContent"))
            style, width = await page.locator("*:focus").evaluate(
                "node => [getComputedStyle(node).outlineStyle, getComputedStyle(node).outlineWidth]"
            )
            assert (style, width) == ("solid", "3px"), reached
            if reached[-1] == "text":
                break
        assert reached[-3:] == ["thread", "Show earlier messages", "text"]
        await page.keyboard.type("Hello\nagain")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator(".bubble").last).to_have_text("Hello\nagain")


@pytest.mark.parametrize("scripts", [True, False], ids=["live", "loaded"])
async def test_hostile_messages_are_harmless_and_stay_in_their_boxes(
    browser: Browser, pages: Pages, scripts: bool
) -> None:
    async with open_window(browser, pages, SMALLEST, scripts=scripts) as page:
        if scripts:
            await page.goto("/c/chat")
            await pages.chat.watched_by(1)
        for text in HOSTILE:
            await pages.chat.say(text)
        if not scripts:
            await page.goto("/c/chat")
        said = page.locator(".bubble p")
        await expect(said).to_have_count(2 + len(HOSTILE))
        assert await said.evaluate_all("nodes => nodes.map(node => node.textContent)") == [
            "How can we help?",
            "The soup was cold.",
            *HOSTILE,
        ]
        await expect(page).to_have_title("Chat with Harbor Café")
        assert await page.locator("form, img, input:not([type=hidden])").count() == 1, "the page's own form"
        assert await page.evaluate("document.documentElement.scrollWidth") <= SMALLEST["width"]
        thread = page.locator("#thread")
        assert await thread.evaluate("node => node.scrollWidth <= node.clientWidth")
        assert await said.last.evaluate("node => getComputedStyle(node).whiteSpace") == "pre-wrap"
        bidi = await said.evaluate_all("nodes => nodes.map(node => getComputedStyle(node).unicodeBidi)")
        assert set(bidi) == {"plaintext"}


async def each_state(page: Page, pages: Pages, tag: str) -> AsyncIterator[str]:
    """Brings ``page`` into each state in the language ``tag``; yields the state's name."""
    for path in ("/c/chat", "/c/empty", "/c/long", "/c/long?before=20"):
        await page.goto(f"{path}{'&' if '?' in path else '?'}lang={tag}")
        yield path
    await page.goto(f"/c/chat?lang={tag}")
    await page.locator("main form button").click()
    await expect(page.locator("[aria-invalid=true]")).to_be_focused()
    yield "mistake"
    for failure in (
        Failure(code_pb2.UNAVAILABLE, "DATABASE_UNAVAILABLE", 90),
        Failure(code_pb2.FAILED_PRECONDITION, "CHAT_LOCKED"),
    ):
        pages.service.post_failure = failure
        await page.goto(f"/c/chat?lang={tag}")
        await page.locator("#text").fill("Hello")
        await page.locator("main form button").click()
        await expect(page.locator(".summary.info")).to_be_focused()
        yield failure.reason
    pages.service.post_failure = None
    await pages.chat.close()
    await page.goto(f"/c/chat?lang={tag}")
    yield "closed"
    await page.goto(f"/c/chat?lang={tag}&sent=yes")
    yield "sent"


ALL = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
"""Axe's default rules, including best practices, and the rule for WCAG 2.2's target size, which is off by default."""

COLORS = {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}
"""Axe's options for another color scheme, which can change only the contrast."""


@pytest.mark.parametrize("tag", BY_LANGUAGE)
async def test_axe_finds_no_violation_and_everything_fits(browser: Browser, pages: Pages, tag: str) -> None:
    found: dict[str, str] = {}
    async with open_window(browser, pages) as page:
        async for state in each_state(page, pages, tag):
            await expect(page.locator("html")).to_have_attribute("lang", tag)
            for size, dark in ((PHONE, False), (PHONE, True), (SMALLEST, False), (DESKTOP, False)):
                await page.set_viewport_size(size)
                await page.emulate_media(color_scheme="dark" if dark else "light")
                assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"], state
                # Measured in one step, because a button disappears when the page is live.
                targets = page.locator("main button:visible, textarea")
                sizes = await targets.evaluate_all("all => all.map(one => [one.offsetWidth, one.offsetHeight])")
                assert min(min(each) for each in sizes) >= 44, (state, sizes)
                if size is SMALLEST or (tag not in {"en", "ar"} and (size, dark) != (PHONE, False)):
                    continue  # other texts change neither colors nor layout
                results = await Axe().run(page, options=COLORS if dark else ALL)
                if results.violations_count:
                    found[f"{state}, {size['width']}, {dark}"] = results.generate_report()
    assert found == {}
