"""Temporal's UI in a browser, as an operator uses it: a filter, a row, a tab, and pictures of what is there."""

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
"""Those that docs/runbook.md recommends."""
_LEFT, _TOP, _WIDTH, _RIGHT, _BELOW, _HEIGHT = 272, 64, 1280, 16, 6, 1400
"""In pixels: where pictures begin, past the bars; their width; what is beside and below; the window's height."""
_PATIENCE: Final = 60_000
"""Milliseconds until what has to be seen must be there."""

DETAILS: Final = "User Metadata"
"""The tab of a workflow's page that has its current details; each text there is a page of its own."""
ROWS: Final = "table tbody tr"
ALL_DETAILS: Final = "xpath=//h3[contains(., 'Current Details')]/ancestor::div[4]"
LAST_FAILURE: Final = "div:has(> p:text-is('Last Failure'))"
PROBLEM: Final = ".alert"
"""Selectors of what pictures reach down to."""
PENDING_ACTIVITIES: Final = "Pending Activities"
EVENT_HISTORY: Final = "Event History"


class Ui:
    """The UI in a window of its own."""

    def __init__(self, page: Page, url: str) -> None:
        self._page = page
        self._url = f"{url}/namespaces/{_NAMESPACE}/workflows"

    async def list(self, query: str, rows: Sequence[str]) -> None:
        """Filters the list of workflows; returns once it has a row for each beginning of an id, and no other."""
        await self._page.goto(f"{self._url}?query={quote(query, safe='')}")
        for row in rows:
            await expect(self._row(row)).to_be_visible(timeout=_PATIENCE)
        await expect(self._page.locator(ROWS)).to_have_count(len(rows))

    async def open(self, row: str, tab: str, shows: str) -> None:
        """Opens a row of the list and one of its page's tabs; returns once `shows` is there."""
        await self._row(row).click()
        opened = self._page.get_by_role("tab", name=tab)
        await opened.click()
        await expect(opened).to_have_attribute("aria-selected", "true")
        page = self._page.frame_locator("iframe").last if tab == DETAILS else self._page
        # As an expression it has to have the same case: help that pops up says "timeout" too.
        await expect(page.get_by_text(re.compile(re.escape(shows))).first).to_be_visible(timeout=_PATIENCE)

    async def shoot(self, path: Path, until: str) -> None:
        """Takes a picture, down to the end of the last part that the selector `until` names."""
        height = await self._end(self._page.locator(until).last) - _TOP + _BELOW
        await self._page.screenshot(path=path, clip={"x": _LEFT, "y": _TOP, "width": _WIDTH, "height": height})

    async def _end(self, part: Locator) -> float:
        box = await part.bounding_box()
        if box is None:
            raise StackError("the UI does not show what it showed just now")
        return box["y"] + box["height"]

    def _row(self, beginning: str) -> Locator:
        # A slash would end the expression in Playwright's selectors.
        whole = re.compile(f"^{re.escape(beginning)}(/|$)".replace("/", "[/]"))
        return self._page.get_by_role("link", name=whole).first


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Ui]:
    """Opens the UI at `url` in the machine's Chromium; raises StackError where there is none."""
    executable = next(filter(None, map(shutil.which, _NAMES)), None)
    if executable is None:
        raise StackError(f"no Chromium is found: install one, so that {' or '.join(_NAMES[:2])} is on the PATH")
    columns = json.dumps({_NAMESPACE: [{"label": label} for label in _COLUMNS]})
    async with async_playwright() as playwright:
        # Containers have no user namespaces for its sandbox; only our own pages are opened.
        browser = await playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        try:
            size: ViewportSize = {"width": _LEFT + _WIDTH + _RIGHT, "height": _HEIGHT}
            context = await browser.new_context(viewport=size, timezone_id="UTC", locale="en-GB")
            chosen = f"localStorage.setItem('namespace-workflow-table-columns', {json.dumps(columns)})"
            await context.add_init_script(chosen)
            yield Ui(await context.new_page(), url)
        finally:
            await browser.close()
