"""A visit to the form's page in a real browser, as on a customer's phone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Request

from tests.integration.web.customer_service import CustomerService

PHONE = {"width": 390, "height": 844}
SMALLEST = {"width": 320, "height": 640}
DESKTOP = {"width": 1280, "height": 900}
SEND = "main form button"
"""The button that sends the form; the other buttons are those of the languages."""
REFERENCE_QUERY = "reference=3F9A-12C7"
LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"


@dataclass
class Pages:
    """The running pages and the service behind them."""

    url: str
    service: CustomerService


@dataclass
class Visit:
    """A browser window, and the requests and console messages that it made."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """Messages on the browser's console, such as a violation of the content security policy."""


@asynccontextmanager
async def open_window(
    browser: Browser, pages: Pages, size: dict[str, int] = PHONE, *, dark: bool = False
) -> AsyncIterator[Visit]:
    """Opens a new window without scripts.

    When the block ends, checks that the page requested only files of the pages and got no cookie, and that the
    console of the browser has no messages other than statuses of responses.
    """
    context: BrowserContext = await browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        color_scheme="dark" if dark else "light",
        java_script_enabled=False,
        base_url=pages.url,
    )
    try:
        visit = Visit(await context.new_page())

        def note(request: Request) -> None:
            visit.requests.append(request.url)

        context.on("request", note)
        # The console also reports statuses such as 422, which are expected.
        visit.page.on(
            "console",
            lambda said: visit.complaints.append(said.text) if "the server responded" not in said.text else None,
        )
        yield visit
        assert visit.requests
        assert [url for url in visit.requests if not url.startswith(f"{pages.url}/")] == []
        assert visit.complaints == []
        assert await context.cookies() == []
    finally:
        await context.close()


async def press_until(page: Page, key: str, name: str) -> None:
    """Presses ``key`` until the element with this id or selector has the focus, at most 20 times. Otherwise fails."""
    for _ in range(20):
        await page.keyboard.press(key)
        if await page.locator(f'*:focus:is([id="{name}"], {name})').count():
            return
    pytest.fail(f"{name} is not reached by {key}")
