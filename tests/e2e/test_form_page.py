"""The form's page in a real browser as a customer uses it: on a phone, by keyboard, without scripts, in the dark."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import pytest
from axe_playwright_python.async_playwright import Axe
from google.rpc import code_pb2
from playwright.async_api import Browser, BrowserContext, Page, Request, expect

from care.v1 import customer_service_pb2 as pb
from care.v1.customer_service_pb2_grpc import CustomerServiceStub
from care_client.channel import open_channel
from care_web.app import create_app
from care_web.languages import LANGUAGES
from tests.integration.web import customer_service
from tests.integration.web.customer_service import CustomerService
from tests.integration.web.refusals import Failure
from tests.support.browser import chromium
from tests.support.serving import serve

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
SMALLEST = {"width": 320, "height": 640}
DESK = {"width": 1280, "height": 900}

SEND = "main form button"
"""The button that sends the form; the other buttons are those of the languages."""
GIVEN = "reference=3F9A-12C7"

HEADINGS = (
    *("root.title", "missing.title", "unknown.title", "form.greeting", "answered.greeting", "closed.greeting"),
    *("expired.title", "withdrawn.title", "replaced.title", "thanks.title", "large.title", "unreadable.title"),
    *("down.title", "busy.title", "unavailable.title"),
)
"""Of all states that a reader can meet without a mistake of ours."""

LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
SMALLEST_TARGET = 44
"""CSS pixels in each direction: WCAG 2.2, 2.5.5 (AAA) asks for them, AA for 24."""


@dataclass
class Site:
    """The pages on a port of their own, and the service behind them."""

    url: str
    service: CustomerService


@dataclass
class Visit:
    """A browser's window, and what it did besides showing pages."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """What the browser wrote on its console, such as a violated content security policy."""


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as found:
        yield found


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    service = CustomerService()
    service.add("open")
    service.add("answered", pb.CONTACT_FORM_STATE_ANSWERED)
    service.add("closed", pb.CONTACT_FORM_STATE_CLOSED)
    service.add("expired", pb.CONTACT_FORM_STATE_EXPIRED)
    service.add("withdrawn", pb.CONTACT_FORM_STATE_WITHDRAWN)
    service.add("replaced", pb.CONTACT_FORM_STATE_REPLACED)
    service.add("long", business_name=LONG_WORD, reply_text=f"{LONG_WORD} " * 20, consent_text=LONG_WORD)
    async with (
        customer_service.serve(service) as address,
        open_channel(address) as channel,
        serve(create_app(CustomerServiceStub(channel))) as url,
    ):
        yield Site(url, service)


@asynccontextmanager
async def visiting(
    browser: Browser, site: Site, size: dict[str, int] = PHONE, *, dark: bool = False
) -> AsyncIterator[Visit]:
    """A fresh window without scripts; at its end it must have asked for nothing but our own files, and be content."""
    context: BrowserContext = await browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        color_scheme="dark" if dark else "light",
        java_script_enabled=False,
        base_url=site.url,
    )
    try:
        visit = Visit(await context.new_page())

        def note(request: Request) -> None:
            visit.requests.append(request.url)

        context.on("request", note)
        # A status such as 422 is told on the console too; that one is meant.
        visit.page.on(
            "console",
            lambda said: visit.complaints.append(said.text) if "the server responded" not in said.text else None,
        )
        yield visit
        assert visit.requests
        assert [url for url in visit.requests if not url.startswith(f"{site.url}/")] == []
        assert visit.complaints == []
        assert await context.cookies() == []
    finally:
        await context.close()


async def press_until(page: Page, key: str, name: str) -> None:
    """Press ``key`` until the element of this id or selector has the focus; fail if that takes the whole page."""
    for _ in range(20):
        await page.keyboard.press(key)
        if await page.locator(f'*:focus:is([id="{name}"], {name})').count():
            return
    pytest.fail(f"{name} is not reached by {key}")


async def test_a_customer_fills_in_the_form_by_keyboard_alone(browser: Browser, site: Site) -> None:
    async with visiting(browser, site) as visit:
        page = visit.page
        await page.goto("/f/open")
        await expect(page).to_have_title("Harbor Café would like to put things right")
        for name, text in {
            "email": "jane@example.com",
            "phone": "+442079460958",
            "display_name": "Jane Doe",
            "message": "Cold soup.\nCall in the evening.",
        }.items():
            await press_until(page, "Tab", name)
            for line in text.split("\n"):
                if line != text.split("\n")[0]:
                    await page.keyboard.press("Enter")
                await page.keyboard.type(line)
        await press_until(page, "Tab", "consent")
        await page.keyboard.press("Space")
        await press_until(page, "Tab", SEND)
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(f"{site.url}/f/open/thanks?{GIVEN}")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, we’ve received your details")
        await expect(page.locator("dd")).to_have_text("3F9A-12C7")
        await page.reload()
        await expect(page).to_have_url(f"{site.url}/f/open/thanks?{GIVEN}")
    [claim] = site.service.links["open"].claims
    assert (claim.email, claim.phone, claim.display_name) == ("jane@example.com", "+442079460958", "Jane Doe")
    assert (claim.message, claim.consent) == ("Cold soup.\nCall in the evening.", True)


async def test_mistakes_get_the_focus_and_lead_to_their_fields(browser: Browser, site: Site) -> None:
    async with visiting(browser, site) as visit:
        page = visit.page
        await page.goto("/f/open")
        await page.get_by_label("Email address").fill("jane@")
        await page.get_by_label("Anything you’d like to say").fill("Cold soup.")
        await page.locator(SEND).click()
        await expect(page).to_have_title("Error: Harbor Café would like to put things right")
        summary = page.get_by_role("group", name="Please check what you entered")
        await expect(summary).to_be_focused()
        await expect(summary).to_be_in_viewport()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        email = page.get_by_role("textbox", name="Email address")
        await expect(email).to_be_focused()
        await expect(email).to_have_accessible_description(
            "Error: Enter a complete email address, such as name@example.com"
        )
        await page.keyboard.press("End")
        await page.keyboard.type("example.com")
        await expect(email).to_have_value("jane@example.com")
        await page.get_by_role("checkbox").check()
        await page.locator(SEND).click()
        await expect(page).to_have_url(f"{site.url}/f/open/thanks?{GIVEN}")
    [claim] = site.service.links["open"].claims
    assert (claim.email, claim.message) == ("jane@example.com", "Cold soup.")


async def test_an_answered_form_opens_by_keyboard(browser: Browser, site: Site) -> None:
    async with visiting(browser, site) as visit:
        page = visit.page
        await page.goto("/f/answered")
        await expect(page.get_by_label("Email address")).to_be_hidden()
        await press_until(page, "Tab", "summary")
        await page.keyboard.press("Enter")
        await press_until(page, "Tab", "email")
        await page.keyboard.type("jane@example.com")
        await press_until(page, "Tab", "consent")
        await page.keyboard.press("Space")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(f"{site.url}/f/answered/thanks?{GIVEN}")


async def test_going_back_and_sending_other_words_is_a_further_answer(browser: Browser, site: Site) -> None:
    async with visiting(browser, site) as visit:
        page = visit.page
        await page.goto("/f/open")
        for text in ("one@example.com", "two@example.com"):
            if await page.locator("summary").count():
                await page.locator("summary").click()
            await page.get_by_label("Email address").fill(text)
            await page.get_by_role("checkbox").check()
            await page.locator(SEND).click()
            await expect(page).to_have_url(f"{site.url}/f/open/thanks?{GIVEN}")
            await page.go_back()
    assert [claim.email for claim in site.service.links["open"].claims] == ["one@example.com", "two@example.com"]


async def test_a_service_that_is_away_costs_nobody_their_words(browser: Browser, site: Site) -> None:
    async with visiting(browser, site) as visit:
        page = visit.page
        await page.goto("/f/open")
        await page.get_by_label("Email address").fill("jane@example.com")
        await page.get_by_label("Anything you’d like to say").fill("Cold soup.")
        await page.get_by_role("checkbox").check()
        site.service.failure = Failure(code_pb2.UNAVAILABLE, "DATABASE_UNAVAILABLE")
        await page.locator(SEND).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("We can’t receive your answer right now")
        site.service.failure = None
        await page.get_by_role("button", name="Send again").click()
        await expect(page).to_have_url(f"{site.url}/f/open/thanks?{GIVEN}")
    [claim] = site.service.links["open"].claims
    assert (claim.email, claim.message) == ("jane@example.com", "Cold soup.")


@pytest.mark.parametrize("size", [SMALLEST, PHONE, DESK], ids=["320", "390", "1280"])
async def test_nothing_is_wider_than_the_screen_and_everything_can_be_hit(
    browser: Browser, site: Site, size: dict[str, int]
) -> None:
    async with visiting(browser, site, size) as visit:
        page = visit.page
        for tag in LANGUAGES:
            for path in ("/f/open", "/f/long", "/f/answered", "/f/expired", f"/f/answered/thanks?{GIVEN}", "/"):
                await page.goto(f"{path}{'&' if '?' in path else '?'}lang={tag}")
                await assert_fits(page, size["width"])
        await page.goto("/f/long")
        await page.get_by_label("Anything you’d like to say").fill(LONG_WORD)
        await page.locator(SEND).click()
        await expect(page.locator("[aria-invalid=true]")).to_have_count(2)
        await assert_fits(page, size["width"])


async def assert_fits(page: Page, width: int) -> None:
    """Check that nothing scrolls sideways and that links, fields and buttons are large enough for a thumb."""
    # Playwright evaluates in its own world, also where the page may run no scripts.
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    targets = page.locator(
        "a, button:not([aria-hidden]), summary, input:not([type=hidden], [type=checkbox]), .checkbox"
    )
    # What has no box is closed in a details element.
    small = await targets.evaluate_all(
        """(all, least) => all.filter(one => one.getClientRects().length)
            .filter(one => Math.min(one.getBoundingClientRect().width, one.getBoundingClientRect().height) < least)
            .map(one => one.outerHTML)""",
        SMALLEST_TARGET,
    )
    assert small == []


TEXTS = "h1, h2, p, label, legend, a, button, summary, time, blockquote, figcaption"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_all_text_has_the_contrast_that_wcag_asks_for(browser: Browser, site: Site, dark: bool) -> None:
    async with visiting(browser, site, dark=dark) as visit:
        page = visit.page
        for path in ("/f/open", "/f/answered", "/f/expired", "/f/answered/thanks"):
            await page.goto(path)
            await assert_contrast(page)
        await page.goto("/f/open")
        await page.locator(SEND).click()
        await expect(page.locator("[aria-invalid=true]")).to_have_count(2)
        await assert_contrast(page)


async def assert_contrast(page: Page) -> None:
    """Check WCAG 2.2, 1.4.3: 4.5 to 1 for all text, whatever its size; and 1.4.11 for the edges of fields."""
    for front, background, html in await page.locator(TEXTS).evaluate_all(_COLORS, "color"):
        assert contrast(front, background) >= 4.5, html
    controls = page.locator("input:not([type=hidden], [type=checkbox]), textarea")
    for edge, background, html in await controls.evaluate_all(_COLORS, "border-top-color"):
        assert contrast(edge, background) >= 3, html


_COLORS = """(nodes, property) => nodes.map(node => {
    let around = node;
    while (getComputedStyle(around).backgroundColor === "rgba(0, 0, 0, 0)") around = around.parentElement;
    const [front, back] = [getComputedStyle(node).getPropertyValue(property), getComputedStyle(around).backgroundColor];
    return [front, back, node.outerHTML];
})"""
"""Returns of each node a color, the opaque one behind it, and what it is."""


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colors such as ``rgb(1, 2, 3)`` (WCAG 2.2, relative luminance)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    """Return the relative luminance of an opaque color."""
    assert color.startswith("rgb("), color

    def linear() -> Iterator[float]:
        for channel in re.findall(r"[\d.]+", color):
            value = float(channel) / 255
            yield value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = linear()
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_contrast_of_black_and_white_is_21_to_1() -> None:
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)


async def test_the_focus_can_be_seen_on_everything_that_takes_it(browser: Browser, site: Site) -> None:
    async with visiting(browser, site) as visit:
        page = visit.page
        await page.goto("/f/open")
        for name in ("email", "phone", "display_name", "message", "consent", SEND):
            await press_until(page, "Tab", name)
            style, width = await page.locator("*:focus").evaluate(
                "node => [getComputedStyle(node).outlineStyle, getComputedStyle(node).outlineWidth]"
            )
            assert (style, width) == ("solid", "3px"), name


async def test_nothing_moves_for_those_who_asked_for_that(browser: Browser, site: Site) -> None:
    context = await browser.new_context(reduced_motion="reduce", base_url=site.url)
    try:
        page = await context.new_page()
        await page.goto("/f/open")
        durations = await page.locator("*").evaluate_all(
            "nodes => nodes.map(node => getComputedStyle(node).transitionDuration)"
        )
        assert set(durations) == {"0s"}
        assert await page.locator("html").evaluate("node => getComputedStyle(node).scrollBehavior") == "auto"
    finally:
        await context.close()


# --- languages --------------------------------------------------------------------------------------------------------


async def test_a_reader_switches_the_language_by_keyboard_and_keeps_what_was_typed(
    browser: Browser, site: Site
) -> None:
    async with visiting(browser, site) as visit:
        page = visit.page
        await page.goto("/f/open")
        await page.get_by_label("Email address").fill("jane@example.com")
        await page.get_by_label("Anything you’d like to say").fill("Cold soup.")
        await page.get_by_role("checkbox").check()
        await press_until(page, "Shift+Tab", "button[value=de]")
        await page.keyboard.press("Enter")
        await expect(page.locator("html")).to_have_attribute("lang", "de")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Wir möchten es wiedergutmachen")
        await expect(page.get_by_label("E-Mail-Adresse")).to_have_value("jane@example.com")
        await expect(page.get_by_label("Was Sie uns sagen möchten")).to_have_value("Cold soup.")
        await expect(page.get_by_role("checkbox")).to_be_checked()
        assert site.service.links["open"].claims == [], "nothing has been sent yet"
        await press_until(page, "Tab", "email")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(f"{site.url}/f/open/thanks?lang=de&{GIVEN}")
        thanks = page.get_by_role("heading", level=1)
        await expect(thanks).to_have_text("Vielen Dank, Ihre Kontaktdaten sind angekommen")
        await press_until(page, "Tab", "a[lang=ar]")
        await page.keyboard.press("Enter")
        await expect(thanks).to_have_text("شكرًا لكم، وصلتنا بياناتكم")
        await expect(page.locator("dd")).to_have_text("3F9A-12C7")
    [claim] = site.service.links["open"].claims
    assert (claim.email, claim.message) == ("jane@example.com", "Cold soup.")


async def test_the_enter_key_sends_the_form_and_switches_nothing(browser: Browser, site: Site) -> None:
    async with visiting(browser, site) as visit:
        page = visit.page
        await page.goto("/f/open?lang=es")
        await page.get_by_role("checkbox").check()
        await page.get_by_label("Correo electrónico").fill("jane@example.com")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(f"{site.url}/f/open/thanks?lang=es&{GIVEN}")
    assert len(site.service.links["open"].claims) == 1


async def test_a_browser_is_spoken_to_in_its_own_language(browser: Browser, site: Site) -> None:
    context = await browser.new_context(locale="fr-CA", java_script_enabled=False, base_url=site.url)
    try:
        page = await context.new_page()
        await page.goto("/f/open")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Nous souhaitons y remédier")
    finally:
        await context.close()


async def test_arabic_runs_leftwards_and_addresses_do_not(browser: Browser, site: Site) -> None:
    async with visiting(browser, site) as visit:
        page = visit.page
        await page.goto("/f/open?lang=ar")
        assert await page.locator("html").evaluate("node => getComputedStyle(node).direction") == "rtl"
        for field in ("email", "phone"):
            assert await page.locator(f"#{field}").evaluate("node => getComputedStyle(node).direction") == "ltr"
        plus, digit = await page.locator("#phone-hint bdi").evaluate(_LEFT_EDGES)
        assert plus < digit, "the sign of a country code stands before it"
        box, words = (
            await page.locator("#consent").bounding_box(),
            await page.locator(".checkbox .line-breaks").bounding_box(),
        )
        assert box
        assert words
        assert box["x"] > words["x"] + words["width"], "the tick box is where reading begins"
        quote = page.locator("blockquote")
        assert await quote.evaluate("node => getComputedStyle(node).direction") == "ltr", "an English reply"


_LEFT_EDGES = """node => [0, 1].map(start => {
    const range = document.createRange();
    range.setStart(node.firstChild, start);
    range.setEnd(node.firstChild, start + 1);
    return range.getBoundingClientRect().left;
})"""
"""Returns where the first two characters of a node begin, in CSS pixels."""


async def test_one_touch_takes_the_whole_reference(browser: Browser, site: Site) -> None:
    async with visiting(browser, site) as visit:
        page = visit.page
        for tag in LANGUAGES:
            await page.goto(f"/f/answered/thanks?lang={tag}&{GIVEN}")
            await page.locator("dd").click()
            assert await page.evaluate("getSelection().toString()") == "3F9A-12C7", tag


# --- what axe finds ---------------------------------------------------------------------------------------------------


async def each_state(page: Page, site: Site, tag: str) -> AsyncIterator[str]:
    """Bring ``page`` into each state that a reader can meet, in the language ``tag``; yields the state's name."""

    async def send(path: str, email: str = "jane@example.com", message: str = "") -> None:
        await page.goto(f"{path}?lang={tag}")
        if await page.locator("details:not([open]) > summary").count():
            await page.locator("summary").click()
        await page.locator("#email").fill(email)
        await page.locator("#message").fill(message)
        await page.locator(SEND).click()

    paths = ("/", "/nowhere", "/f/open", "/f/long", "/f/unknown")
    states = ("/f/answered", "/f/closed", "/f/expired", "/f/withdrawn", "/f/replaced", "/f/answered/thanks")
    for path in (*paths, *states):
        await page.goto(f"{path}?lang={tag}&{GIVEN}")
        yield path
    for path in ("/f/open", "/f/answered"):
        await send(path, "jane@")
        await expect(page.locator("[aria-invalid=true]")).to_have_count(2)
        yield f"mistakes in {path}"
    await send("/f/open", message="x" * 70_000)
    yield "too large"
    await page.goto(f"/f/open?lang={tag}")
    await page.locator("#form").evaluate(
        """form => form.insertAdjacentHTML("beforeend", '<input name="more">'.repeat(30))"""
    )
    await page.locator(SEND).click()
    yield "unreadable"
    for failure, name in (
        (Failure(code_pb2.UNAVAILABLE, "DATABASE_UNAVAILABLE", 90), "away"),
        (Failure(code_pb2.RESOURCE_EXHAUSTED, "RATE_LIMITED", 90), "limited"),
    ):
        site.service.submit_failure = failure
        await send("/f/open")
        await expect(page.locator(".summary.info")).to_be_focused()
        yield name
        site.service.submit_failure = None
    site.service.failure = Failure(code_pb2.UNAVAILABLE, "DATABASE_UNAVAILABLE", 90)
    await page.goto(f"/f/open?lang={tag}")
    yield "unavailable"
    site.service.failure = None


ALL = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
"""All that axe has on by default, its best practices included; and WCAG 2.2's size of targets, which it has off."""
COLORS = {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}
"""What another color scheme can change."""
ON_A_PHONE: Final = ((PHONE, "light", ALL),)
IN_OTHER_WAYS: Final = ((PHONE, "dark", COLORS), (DESK, "light", ALL))
ONE_OF_EACH_DIRECTION: Final = {"en", "ar"}
"""Words change neither the colors nor what there is room for."""


@pytest.mark.parametrize("tag", list(LANGUAGES))
async def test_axe_finds_nothing_wrong_with_any_page(browser: Browser, site: Site, tag: str) -> None:
    # Axe is a script: these windows run scripts, where those of customers need none.
    context = await browser.new_context(base_url=site.url, reduced_motion="reduce")
    looks = [*ON_A_PHONE, *(IN_OTHER_WAYS if tag in ONE_OF_EACH_DIRECTION else ())]
    found: dict[str, str] = {}
    seen = set()
    try:
        page = await context.new_page()
        async for state in each_state(page, site, tag):
            await expect(page.locator("html")).to_have_attribute("lang", tag)
            seen.add(await page.locator("h1").inner_text())
            for size, scheme, options in looks:
                await page.set_viewport_size({"width": size["width"], "height": size["height"]})
                await page.emulate_media(color_scheme=scheme)
                results = await Axe().run(page, options=options)
                if results.violations_count:
                    found[f"{state}, {size['width']}, {scheme}"] = results.generate_report()
    finally:
        await context.close()
    assert found == {}
    assert seen == {LANGUAGES[tag].translate_plain(key) for key in HEADINGS}


async def test_axe_would_find_what_is_wrong(browser: Browser, site: Site) -> None:
    context = await browser.new_context(base_url=site.url)
    try:
        page = await context.new_page()
        await page.goto("/f/open")
        await page.locator("label[for=email]").evaluate("node => node.remove()")
        results = await Axe().run(page, options=ALL)
        assert "label" in [violation["id"] for violation in results.response["violations"]]
    finally:
        await context.close()
