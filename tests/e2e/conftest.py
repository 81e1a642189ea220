"""One running system for all tests of this folder. Each test creates its own reviews and tickets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.e2e.scenario import Scenario
from tests.support import system as systems
from tests.support.browser import chromium
from tests.support.system import System
from tools.collector import Collector, run_collector

VARIABLES = {
    # Short, so that a removal by moderation is noticed while a test waits for it.
    "CARE_MODERATION_CHECKS": "2s,4s,8s,16s,32s,64s",
    # The shortest settle time that is safe: the worker's deadline for an attempt is 25 s.
    "CARE_SETTLE_TIME": "26s",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Makes all tests that share the system run in the same process."""
    for item in items:
        if isinstance(item, pytest.Function) and "system" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("system"))


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Receives all spans of the system."""
    with run_collector() as found:
        yield found


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[System]:
    home = Path(tmp_path_factory.mktemp("system"))
    with systems.system(home, VARIABLES | collector.variables) as found:
        yield found


@pytest.fixture(scope="session")
async def system(running: System) -> AsyncIterator[System]:
    """The system that all tests share. A test that kills a process must wait until that runs again."""
    yield running
    await running.close()


@pytest.fixture
async def scenario(system: System) -> Scenario:
    return await Scenario.open(system)


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A browser that the tests of a module share."""
    async with chromium() as found:
        yield found
