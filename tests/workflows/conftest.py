"""Temporal servers for this folder: one of each kind per test process."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from tests.support import temporal

CONTINUE_AFTER_EVENTS = 120
"""The history length at which the dev server suggests continuing as new. A test can reach it."""


@pytest.fixture(scope="session")
async def skipping() -> AsyncIterator[WorkflowEnvironment]:
    async with temporal.time_skipping() as environment:
        yield environment


@pytest.fixture(scope="session")
async def dev_client() -> AsyncIterator[Client]:
    limit = f"limit.historyCount.suggestContinueAsNew={CONTINUE_AFTER_EVENTS}"
    async with temporal.dev_server(["--dynamic-config-value", limit]) as environment:
        yield environment.client
