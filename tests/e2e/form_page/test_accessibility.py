"""Axe finds no accessibility violation in any state of the form."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import pytest
from axe_playwright_python.async_playwright import Axe
from google.rpc import code_pb2
from playwright.async_api import Browser, Page, expect

from care_web.languages import LANGUAGES
from tests.e2e.form_page.visits import DESKTOP, PHONE, REFERENCE_QUERY, SEND, Pages
from tests.e2e.page_languages import BY_LANGUAGE, ONE_OF_EACH_DIRECTION
from tests.integration.web.refusals import Failure

pytestmark = pytest.mark.browser


HEADINGS = (
    *("root.title", "missing.title", "unknown.title", "form.greeting", "answered.greeting", "closed.greeting"),
    *("expired.title", "withdrawn.title", "replaced.title", "thanks.title", "large.title", "unreadable.title"),
    *("down.title", "busy.title", "unavailable.title"),
)
"""The headings of all states of the pages, except those that only a bug can cause."""


async def each_state(page: Page, pages: Pages, tag: str) -> AsyncIterator[str]:
    """Brings ``page`` into each state in the language ``tag``; yields the state's name."""

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
        await page.goto(f"{path}?lang={tag}&{REFERENCE_QUERY}")
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
        pages.service.submit_failure = failure
        await send("/f/open")
        await expect(page.locator(".summary.info")).to_be_focused()
        yield name
        pages.service.submit_failure = None
    pages.service.failure = Failure(code_pb2.UNAVAILABLE, "DATABASE_UNAVAILABLE", 90)
    await page.goto(f"/f/open?lang={tag}")
    yield "unavailable"
    pages.service.failure = None


ALL = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
"""Axe's default rules, including best practices, and the rule for WCAG 2.2's target size, which is off by default."""
COLORS = {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}
"""Axe's options for another color scheme, which can change only the contrast."""
ON_A_PHONE: Final = ((PHONE, "light", ALL),)
IN_OTHER_WAYS: Final = ((PHONE, "dark", COLORS), (DESKTOP, "light", ALL))


@pytest.mark.parametrize("tag", BY_LANGUAGE)
async def test_axe_finds_no_violation_on_any_page(browser: Browser, pages: Pages, tag: str) -> None:
    # Axe is a script, so these windows run scripts. The page itself needs none.
    context = await browser.new_context(base_url=pages.url, reduced_motion="reduce")
    looks = [*ON_A_PHONE, *(IN_OTHER_WAYS if tag in ONE_OF_EACH_DIRECTION else ())]
    found: dict[str, str] = {}
    seen = set()
    try:
        page = await context.new_page()
        async for state in each_state(page, pages, tag):
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


async def test_axe_finds_a_planted_violation(browser: Browser, pages: Pages) -> None:
    context = await browser.new_context(base_url=pages.url)
    try:
        page = await context.new_page()
        await page.goto("/f/open")
        await page.locator("label[for=email]").evaluate("node => node.remove()")
        results = await Axe().run(page, options=ALL)
        assert "label" in [violation["id"] for violation in results.response["violations"]]
    finally:
        await context.close()
