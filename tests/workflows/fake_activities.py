"""What the fakes of the three workflows share: activities of the real names, whose outcome a test decides.

A fake stands for the service and whatever is at the other end, as far as one workflow sees them. It adds its state,
its activities and the plan that the service would make of that state.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar
from uuid import uuid4

from temporalio.exceptions import ApplicationError

PlanT = TypeVar("PlanT")


def refused(reason: str) -> ApplicationError:
    """What an activity raises where the service refuses the call."""
    return ApplicationError(reason, type=reason, non_retryable=True)


class FakeActivities(Generic[PlanT]):
    """What was called, and what a test wants to go wrong or to happen meanwhile."""

    def __init__(self) -> None:
        self.task_queue = f"care-{uuid4().hex}"
        self.failures: dict[str, list[ApplicationError]] = {}
        """What the next calls of an activity raise, in order, before they do anything."""
        self.before_answer: dict[str, Callable[[], Awaitable[object]]] = {}
        """What happens, once, after an activity of that name has made its answer and before it returns it."""
        self.calls: list[str] = []
        self._changed = asyncio.Condition()

    def plan(self) -> PlanT:
        """What the service answers in the present state."""
        raise NotImplementedError

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is looked at whenever an activity begins, waits or ends."""
        async with self._changed:
            await self._changed.wait_for(condition)

    async def until_called(self, name: str, times: int = 1) -> None:
        """Wait until an activity has been called so often."""
        await self.until(lambda: self.calls.count(name) >= times)

    @asynccontextmanager
    async def _called(self, name: str) -> AsyncIterator[None]:
        self.calls.append(name)
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
