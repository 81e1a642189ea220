"""The form's languages: how a reader switches them, and text that runs from right to left."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from care_web.languages import LANGUAGES
from tests.e2e.form_page.visits import REFERENCE_QUERY, Pages, open_window, press_until

pytestmark = pytest.mark.browser


async def test_a_reader_switches_the_language_by_keyboard_and_keeps_the_answers(browser: Browser, pages: Pages) -> None:
    async with open_window(browser, pages) as visit:
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
        assert pages.service.links["open"].claims == [], "nothing has been submitted yet"
        await press_until(page, "Tab", "email")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(f"{pages.url}/f/open/thanks?lang=de&{REFERENCE_QUERY}")
        thanks = page.get_by_role("heading", level=1)
        await expect(thanks).to_have_text("Vielen Dank, Ihre Kontaktdaten sind angekommen")
        await press_until(page, "Tab", "a[lang=ar]")
        await page.keyboard.press("Enter")
        await expect(thanks).to_have_text("شكرًا لكم، وصلتنا بياناتكم")
        await expect(page.locator("dd")).to_have_text("3F9A-12C7")
    [claim] = pages.service.links["open"].claims
    assert (claim.email, claim.message) == ("jane@example.com", "Cold soup.")


async def test_the_enter_key_sends_the_form_and_keeps_the_language(browser: Browser, pages: Pages) -> None:
    async with open_window(browser, pages) as visit:
        page = visit.page
        await page.goto("/f/open?lang=es")
        await page.get_by_role("checkbox").check()
        await page.get_by_label("Correo electrónico").fill("jane@example.com")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(f"{pages.url}/f/open/thanks?lang=es&{REFERENCE_QUERY}")
    assert len(pages.service.links["open"].claims) == 1


async def test_the_page_is_in_the_language_of_the_browser(browser: Browser, pages: Pages) -> None:
    context = await browser.new_context(locale="fr-CA", java_script_enabled=False, base_url=pages.url)
    try:
        page = await context.new_page()
        await page.goto("/f/open")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Nous souhaitons y remédier")
    finally:
        await context.close()


async def test_arabic_runs_from_right_to_left_and_addresses_from_left_to_right(browser: Browser, pages: Pages) -> None:
    async with open_window(browser, pages) as visit:
        page = visit.page
        await page.goto("/f/open?lang=ar")
        assert await page.locator("html").evaluate("node => getComputedStyle(node).direction") == "rtl"
        for field in ("email", "phone"):
            assert await page.locator(f"#{field}").evaluate("node => getComputedStyle(node).direction") == "ltr"
        plus, digit = await page.locator("#phone-hint bdi").evaluate(_LEFT_EDGES)
        assert plus < digit, "the plus sign is to the left of the country code"
        box, label = (
            await page.locator("#consent").bounding_box(),
            await page.locator(".checkbox .line-breaks").bounding_box(),
        )
        assert box
        assert label
        assert box["x"] > label["x"] + label["width"], "the checkbox is at the side where reading begins"
        quote = page.locator("blockquote")
        assert await quote.evaluate("node => getComputedStyle(node).direction") == "ltr", "an English reply"


_LEFT_EDGES = """node => [0, 1].map(start => {
    const range = document.createRange();
    range.setStart(node.firstChild, start);
    range.setEnd(node.firstChild, start + 1);
    return range.getBoundingClientRect().left;
})"""
"""Returns the left edges of the first two characters of a node, in CSS pixels."""


async def test_one_click_selects_the_whole_reference(browser: Browser, pages: Pages) -> None:
    async with open_window(browser, pages) as visit:
        page = visit.page
        for tag in LANGUAGES:
            await page.goto(f"/f/answered/thanks?lang={tag}&{REFERENCE_QUERY}")
            await page.locator("dd").click()
            assert await page.evaluate("getSelection().toString()") == "3F9A-12C7", tag
