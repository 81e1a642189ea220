"""The relay continues after every failure. A row that could not be processed stays and is retried."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from temporalio.service import RPCError, RPCStatusCode

from care_client import trace_context
from care_service.metrics import Metrics
from care_service.running import relay as relay_module
from care_service.running.relay import Relay
from care_service.running.waker import NewWorkflow, Plan
from care_service.storage.outbox import Wake

WAKE = Wake("acme", 1, "ContactRecovery", 17, UUID(int=7), 1, "soho", False, f"00-{7:032x}-{8:016x}-01")


class Rows:
    """An outbox with one row. The first claims raise `failures`."""

    def __init__(self, failures: Sequence[Exception] = ()) -> None:
        self._failures = list(failures)
        self._attempts = 0
        self.waiting = True
        self.row = WAKE
        self.released: list[timedelta] = []
        self.limits: list[int] = []
        """The limit of each claim."""
        self.parked: list[tuple[int, str]] = []
        """The number of attempts and the failure of each parked row."""
        self.deleted = asyncio.Event()

    async def claim(self, limit: int, duration: timedelta) -> Sequence[Wake]:
        if self._failures:
            raise self._failures.pop()
        self.limits.append(limit)
        rows = [replace(self.row, attempts=self._attempts + 1)] if self.waiting else []
        self._attempts += len(rows)
        self.waiting = False
        return rows

    async def delete(self, wakes: Sequence[Wake]) -> None:
        self.deleted.set()

    async def release(self, wakes: Sequence[Wake], after: timedelta) -> None:
        if wakes:
            self.released.append(after)
            self.waiting = True

    async def park(self, wakes: Sequence[Wake], failure: str) -> None:
        self.parked += [(wake.attempts, failure) for wake in wakes]


class Temporal:
    """Wakes workflows. The first wakes raise `failures`."""

    def __init__(self, failures: Sequence[Exception] = ()) -> None:
        self._failures = list(failures)
        self.traces: list[str | None] = []
        self.checked = asyncio.Event()
        self.woken = asyncio.Event()

    async def wake(self, wake: Wake, plan: Plan | None = None) -> None:
        self.traces.append(trace_context.current())
        self.woken.set()
        if self._failures:
            raise self._failures.pop()

    async def check(self) -> None:
        self.checked.set()


@asynccontextmanager
async def run_relay(relay: Relay) -> AsyncIterator[None]:
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
    async with run_relay(Relay(rows, Temporal(), Metrics())):
        await rows.deleted.wait()
    assert rows.released == []


@pytest.mark.parametrize("failure", [OSError("gone"), ValueError("no such address"), RuntimeError("never connected")])
async def test_a_row_whose_workflow_could_not_be_woken_is_released_and_retried(failure: Exception) -> None:
    rows = Rows()
    async with run_relay(Relay(rows, Temporal([failure]), Metrics())):
        await rows.deleted.wait()
    assert rows.released == [timedelta(seconds=1)]


def rpc_error(code: RPCStatusCode) -> RPCError:
    return RPCError("as Temporal words it", code, b"")


async def test_a_row_that_temporal_refuses_is_parked_after_several_attempts() -> None:
    rows, metrics = Rows(), Metrics()
    relay = Relay(rows, Temporal([rpc_error(RPCStatusCode.INVALID_ARGUMENT)] * 9), metrics)
    for _ in range(7):
        await relay.turn()
    assert rows.parked == [(5, "INVALID_ARGUMENT")]
    assert rows.released == [timedelta(seconds=1 << step) for step in range(4)]
    assert not rows.deleted.is_set()
    assert metrics.registry.get_sample_value("care_outbox_wakes_total", {"result": "parked"}) == 1
    assert metrics.registry.get_sample_value("care_degraded") == 0


async def test_attempts_while_temporal_is_down_park_no_row() -> None:
    rows = Rows()
    # The last failure in the list is raised first.
    failures = [rpc_error(RPCStatusCode.INVALID_ARGUMENT)] * 4 + [rpc_error(RPCStatusCode.UNAVAILABLE)] * 9
    relay = Relay(rows, Temporal(failures), Metrics())
    for _ in range(14):
        await relay.turn()
    assert rows.parked == []
    assert rows.deleted.is_set()


@pytest.mark.parametrize(
    ("code", "degraded"), [(RPCStatusCode.UNAVAILABLE, 0), (RPCStatusCode.NOT_FOUND, 1)], ids=["away", "no namespace"]
)
async def test_a_check_of_temporal_ends_the_degraded_state_of_an_outage_only(
    code: RPCStatusCode, degraded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "_CHECK_AFTER", 0.0)
    metrics, temporal = Metrics(), Temporal([rpc_error(code)])
    relay = Relay(Rows(), temporal, metrics)
    await relay.turn()
    assert metrics.registry.get_sample_value("care_degraded") == 1
    await relay._check()
    assert temporal.checked.is_set()
    assert metrics.registry.get_sample_value("care_degraded") == degraded


@pytest.mark.parametrize(
    "code", [RPCStatusCode.UNAVAILABLE, RPCStatusCode.NOT_FOUND, RPCStatusCode.PERMISSION_DENIED], ids=lambda c: c.name
)
async def test_a_failure_of_all_rows_parks_none_and_is_reported_as_degraded_until_it_ends(code: RPCStatusCode) -> None:
    rows, metrics = Rows(), Metrics()
    relay = Relay(rows, Temporal([rpc_error(code)] * 8), metrics)
    for _ in range(8):
        await relay.turn()
    assert (rows.parked, len(rows.released)) == ([], 8)
    assert metrics.registry.get_sample_value("care_degraded") == 1
    await relay.turn()
    assert rows.deleted.is_set()
    assert metrics.registry.get_sample_value("care_degraded") == 0


async def test_while_temporal_is_down_only_one_row_is_tried() -> None:
    rows = Rows()
    relay = Relay(rows, Temporal([rpc_error(RPCStatusCode.UNAVAILABLE)] * 3), Metrics())
    for _ in range(5):
        await relay.turn()
    first, *while_away, back = rows.limits
    assert while_away == [1, 1, 1]
    assert first == back > 1


async def test_a_workflow_is_woken_in_the_trace_of_the_change() -> None:
    temporal = Temporal()
    await Relay(Rows(), temporal, Metrics()).turn()
    assert temporal.traces == [WAKE.traceparent]


# --- starts before the rows are claimed -------------------------------------------------------------------------------

NEW = replace(WAKE, is_new_workflow=True)


class RowsOfNew(Rows):
    """An outbox with the row of a new workflow."""

    async def claim(self, limit: int, lease: timedelta) -> Sequence[Wake]:
        return [replace(each, is_new_workflow=True) for each in await super().claim(limit, lease)]


async def test_a_new_workflow_is_started_before_its_row_is_claimed_and_only_once() -> None:
    rows, temporal = RowsOfNew(), Temporal()
    relay = Relay(rows, temporal, Metrics())
    relay.hint([NewWorkflow(replace(NEW, id=0))])
    await temporal.woken.wait()
    assert temporal.traces == [NEW.traceparent]
    assert not rows.deleted.is_set()
    assert await relay.turn()
    assert rows.deleted.is_set()
    assert temporal.traces == [NEW.traceparent]


async def test_a_claimed_row_waits_for_the_start_that_runs() -> None:
    rows, temporal = RowsOfNew(), Temporal()
    relay = Relay(rows, temporal, Metrics())
    relay.hint([NewWorkflow(replace(NEW, id=0))])
    assert await relay.turn()  # the start has not run yet
    assert temporal.traces == [NEW.traceparent]


async def test_a_start_that_failed_is_repeated_for_its_row() -> None:
    rows, temporal = RowsOfNew(), Temporal([rpc_error(RPCStatusCode.UNAVAILABLE)])
    relay = Relay(rows, temporal, Metrics())
    relay.hint([NewWorkflow(replace(NEW, id=0))])
    assert await relay.turn()
    assert temporal.traces == [NEW.traceparent] * 2


async def test_a_later_row_of_a_started_workflow_pokes_it() -> None:
    rows, temporal = Rows(), Temporal()  # the row is not that of a new workflow
    relay = Relay(rows, temporal, Metrics())
    relay.hint([NewWorkflow(replace(NEW, id=0))])
    assert await relay.turn()
    assert len(temporal.traces) == 2


async def test_a_start_whose_row_another_relay_claimed_is_forgotten() -> None:
    rows, temporal = RowsOfNew(), Temporal()
    relay = Relay(rows, temporal, Metrics())
    relay.hint([NewWorkflow(replace(NEW, id=0))])
    await temporal.woken.wait()
    assert temporal.traces == [NEW.traceparent]
    rows.waiting = False
    assert not await relay.turn()
    rows.waiting = True  # the other relay gave up
    assert await relay.turn()
    assert len(temporal.traces) == 2


async def test_a_start_whose_row_another_relay_claimed_is_forgotten_while_other_rows_are_claimed() -> None:
    rows, temporal = RowsOfNew(), Temporal()
    relay = Relay(rows, temporal, Metrics())
    other = replace(NEW, id=0, resource_id=UUID(int=9))
    relay.hint([NewWorkflow(replace(NEW, id=0)), NewWorkflow(other)])
    assert await relay.turn()  # claims the first row only
    assert len(temporal.traces) == 2
    rows.waiting, rows.row = True, replace(WAKE, resource_id=other.resource_id)  # the other relay gave up
    assert await relay.turn()
    assert len(temporal.traces) == 3


async def test_at_most_a_batch_is_started_early() -> None:
    rows, temporal = RowsOfNew(), Temporal()
    rows.waiting = False
    relay = Relay(rows, temporal, Metrics())
    relay.hint([NewWorkflow(replace(NEW, id=0, resource_id=UUID(int=number))) for number in range(60)])
    await temporal.woken.wait()
    assert not await relay.turn()
    assert len(temporal.traces) == rows.limits[0] < 60


async def test_nothing_is_started_early_while_temporal_is_unreachable() -> None:
    rows, temporal = RowsOfNew(), Temporal([rpc_error(RPCStatusCode.UNAVAILABLE)])
    relay = Relay(rows, temporal, Metrics())
    assert not await relay.turn()
    relay.hint([NewWorkflow(replace(NEW, id=0))])
    assert await relay.turn()
    assert len(temporal.traces) == 2


async def test_the_relay_ends_after_its_current_batch() -> None:
    rows = Rows()
    relay = Relay(rows, Temporal(), Metrics())
    relay.end()
    await relay.run()
    rows.waiting = True
    relay = Relay(rows, Temporal(), Metrics())
    async with asyncio.timeout(10):
        ending = asyncio.create_task(relay.run())
        await rows.deleted.wait()
        relay.end()
        await ending
