"""The relay: claims outbox rows and wakes their workflows. Any number of replicas may run it.

A row says only "wake this workflow". If the workflow is running, it gets a signal (a poke). Otherwise it is started.
Order and repetition make no difference. While Temporal is unreachable, rows wait, and all RPCs of the service keep
working. A row that Temporal keeps refusing is parked for an operator.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Final, Protocol, TypeAlias
from uuid import UUID

from opentelemetry import context as contexts
from temporalio.service import RPCError, RPCStatusCode

from care_client import trace_context
from care_roles.logs import get_logger
from care_rules import names
from care_service.metrics import Metrics
from care_service.running.background import failure_reason
from care_service.running.waker import NewWorkflow, Plan
from care_service.storage.outbox import Wake

_LOG: Final = get_logger("care.relay")
_BATCH: Final = 50
_CLAIM_DURATION: Final = timedelta(seconds=60)
"""Longer than a batch takes, so that no row is claimed twice while Temporal is slow."""
_POLL: Final = 1.0
"""Seconds between polls. Polling finds rows that another process wrote, and rows that were released."""
_PAUSE: Final = timedelta(seconds=1)
_PAUSE_MAX: Final = timedelta(seconds=30)

_PARK_AFTER: Final = 5
"""How many refusals of a row park the row. Not fewer: a restart or an upgrade of Temporal resolves some refusals."""
_REFUSALS: Final = frozenset(
    {RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.OUT_OF_RANGE}
)
"""Errors that concern one row, and can park it. Other errors concern all rows, such as a missing namespace."""
_UNREACHABLE: Final = frozenset({RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED})
_RESPONSES: Final = frozenset(status.name for status in RPCStatusCode if status not in _UNREACHABLE)
"""The statuses that come from Temporal itself, so they show that Temporal is reachable."""
_CHECK_AFTER: Final = 10.0
"""Seconds without a response from Temporal after which its health is checked."""


class Waker(Protocol):
    """Wakes one workflow."""

    async def wake(self, wake: Wake, plan: Plan | None = None) -> None:
        """Signals the workflow if it runs. Otherwise starts it, with `plan` or the plan from the database.

        Raises RPCError if Temporal is unreachable or refuses.
        """
        ...

    async def check(self) -> None:
        """Checks that Temporal is reachable. Raises RPCError or another exception if it is not."""
        ...


class Rows(Protocol):
    """The outbox."""

    async def claim(self, limit: int, duration: timedelta) -> Sequence[Wake]:
        """See Outbox."""
        ...

    async def delete(self, wakes: Sequence[Wake]) -> None:
        """See Outbox."""
        ...

    async def release(self, wakes: Sequence[Wake], after: timedelta) -> None:
        """See Outbox."""
        ...

    async def park(self, wakes: Sequence[Wake], failure: str) -> None:
        """See Outbox."""
        ...


@dataclass(frozen=True, slots=True)
class _Failure:
    wake: Wake
    code: str
    """The status or the exception type."""
    is_refusal: bool
    """Whether the failure concerns only this row; otherwise it concerns all rows."""


_Workflow: TypeAlias = tuple[str, str, int, UUID | None]


def _workflow_of(wake: Wake) -> _Workflow:
    return wake.workflow, wake.organization, wake.ticket_number, wake.resource_id


class Relay:
    """Empties the outbox while it runs."""

    def __init__(self, outbox: Rows, waker: Waker, metrics: Metrics) -> None:
        self._outbox = outbox
        self._waker = waker
        self._metrics = metrics
        self._hint = asyncio.Event()
        self._reachable = True
        self._refuses = False
        """Whether Temporal is reachable but refuses to wake any workflow: no namespace, no permission.

        A successful health check doesn't clear this, because the check covers neither.
        """
        self._refusals: Counter[tuple[str, int]] = Counter()
        """How many refusals this relay has seen, by row. Attempts while Temporal was unreachable don't count."""
        self._heard = monotonic()
        """When Temporal last responded, or was last found unreachable."""
        self._end = asyncio.Event()
        self._early: dict[_Workflow, asyncio.Task[Wake | _Failure]] = {}
        """Starts that were made before their rows were claimed.

        A start is kept until this relay claims its row, or finds that another relay must have claimed the row.
        """

    def hint(self, new: Sequence[NewWorkflow] = ()) -> None:
        """Requests a poll now. The service calls this method after each commit of a decision that wakes workflows.

        While workflows can be woken, starts the workflows `new` at once, at most `_BATCH` at a time. Their rows are
        claimed later. If the start of a workflow succeeded, its row is then only deleted.
        """
        if self._reachable:
            for wake, plan in new[: _BATCH - len(self._early)]:
                self._early[_workflow_of(wake)] = asyncio.create_task(self._attempt(wake, plan))
        self._hint.set()

    def end(self) -> None:
        """Makes `run` return after the current batch. Other rows wait for another relay."""
        self._end.set()
        self._hint.set()

    async def run(self) -> None:
        """Runs until `end`. A row that was claimed but not finished can be claimed again when its claim ends."""
        while not self._end.is_set():
            self._hint.clear()
            try:
                busy = await self.turn()
            except Exception as error:  # noqa: BLE001 - a failure must not end the relay
                _LOG.warning("outbox relay failed", reason=failure_reason(error))
                busy = False
            if not busy and not self._end.is_set():
                await self._rest()
                await self._check()

    async def turn(self) -> bool:
        """Handles one batch. Returns whether it woke any workflow."""
        early = set(self._early)
        # While Temporal is unreachable, one row tests the connection for all.
        limit = _BATCH if self._reachable else 1
        wakes = await self._outbox.claim(limit, _CLAIM_DURATION)
        if len(wakes) < limit:
            # No other row is due, so another relay has claimed the rows of the other early starts.
            for workflow in early.difference(map(_workflow_of, wakes)):
                self._early.pop(workflow, None)
        if not wakes:
            return False
        outcomes = await asyncio.gather(*(self._finish(wake) for wake in wakes))
        failures = [outcome for outcome in outcomes if isinstance(outcome, _Failure)]
        done = [outcome for outcome in outcomes if isinstance(outcome, Wake)]
        if done:
            await self._outbox.delete(done)
            for wake in done:
                self._refusals.pop((wake.organization, wake.id), None)
            self._metrics.count_wakes("woken", len(done))
        hopeless = [failure for failure in failures if failure.is_refusal and self._count_refusal(failure.wake)]
        await self._park(hopeless)
        await self._give_back([failure.wake for failure in failures if failure not in hopeless])
        shared = next((failure.code for failure in failures if not failure.is_refusal), None)
        self._note(shared, rows=len(failures))
        return bool(done)

    async def _finish(self, wake: Wake) -> Wake | _Failure:
        """Wakes the workflow of a claimed row, unless the workflow was already started early."""
        early = self._early.pop(_workflow_of(wake), None) if wake.is_new_workflow else None
        if early is not None and isinstance(await early, Wake):
            return wake
        return await self._attempt(wake)

    async def _attempt(self, wake: Wake, plan: Plan | None = None) -> Wake | _Failure:
        """Wakes one workflow, in the trace of the change that caused the wake."""
        attached = contexts.attach(trace_context.parse(wake.traceparent))
        try:
            await self._waker.wake(wake, plan)
        except RPCError as error:
            return _Failure(wake, error.status.name, error.status in _REFUSALS)
        except Exception as error:  # noqa: BLE001 - any failure keeps the row, and must not end the relay
            # TypeError and ValueError mean a value that can't be sent. Other types come from the connection.
            return _Failure(wake, type(error).__name__, isinstance(error, TypeError | ValueError))
        finally:
            contexts.detach(attached)
        return wake

    def _count_refusal(self, wake: Wake) -> bool:
        """Counts a refusal of a row. Returns whether to park the row."""
        key = (wake.organization, wake.id)
        self._refusals[key] += 1
        if self._refusals[key] < _PARK_AFTER:
            return False
        del self._refusals[key]
        return True

    async def _park(self, failures: Sequence[_Failure]) -> None:
        by_code: dict[str, list[Wake]] = {}
        for failure in failures:
            by_code.setdefault(failure.code, []).append(failure.wake)
        for code, wakes in by_code.items():
            await self._outbox.park(wakes, code)
            self._metrics.count_wakes("parked", len(wakes))
            for wake in wakes:
                _LOG.error(
                    "outbox row parked; its workflow is not woken; see care outbox list",
                    status=code,
                    row=wake.id,
                    workflow=wake.workflow,
                    ticket=names.ticket(wake.organization, wake.ticket_number),
                    resource=str(wake.resource_id or ""),
                    attempts=wake.attempts,
                )

    async def _give_back(self, failed: Sequence[Wake]) -> None:
        self._metrics.count_wakes("failed", len(failed))
        by_attempts: dict[int, list[Wake]] = {}
        for wake in failed:
            by_attempts.setdefault(min(wake.attempts, 10), []).append(wake)
        for attempts, wakes in by_attempts.items():
            await self._outbox.release(wakes, min(_PAUSE * 2 ** (attempts - 1), _PAUSE_MAX))

    async def _check(self) -> None:
        """Checks Temporal's health, unless a recent wake or check has shown it."""
        if monotonic() - self._heard < _CHECK_AFTER:
            return
        try:
            await self._waker.check()
        except RPCError as error:
            if error.status in _UNREACHABLE:
                self._note(error.status.name)
                return
        except Exception as error:  # noqa: BLE001 - a client that never connected raises other types
            self._note(type(error).__name__)
            return
        self._heard = monotonic()
        if not self._refuses:
            self._note(None)

    def _note(self, failure: str | None, rows: int = 0) -> None:
        """Records whether workflows can be woken. Logs changes only, not each attempt."""
        self._heard = monotonic()
        if failure is not None and self._reachable:
            _LOG.warning("degraded: workflows can't be woken; rows wait in the outbox", status=failure, rows=rows)
        elif failure is None and not self._reachable:
            _LOG.info("workflows can be woken again")
        self._reachable = failure is None
        self._refuses = failure in _RESPONSES
        self._metrics.degraded.set(not self._reachable)

    async def _rest(self) -> None:
        """Waits for a hint or the next poll. Ignores hints while Temporal is unreachable."""
        try:
            async with asyncio.timeout(_POLL):
                await (self._hint if self._reachable else self._end).wait()
        except TimeoutError:
            pass
