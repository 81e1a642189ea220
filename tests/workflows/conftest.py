"""Temporal servers for this folder: one of each kind per test process."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from tests.support import temporal

CONTINUE_AFTER_EVENTS = 120
"""History length from which the dev server suggests to continue as new, so that a test can get there."""


@pytest.fixture(scope="session")
async def skipping() -> AsyncIterator[WorkflowEnvironment]:
    async with temporal.time_skipping() as environment:
        yield environment


@pytest.fixture(scope="session")
async def dev_client() -> AsyncIterator[Client]:
    limit = f"limit.historyCount.suggestContinueAsNew={CONTINUE_AFTER_EVENTS}"
    async with temporal.dev_server(["--dynamic-config-value", limit]) as environment:
        yield environment.client
