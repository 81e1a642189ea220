"""The background tasks that use Temporal: the relay and the reconciler.

The service imports this module late, because only this module and the modules that it imports need Temporal's SDK.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from temporalio.client import Client

from care_roles.temporal import connect_config
from care_rules.decision import Decision
from care_service.metrics import Metrics
from care_service.rpc.server import Parts
from care_service.running.configuration import ServiceSettings
from care_service.running.new_workflows import new_workflows
from care_service.running.plans import StoredPlans
from care_service.running.reconciling import TemporalWorkflows, reconcile
from care_service.running.relay import Relay
from care_service.running.waker import TemporalWaker
from care_service.running.workflow_traces import WorkflowTraces
from care_service.storage.database import Database
from care_service.storage.expected_workflows import ExpectedWorkflows
from care_service.storage.outbox import Outbox
from care_service.storage.tickets import PostgresTickets


@dataclass(frozen=True, slots=True)
class WorkflowTasks:
    """The tasks. The caller runs them."""

    relay: Relay
    reconcile: Callable[[], Awaitable[None]]
    hint: Callable[[Decision], None]
    """Call it after each commit that wakes workflows. The relay starts the new ones at once."""


async def workflow_tasks(
    settings: ServiceSettings, database: Database, metrics: Metrics, parts: Parts, temporal: Client | None
) -> WorkflowTasks:
    """Returns the tasks. Without `temporal`, they use a client made from the variables `TEMPORAL_*`.

    Raises ConfigurationError if these variables can't be used.
    """
    client = temporal or await _connect()
    # Commits through this store give no hint. Only the relay uses the store, and it is about to wake the workflow.
    store = PostgresTickets(database, metrics.count_transitions)
    plans = StoredPlans(store, parts.links, parts.timing, parts.clock)
    relay = Relay(Outbox(database), TemporalWaker(client, settings.task_queue, plans), metrics)
    return WorkflowTasks(
        relay=relay,
        reconcile=partial(
            reconcile, ExpectedWorkflows(database), TemporalWorkflows(client), metrics, settings.reconcile_interval
        ),
        hint=lambda decision: relay.hint(new_workflows(decision, parts.clock.now())),
    )


async def _connect() -> Client:
    """Returns a client. Each workflow that the client starts or signals continues the current trace.

    The client connects lazily, so the service starts and serves while Temporal is unreachable.
    """
    return await Client.connect(**connect_config(), lazy=True, interceptors=[WorkflowTraces()])
