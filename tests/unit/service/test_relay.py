"""The relay goes on whatever happens: a row that could not be handled stays, and is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from uuid import UUID

import pytest

from care_service.relay import Relay
from care_service.storage.outbox import Wake

WAKE = Wake("acme", 1, "ContactRecovery", 17, UUID(int=7), 1, "soho")


class Rows:
    """An outbox of one row; `failures` are raised by the first claims."""

    def __init__(self, failures: Sequence[Exception] = ()) -> None:
        self._failures = list(failures)
        self.waiting = True
        self.released: list[timedelta] = []
        self.deleted = asyncio.Event()

    async def claim(self, limit: int, lease: timedelta) -> Sequence[Wake]:
        if self._failures:
            raise self._failures.pop()
        rows = [WAKE] if self.waiting else []
        self.waiting = False
        return rows

    async def delete(self, wakes: Sequence[Wake]) -> None:
        self.deleted.set()

    async def release(self, wakes: Sequence[Wake], after: timedelta) -> None:
        self.released.append(after)
        self.waiting = True


class Temporal:
    """Wakes workflows, after the failures."""

    def __init__(self, failures: Sequence[Exception] = ()) -> None:
        self._failures = list(failures)

    async def wake(self, wake: Wake) -> None:
        if self._failures:
            raise self._failures.pop()


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[None]:
    task = asyncio.create_task(relay.run())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("failure", [OSError("gone"), ValueError("nonsense"), RuntimeError("never connected")])
async def test_a_row_that_could_not_be_claimed_is_claimed_later(failure: Exception) -> None:
    rows = Rows([failure])
    async with running(Relay(rows, Temporal())):
        await rows.deleted.wait()
    assert rows.released == []


@pytest.mark.parametrize("failure", [OSError("gone"), ValueError("no such address"), RuntimeError("never connected")])
async def test_a_row_whose_workflow_could_not_be_woken_is_given_back_and_woken_later(failure: Exception) -> None:
    rows = Rows()
    async with running(Relay(rows, Temporal([failure]))):
        await rows.deleted.wait()
    assert rows.released == [timedelta(seconds=1)]
