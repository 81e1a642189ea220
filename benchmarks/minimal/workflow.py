"""The workflow: one activity, one signal, one more activity."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from temporalio import activity, workflow

_LIMIT: Final = timedelta(seconds=30)


@activity.defn
async def report(workflow_id: str) -> None:
    """Prints the id of the workflow, so that the benchmark knows when to signal it."""
    print(workflow_id, flush=True)


@activity.defn
async def finish(_: str) -> None:
    """Does nothing."""


@workflow.defn(name="Minimal")
class Minimal:
    """Runs an activity, waits for a signal, and runs another activity."""

    def __init__(self) -> None:
        self._is_signalled = False

    @workflow.run
    async def run(self, workflow_id: str) -> None:
        """Runs the three steps."""
        await workflow.execute_activity(report, workflow_id, start_to_close_timeout=_LIMIT)
        await workflow.wait_condition(lambda: self._is_signalled)
        await workflow.execute_activity(finish, workflow_id, start_to_close_timeout=_LIMIT)

    @workflow.signal
    def go(self) -> None:
        """Lets the workflow continue."""
        self._is_signalled = True
