"""The common base of the fakes for the three workflows. A fake has the real activity names; a test sets the outcomes.

A fake replaces the service and the site or provider for one workflow. It adds a state, activities, and the plan that
the service would return for that state.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Generic, TypeVar
from uuid import uuid4

from google.protobuf.empty_pb2 import Empty
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

PlanT = TypeVar("PlanT")


def refused(reason: str) -> ApplicationError:
    """Returns the error that an activity raises if the service refuses the call."""
    return ApplicationError(reason, type=reason, non_retryable=True)


async def _server_time(client: Client) -> datetime:
    """Returns the time of a test server, or the real time if the server has no clock of its own."""
    try:
        return (await client.test_service.get_current_time(Empty())).time.ToDatetime(UTC)
    except RPCError as error:
        if error.status is not RPCStatusCode.UNIMPLEMENTED:
            raise
        return datetime.now(UTC)


class FakeActivities(Generic[PlanT]):
    """Records the calls. A test sets failures, and actions that happen during a call."""

    def __init__(self) -> None:
        self.task_queue = f"care-{uuid4().hex}"
        self.failures: dict[str, list[ApplicationError]] = {}
        """By activity name: the errors that its next calls raise, in order, before they do anything."""
        self.before_answer: dict[str, Callable[[], Awaitable[object]]] = {}
        """By activity name: an action that runs once, after the activity has its result and before it returns it."""
        self.starts_with_plan = True
        """Whether the relay knows the plan when it starts the workflow. Otherwise the workflow asks first."""
        self.calls: list[str] = []
        self.now = datetime.now(UTC)
        """The time of the Temporal server at the latest call. A test server may skip time."""
        self._changed = asyncio.Condition()

    def plan(self) -> PlanT:
        """Returns the service's plan for the current state."""
        raise NotImplementedError

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits until `condition` holds. It is checked whenever an activity begins, waits or ends."""
        async with self._changed:
            await self._changed.wait_for(condition)

    async def until_called(self, name: str, times: int = 1) -> None:
        """Waits until an activity has been called `times` times."""
        await self.until(lambda: self.calls.count(name) >= times)

    @asynccontextmanager
    async def _called(self, name: str) -> AsyncIterator[None]:
        self.calls.append(name)
        self.now = await _server_time(activity.client())
        await self._notify()
        try:
            yield
        finally:
            await self._notify()

    def _fail(self, name: str) -> None:
        if waiting := self.failures.get(name):
            raise waiting.pop(0)

    async def _answer(self, name: str) -> PlanT:
        self._fail(name)
        plan = self.plan()
        if happens := self.before_answer.pop(name, None):
            await self._notify()
            await happens()
        return plan

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()
