"""The composition root: builds the service from its settings, runs it, and closes everything it opened."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from temporalio.client import Client

from care_roles.fields import Address
from care_roles.logs import get_logger
from care_rules.decision import Decision
from care_rules.recovery_plan import SiteTiming
from care_service.metrics import Metrics
from care_service.rpc.authentication import Authenticator
from care_service.rpc.interceptor import CallControls
from care_service.rpc.limits import Limits
from care_service.rpc.server import Parts, Server
from care_service.running.background import keep_running
from care_service.running.configuration import ServiceSettings
from care_service.running.database_watch import DatabaseWatch, ping
from care_service.running.gauges import measure
from care_service.running.new_workflows import new_workflows
from care_service.running.plans import StoredPlans
from care_service.running.purging import purge_expired_responses
from care_service.running.reconciling import TemporalWorkflows, reconcile
from care_service.running.relay import Relay
from care_service.running.tls import server_credentials
from care_service.running.waker import TemporalWaker
from care_service.storage.database import Database
from care_service.storage.directory import PostgresDirectory
from care_service.storage.expected_workflows import ExpectedWorkflows
from care_service.storage.feed import PostgresFeed
from care_service.storage.link_keys import keys_in_use
from care_service.storage.migrate import upgrade
from care_service.storage.outbox import Outbox
from care_service.storage.reader import PostgresReader
from care_service.storage.stored_responses import StoredResponses
from care_service.storage.tickets import PostgresTickets
from care_service.tokens.issuer_keys import TokenKeys, open_keys
from care_service.usecases.links import Links
from care_service.usecases.ports.clock import Clock
from care_service.usecases.subscriptions import Pace, Subscriptions

_LOG: Final = get_logger("care.service")
_WATCH_STATEMENT: Final = timedelta(seconds=5)
"""The time limit of statements that watch the database."""


class MissingKeysError(Exception):
    """A key is missing that links in use were made with. The message names it."""


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
    temporal: Client,
    clock: Clock | None = None,
    metrics: Metrics | None = None,
    *,
    pace: Pace | None = None,
    shares_port: bool = False,
) -> AsyncIterator[RunningService]:
    """Runs the service while the block runs: migrates the database, serves gRPC and relays the outbox.

    `temporal` may be lazy, and its server unreachable. With `shares_port`, other processes of the service use the same
    port. Raises OSError if the address is in use, MissingKeysError, NewerDatabaseError, ConfigurationError if a file
    can't be used, and Refusal DATABASE_UNAVAILABLE if the database is unreachable.
    """
    if not shares_port:
        require_free_address(settings.grpc_address)
    credentials = server_credentials(settings.tls_files) if settings.tls_files else None
    keys = await open_keys(settings.token_keys, settings.token_keys_refresh)
    metrics, clock = metrics or Metrics(), clock or SystemClock()
    timing = SiteTiming(settings.moderation_checks, settings.settle_time)
    reads = settings.database_pool_size // 2
    database = Database(settings.database_url, calls=settings.database_pool_size - reads, reads=reads)
    # Separate from the pool, so that many calls can't block the tasks that watch the database.
    watch_database = Database(settings.database_url, calls=2, reads=0, statement_timeout=_WATCH_STATEMENT)
    try:
        await prepare(settings, database)
        # What the relay commits needs no hint: it is about to wake the workflow.
        plans = StoredPlans(PostgresTickets(database, metrics.count_transitions), _links(settings), timing, clock)
        relay = Relay(Outbox(database), TemporalWaker(temporal, settings.task_queue, plans), metrics)
        watch = DatabaseWatch(partial(ping, watch_database))
        limits = Limits(settings.max_calls, settings.max_streams, settings.max_call_time)
        pace = pace or Pace()
        subscriptions = Subscriptions(PostgresFeed(database), pace)
        controls = CallControls(limits, metrics, pace, watch.report_failure)
        parts = _parts(
            settings,
            database,
            _after_commit(relay, subscriptions, metrics, clock),
            clock,
            timing,
            keys,
            subscriptions,
            controls,
        )
        server = Server(parts, reuse_port=shares_port)
        port = await server.start(str(settings.grpc_address), credentials)
        relaying = asyncio.create_task(keep_running("relay", relay.run))
        tasks_by_name: dict[str, Callable[[], Awaitable[None]]] = {
            "purging": partial(purge_expired_responses, StoredResponses(database), clock, metrics),
            "database watch": partial(watch.run, server.health.set_database_state),
            "measuring": partial(measure, metrics, database, Outbox(watch_database)),
            "token keys": keys.run,
            "following": subscriptions.run,
            "reconciling": partial(
                reconcile,
                ExpectedWorkflows(database),
                TemporalWorkflows(temporal),
                metrics,
                settings.reconcile_interval,
            ),
        }
        tasks = [relaying, *(asyncio.create_task(keep_running(name, run)) for name, run in tasks_by_name.items())]
        _LOG.info("serving", address=f"{settings.grpc_address.host}:{port}", tls=credentials is not None)
        try:
            yield RunningService(port, relay)
        finally:
            _LOG.info("draining", seconds=settings.drain_time.total_seconds())
            relay.end()
            subscriptions.end()
            stopping = asyncio.create_task(server.stop(settings.drain_time))
            await asyncio.wait({relaying}, timeout=settings.drain_time.total_seconds())
            await stopping
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            _LOG.info("stopped")
    finally:
        await database.close()
        await watch_database.close()


async def prepare(settings: ServiceSettings, database: Database) -> None:
    """Migrates the database, and checks that the settings fit it. Raises the errors of `service`."""
    async with database.driver():
        pass
    await upgrade(database.engine)
    if missing := await keys_in_use(database) - settings.link_keys.keys():
        raise MissingKeysError(
            f"the keys {', '.join(sorted(missing))} are missing, but links in use were made with them"
        )


def _after_commit(
    relay: Relay, subscriptions: Subscriptions, metrics: Metrics, clock: Clock
) -> Callable[[Decision], None]:
    """Returns the function to call after each commit on a ticket."""

    def committed(decision: Decision) -> None:
        metrics.count_transitions(decision)
        if decision.wakes or decision.wakes_ticket or decision.new_deliveries:
            relay.hint(new_workflows(decision, clock.now()))
        if decision.activity is not None:
            subscriptions.hint()

    return committed


def require_free_address(address: Address) -> None:
    """Raises OSError with a short message if the address is in use. gRPC's own message has several lines."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            raise OSError(f"can't listen on {address} ({error.strerror})") from error


def _links(settings: ServiceSettings) -> Links:
    return Links(settings.link_keys, next(iter(settings.link_keys)), settings.web_url)


def _parts(
    settings: ServiceSettings,
    database: Database,
    committed: Callable[[Decision], None],
    clock: Clock,
    timing: SiteTiming,
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
        links=_links(settings),
        clock=clock,
        timing=timing,
        controls=controls,
    )
