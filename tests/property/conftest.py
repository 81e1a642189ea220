"""Runs the service with a settable clock. All runs on one event loop, which pauses while Hypothesis generates steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest
from structlog.testing import capture_logs

from care_dev.stack import postgres
from tests.property.machine import Bench, ExampleClock
from tests.support.care import care


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Server]:
    with postgres.postgres(Path(tmp_path_factory.mktemp("postgres"))) as running:
        yield running


@pytest.fixture(scope="session")
async def bench(server: postgres.Server) -> AsyncIterator[Bench]:
    clock = ExampleClock()
    async with (
        care(server.create_database("property"), clock=clock) as running,
        grpc.aio.insecure_channel(running.address) as channel,
    ):
        yield Bench(running, clock, channel, asyncio.get_running_loop())


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keeps the service's log out of the output, so that a failed example shows its steps."""
    with capture_logs():
        yield
