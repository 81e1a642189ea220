"""Filling in and sending the form by keyboard and without scripts."""

from __future__ import annotations

import pytest
from google.rpc import code_pb2
from playwright.async_api import Browser, expect

from tests.e2e.form_page.visits import REFERENCE_QUERY, SEND, Pages, open_window, press_until
from tests.integration.web.refusals import Failure

pytestmark = pytest.mark.browser


async def test_a_customer_fills_in_the_form_with_only_the_keyboard(browser: Browser, pages: Pages) -> None:
    async with open_window(browser, pages) as visit:
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
        await expect(page).to_have_url(f"{pages.url}/f/open/thanks?{REFERENCE_QUERY}")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, we’ve received your details")
        await expect(page.locator("dd")).to_have_text("3F9A-12C7")
        await page.reload()
        await expect(page).to_have_url(f"{pages.url}/f/open/thanks?{REFERENCE_QUERY}")
    [claim] = pages.service.links["open"].claims
    assert (claim.email, claim.phone, claim.display_name) == ("jane@example.com", "+442079460958", "Jane Doe")
    assert (claim.message, claim.consent) == ("Cold soup.\nCall in the evening.", True)


async def test_the_error_summary_gets_the_focus_and_links_to_the_fields(browser: Browser, pages: Pages) -> None:
    async with open_window(browser, pages) as visit:
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
        await expect(page).to_have_url(f"{pages.url}/f/open/thanks?{REFERENCE_QUERY}")
    [claim] = pages.service.links["open"].claims
    assert (claim.email, claim.message) == ("jane@example.com", "Cold soup.")


async def test_an_answered_form_opens_by_keyboard(browser: Browser, pages: Pages) -> None:
    async with open_window(browser, pages) as visit:
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
        await expect(page).to_have_url(f"{pages.url}/f/answered/thanks?{REFERENCE_QUERY}")


async def test_going_back_and_sending_the_form_again_is_a_further_answer(browser: Browser, pages: Pages) -> None:
    async with open_window(browser, pages) as visit:
        page = visit.page
        await page.goto("/f/open")
        for text in ("one@example.com", "two@example.com"):
            if await page.locator("summary").count():
                await page.locator("summary").click()
            await page.get_by_label("Email address").fill(text)
            await page.get_by_role("checkbox").check()
            await page.locator(SEND).click()
            await expect(page).to_have_url(f"{pages.url}/f/open/thanks?{REFERENCE_QUERY}")
            await page.go_back()
    assert [claim.email for claim in pages.service.links["open"].claims] == ["one@example.com", "two@example.com"]


async def test_the_answers_are_kept_while_the_service_is_down(browser: Browser, pages: Pages) -> None:
    async with open_window(browser, pages) as visit:
        page = visit.page
        await page.goto("/f/open")
        await page.get_by_label("Email address").fill("jane@example.com")
        await page.get_by_label("Anything you’d like to say").fill("Cold soup.")
        await page.get_by_role("checkbox").check()
        pages.service.failure = Failure(code_pb2.UNAVAILABLE, "DATABASE_UNAVAILABLE")
        await page.locator(SEND).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("We can’t receive your answer right now")
        pages.service.failure = None
        await page.get_by_role("button", name="Send again").click()
        await expect(page).to_have_url(f"{pages.url}/f/open/thanks?{REFERENCE_QUERY}")
    [claim] = pages.service.links["open"].claims
    assert (claim.email, claim.message) == ("jane@example.com", "Cold soup.")
