"""The composition root: builds the service from its settings, runs it, and disposes of everything it opened."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.client import Client

from care_client.roles.fields import Address
from care_client.roles.logs import get_logger
from care_service.domain.plan import SiteTiming
from care_service.domain.ports import Clock
from care_service.housekeeping import keep_house
from care_service.links import Links
from care_service.relay import Relay, TemporalWaker
from care_service.rpc.authentication import Authenticator
from care_service.rpc.server import Parts, Server
from care_service.settings import ServiceSettings
from care_service.storage.answers import Answers
from care_service.storage.database import Database
from care_service.storage.directory import PostgresDirectory
from care_service.storage.migrate import upgrade
from care_service.storage.outbox import Outbox
from care_service.storage.reading import PostgresReader
from care_service.storage.tickets import PostgresTickets
from care_service.tls import server_credentials
from care_service.tokens.keeping import TokenKeys, open_keys

_LOG: Final = get_logger("care.service")
_GRACE: Final = timedelta(seconds=10)


class MissingKeysError(Exception):
    """Links that customers hold could not be read any more."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """See Clock."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Running:
    """A service that answers."""

    port: int
    relay: Relay


@asynccontextmanager
async def service(settings: ServiceSettings, temporal: Client, clock: Clock | None = None) -> AsyncIterator[Running]:
    """Runs the service: migrates the database, serves gRPC and relays the outbox until the block is left.

    `temporal` may be lazy and its server away. Raises OSError where the address is taken, MissingKeysError,
    ConfigurationError where a file can't be used, and Refusal DATABASE_UNAVAILABLE where the database can't be reached.
    """
    _require_free(settings.grpc_address)
    credentials = server_credentials(settings.tls_files) if settings.tls_files else None
    keys = await open_keys(settings.token_keys, settings.token_keys_refresh)
    database = Database(settings.database_url)
    try:
        async with database.core():
            pass
        await upgrade(database.engine)
        if missing := await PostgresReader(database).form_keys() - settings.link_keys.keys():
            raise MissingKeysError(f"the keys {', '.join(sorted(missing))} are gone, but links of live forms need them")
        relay = Relay(Outbox(database), TemporalWaker(temporal, settings.task_queue))
        clock = clock or SystemClock()
        server = Server(_parts(settings, database, relay, clock, keys))
        port = await server.start(str(settings.grpc_address), credentials)
        tasks = [
            asyncio.create_task(relay.run()),
            asyncio.create_task(keep_house(Answers(database), clock)),
            asyncio.create_task(keys.run()),
        ]
        _LOG.info("serving", address=f"{settings.grpc_address.host}:{port}", tls=credentials is not None)
        try:
            yield Running(port, relay)
        finally:
            await server.stop(_GRACE)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            _LOG.info("stopped")
    finally:
        await database.close()


def _require_free(address: Address) -> None:
    """Raises OSError where somebody listens already: gRPC would say so in its own words, in several lines."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            raise OSError(f"{address} can't be listened on ({error.strerror})") from error


def _parts(settings: ServiceSettings, database: Database, relay: Relay, clock: Clock, keys: TokenKeys) -> Parts:
    return Parts(
        store=PostgresTickets(database, relay.hint),
        reader=PostgresReader(database),
        directory=PostgresDirectory(database),
        authenticator=Authenticator(keys, settings.token_rules, settings.token_key),
        links=Links(settings.link_keys, next(iter(settings.link_keys)), settings.web_url),
        clock=clock,
        timing=SiteTiming(settings.moderation_checks, settings.settle_time),
    )
