"""Runs the machine's Chromium for tests of pages. Nothing is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest
from playwright.async_api import Browser, async_playwright

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

_ARGUMENTS: Final = (
    "--no-sandbox",  # containers have no user namespaces; tests open only pages of this project
    "--disable-gpu",
    # With these, Chromium sends no requests of its own. A test then sees only those of the page.
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Runs a headless Chromium. If there is none, skips the test, or fails it if the variable CI is set."""
    executable = find_chromium()
    if executable is None:
        reason = f"needs a Chromium: install one, so that {' or '.join(_NAMES[:2])} is on the PATH"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


def find_chromium() -> str | None:
    """Returns the path of a Chromium or Chrome on this machine, or None."""
    return next(filter(None, map(shutil.which, _NAMES)), None)
