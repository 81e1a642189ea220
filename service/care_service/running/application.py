"""The composition root: builds the service from its settings, runs it, and closes all connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Final

from care_roles.logs import get_logger
from care_rules.decision import Decision
from care_rules.recovery_plan import SiteTiming
from care_service.metrics import Metrics
from care_service.rpc.authentication import Authenticator
from care_service.rpc.interceptor import CallControls
from care_service.rpc.limits import Limits
from care_service.rpc.server import Parts, Server
from care_service.running.addresses import require_free_address
from care_service.running.background import keep_running
from care_service.running.configuration import ServiceSettings
from care_service.running.database_watch import DatabaseWatch, ping
from care_service.running.folding import fold_count_changes
from care_service.running.gauges import measure
from care_service.running.preparing import prepare
from care_service.running.purging import purge_expired_responses
from care_service.running.tls import server_credentials
from care_service.storage.database import Database
from care_service.storage.directory import PostgresDirectory
from care_service.storage.feed import PostgresFeed
from care_service.storage.outbox import Outbox
from care_service.storage.reader import PostgresReader
from care_service.storage.stored_responses import StoredResponses
from care_service.storage.ticket_counts import TicketCountKeeper
from care_service.storage.tickets import PostgresTickets
from care_service.tokens.issuer_keys import TokenKeys, open_keys
from care_service.usecases.links import Links
from care_service.usecases.ports.clock import Clock
from care_service.usecases.subscriptions import Pace, Subscriptions

if TYPE_CHECKING:
    from temporalio.client import Client

    from care_service.running.relay import Relay
    from care_service.running.workflow_tasks import WorkflowTasks

_LOG: Final = get_logger("care.service")
_WATCH_STATEMENT: Final = timedelta(seconds=5)
"""The time limit of each statement that watches the database."""


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        """See Clock."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class RunningService:
    """A running service."""

    port: int
    relay: Relay


@asynccontextmanager
async def service(
    settings: ServiceSettings,
    temporal: Client | None = None,
    clock: Clock | None = None,
    metrics: Metrics | None = None,
    *,
    pace: Pace | None = None,
    shares_port: bool = False,
) -> AsyncIterator[RunningService]:
    """Runs the service while the block runs: migrates the database, serves gRPC and relays the outbox.

    `temporal` may be a lazy client, and Temporal may be unreachable. Without `temporal`, the client is made from the
    variables `TEMPORAL_*`. With `shares_port`, other processes of the service use the same port.

    Raises OSError if the address is in use, ConfigurationError if a file or one of these variables can't be used, and
    the errors of `prepare`.
    """
    if not shares_port:
        require_free_address(settings.grpc_address)
    credentials = server_credentials(settings.tls_files) if settings.tls_files else None
    keys = await open_keys(settings.token_keys, settings.token_keys_refresh)
    metrics, clock = metrics or Metrics(), clock or SystemClock()
    reads = settings.database_pool_size // 2
    database = Database(settings.database_url, calls=settings.database_pool_size - reads, reads=reads)
    # These connections are separate, so that many calls can't block the tasks that watch the database.
    watch_database = Database(settings.database_url, calls=2, reads=0, statement_timeout=_WATCH_STATEMENT)
    try:
        await prepare(settings, database)
        watch = DatabaseWatch(partial(ping, watch_database))
        limits = Limits(settings.max_calls, settings.max_streams, settings.max_call_time)
        pace = pace or Pace()
        subscriptions = Subscriptions(PostgresFeed(database), pace)
        controls = CallControls(limits, metrics, pace, watch.report_failure)
        workflows: WorkflowTasks | None = None

        def hint_relay(decision: Decision) -> None:
            # Until the relay runs, it needs no hint: it starts by claiming the rows in the outbox.
            if workflows is not None:
                workflows.hint(decision)

        committed = _after_commit(hint_relay, subscriptions.hint, metrics)
        parts = _parts(settings, database, committed, clock, keys, subscriptions, controls)
        server = Server(parts, reuse_port=shares_port)
        port = await server.start(str(settings.grpc_address), credentials)
        tasks_by_name: dict[str, Callable[[], Awaitable[None]]] = {
            "purging": partial(purge_expired_responses, StoredResponses(database), clock, metrics),
            "folding": partial(fold_count_changes, TicketCountKeeper(database), metrics),
            "database watch": partial(watch.run, server.health.set_database_state),
            "measuring": partial(measure, metrics, database, Outbox(watch_database)),
            "token keys": keys.run,
            "following": subscriptions.run,
        }
        tasks = [asyncio.create_task(keep_running(name, run)) for name, run in tasks_by_name.items()]
        _LOG.info("serving", address=f"{settings.grpc_address.host}:{port}", tls=credentials is not None)
        relaying: list[asyncio.Task[None]] = []
        try:
            workflows = await _workflow_tasks(settings, database, metrics, parts, temporal)
            relaying.append(asyncio.create_task(keep_running("relay", workflows.relay.run)))
            tasks.append(asyncio.create_task(keep_running("reconciling", workflows.reconcile)))
            yield RunningService(port, workflows.relay)
        finally:
            _LOG.info("draining", seconds=settings.drain_time.total_seconds())
            if workflows is not None:
                workflows.relay.end()
            subscriptions.end()
            await asyncio.gather(
                server.stop(settings.drain_time),
                *(asyncio.wait({task}, timeout=settings.drain_time.total_seconds()) for task in relaying),
            )
            tasks += relaying
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            _LOG.info("stopped")
    finally:
        await database.close()
        await watch_database.close()


async def _workflow_tasks(
    settings: ServiceSettings, database: Database, metrics: Metrics, parts: Parts, temporal: Client | None
) -> WorkflowTasks:
    # The import of Temporal's SDK takes a fifth of the time to start, and no call needs the SDK. So a thread imports it
    # while the service already serves calls.
    await asyncio.to_thread(import_module, "care_service.running.workflow_tasks")
    from care_service.running.workflow_tasks import workflow_tasks  # noqa: PLC0415 - see above

    return await workflow_tasks(settings, database, metrics, parts, temporal)


def _after_commit(
    hint_relay: Callable[[Decision], None], hint_subscriptions: Callable[[], None], metrics: Metrics
) -> Callable[[Decision], None]:
    """Returns the function to call after each commit on a ticket."""

    def committed(decision: Decision) -> None:
        metrics.count_transitions(decision)
        if decision.wakes or decision.wakes_ticket or decision.new_deliveries:
            hint_relay(decision)
        if decision.activity is not None:
            hint_subscriptions()

    return committed


def _parts(
    settings: ServiceSettings,
    database: Database,
    committed: Callable[[Decision], None],
    clock: Clock,
    keys: TokenKeys,
    subscriptions: Subscriptions,
    controls: CallControls,
) -> Parts:
    return Parts(
        store=PostgresTickets(database, committed),
        reader=PostgresReader(database),
        feed=PostgresFeed(database),
        subscriptions=subscriptions,
        directory=PostgresDirectory(database, committed),
        authenticator=Authenticator(keys, settings.token_rules, settings.token_key),
        links=Links(settings.link_keys, next(iter(settings.link_keys)), settings.web_url),
        clock=clock,
        timing=SiteTiming(settings.moderation_checks, settings.settle_time),
        controls=controls,
    )
