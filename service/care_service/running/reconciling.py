"""The reconciler: finds workflows that must run according to the database, but do not. Writes outbox rows for them.

A workflow may have been terminated by hand, or the database or Temporal may have been restored from an older backup.
The reconciler checks only whether a workflow runs. The relay then starts the workflow with the step that is next
according to the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import timedelta
from typing import Final, Protocol

from temporalio.client import Client

from care_roles.logs import get_logger
from care_service.metrics import Metrics
from care_service.storage.expected_workflows import WORKFLOWS, ExpectedWorkflow, ExpectedWorkflows

_LOG: Final = get_logger("care.reconciling")
_PAGE: Final = 100
"""How many workflows one visibility query of Temporal names. Few, so that the query stays short."""


class RunningWorkflows(Protocol):
    """Finds out which workflows run."""

    async def running(self, workflow_ids: Sequence[str]) -> Collection[str]:
        """Returns the ids of those workflows that run. Raises RPCError if the query of Temporal fails."""
        ...


class TemporalWorkflows:
    """Queries Temporal's visibility store."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def running(self, workflow_ids: Sequence[str]) -> Collection[str]:
        """See RunningWorkflows. Ids of workflows contain no quotation marks: see `care_client.workflow_names`."""
        if any('"' in each for each in workflow_ids):
            raise AssertionError("a workflow id contains a quotation mark; it would break the query")
        listed = ", ".join(f'"{each}"' for each in workflow_ids)
        query = f'ExecutionStatus="Running" AND WorkflowId IN ({listed})'
        return {found.id async for found in self._client.list_workflows(query)}


async def missing_workflows(
    wanted: ExpectedWorkflows, running: RunningWorkflows
) -> AsyncIterator[list[ExpectedWorkflow]]:
    """Yields the workflows that must run and do not, page by page. A page has workflows of one type."""
    for workflow in WORKFLOWS:
        after: ExpectedWorkflow | None = None
        while page := await wanted.page(workflow, after, _PAGE):
            found = await running.running([each.workflow_id for each in page])
            if lost := [each for each in page if each.workflow_id not in found]:
                yield lost
            after = page[-1]


async def reconcile(wanted: ExpectedWorkflows, running: RunningWorkflows, metrics: Metrics, pause: timedelta) -> None:
    """Writes outbox rows for missing workflows, with a `pause` before each round. Runs until cancelled.

    Every replica may run it, but only one works at a time.
    """
    while True:
        await asyncio.sleep(pause.total_seconds())
        try:
            async with wanted.exclusive() as is_ours:
                if is_ours:
                    await _round(wanted, running, metrics)
        except Exception as error:  # noqa: BLE001 - logged and retried after any failure
            _LOG.warning("reconciling workflows failed", reason=type(error).__qualname__)


async def _round(wanted: ExpectedWorkflows, running: RunningWorkflows, metrics: Metrics) -> None:
    async for lost in missing_workflows(wanted, running):
        # The visibility store lags behind, so some of these workflows may run after all. A wake does them no harm.
        await wanted.wake(lost)
        metrics.reconciled.labels(lost[0].workflow).inc(len(lost))
        _LOG.warning("missing workflows woken", workflow=lost[0].workflow, number=len(lost))
