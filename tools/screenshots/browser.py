"""Controls Temporal's UI in a browser as an operator does, and takes screenshots."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from playwright.async_api import Locator, Page, ViewportSize, async_playwright, expect

from care_dev.stack.errors import StackError

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_NAMESPACE: Final = "default"
_COLUMNS: Final = ("Status", "Workflow ID", "CareWaitsFor", "CareNextDeadline", "CareFormExpiry", "Start")
"""The columns that docs/runbook.md recommends."""
_LEFT, _TOP, _WIDTH, _RIGHT, _BELOW, _HEIGHT = 272, 64, 1280, 16, 6, 1400
"""Pixels: the position of the pictures, past the bars of the UI; their width; the margins right and below; the height
of the window."""
_TIMEOUT: Final = 60_000
"""Milliseconds to wait for an element."""

DETAILS: Final = "User Metadata"
"""The tab of a workflow's page with its current details. Each text there is in an iframe."""
ROWS: Final = "table tbody tr"
ALL_DETAILS: Final = "xpath=//h3[contains(., 'Current Details')]/ancestor::div[4]"
LAST_FAILURE: Final = "div:has(> p:text-is('Last Failure'))"
PROBLEM: Final = ".alert"
"""Selectors of the last element in a picture."""
PENDING_ACTIVITIES: Final = "Pending Activities"
EVENT_HISTORY: Final = "Event History"


class Ui:
    """A browser window with the UI."""

    def __init__(self, page: Page, url: str) -> None:
        self._page = page
        self._url = f"{url}/namespaces/{_NAMESPACE}/workflows"

    async def list(self, query: str, rows: Sequence[str]) -> None:
        """Filters the list of workflows. Waits until it has exactly one row for each id prefix in `rows`."""
        await self._page.goto(f"{self._url}?query={quote(query, safe='')}")
        for row in rows:
            await expect(self._row(row)).to_be_visible(timeout=_TIMEOUT)
        await expect(self._page.locator(ROWS)).to_have_count(len(rows))

    async def open(self, row: str, tab: str, shows: str) -> None:
        """Opens the page of a row and one of its tabs. Waits for the text `shows`."""
        await self._row(row).click()
        link = self._page.get_by_role("tab", name=tab)
        await link.click()
        await expect(link).to_have_attribute("aria-selected", "true")
        page = self._page.frame_locator("iframe").last if tab == DETAILS else self._page
        # A regular expression is case-sensitive. So "TIMEOUT" does not match the word "timeout" in the UI's help.
        await expect(page.get_by_text(re.compile(re.escape(shows))).first).to_be_visible(timeout=_TIMEOUT)

    async def shoot(self, path: Path, until: str) -> None:
        """Takes a picture that ends below the last element that matches the selector `until`."""
        height = await self._bottom(self._page.locator(until).last) - _TOP + _BELOW
        await self._page.screenshot(path=path, clip={"x": _LEFT, "y": _TOP, "width": _WIDTH, "height": height})

    async def _bottom(self, element: Locator) -> float:
        box = await element.bounding_box()
        if box is None:
            raise StackError("an element disappeared from the UI")
        return box["y"] + box["height"]

    def _row(self, prefix: str) -> Locator:
        # Slashes are in brackets, because Playwright's selectors would end the expression at a slash.
        pattern = re.compile(f"^{re.escape(prefix)}(/|$)".replace("/", "[/]"))
        return self._page.get_by_role("link", name=pattern).first


@asynccontextmanager
async def open_ui(url: str) -> AsyncIterator[Ui]:
    """Opens the UI at `url` in this machine's Chromium. Raises StackError if there is none."""
    executable = next(filter(None, map(shutil.which, _NAMES)), None)
    if executable is None:
        raise StackError(f"no Chromium found: install one, so that {' or '.join(_NAMES[:2])} is on the PATH")
    columns = json.dumps({_NAMESPACE: [{"label": label} for label in _COLUMNS]})
    async with async_playwright() as playwright:
        # Containers lack the user namespaces that the sandbox needs. Only trusted pages are opened.
        browser = await playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        try:
            size: ViewportSize = {"width": _LEFT + _WIDTH + _RIGHT, "height": _HEIGHT}
            context = await browser.new_context(viewport=size, timezone_id="UTC", locale="en-GB")
            select_columns = f"localStorage.setItem('namespace-workflow-table-columns', {json.dumps(columns)})"
            await context.add_init_script(select_columns)
            yield Ui(await context.new_page(), url)
        finally:
            await browser.close()
