"""A local server that speaks the API of Google Business Profile, and an adapter that uses it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from care_workflows.channels.google_business import GoogleBusiness
from tests.support.google import Google
from tests.workflows.channels.google_business.replies import adapter


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Excludes connections to this machine from any proxy. The other settings for proxies stay."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
async def google() -> AsyncIterator[Google]:
    google = Google()
    async with google.serving():
        yield google


@pytest.fixture
async def site(google: Google, tmp_path: Path) -> AsyncIterator[GoogleBusiness]:
    async with adapter(google, tmp_path) as site:
        yield site
