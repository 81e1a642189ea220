"""Runs the real service in the test's process, on a free port and a PostgreSQL database that the test gives."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import jwt
from temporalio.client import Client

from care_client.client import CareClient
from care_client.errors import CareError, care_errors
from care_roles import environment
from care_service.metrics import Metrics
from care_service.running.application import RunningService, service
from care_service.running.configuration import ServiceSettings
from care_service.storage.database import Database
from care_service.usecases.links import Links
from care_service.usecases.ports.clock import Clock
from care_service.usecases.subscriptions import Pace

WEB_URL = "https://care.example"
NOWHERE = "127.0.0.1:1"
"""An address where no Temporal server listens. The service also works without Temporal."""


@dataclass
class Care:
    """A running service with clients for it."""

    running: RunningService
    settings: ServiceSettings
    database: Database
    """The test's own connections to the service's database, for data that no method returns."""
    metrics: Metrics
    expiry: datetime
    """When tokens expire. The time is the same for all tokens, so that equal claims give equal tokens."""
    _exit: AsyncExitStack
    _clients: dict[str, CareClient] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.running.port}"

    @property
    def links(self) -> Links:
        return Links(self.settings.link_keys, next(iter(self.settings.link_keys)), self.settings.web_url)

    @property
    def token_key(self) -> bytes:
        """The key that signs tokens for the service."""
        assert self.settings.token_key
        return self.settings.token_key

    def token(self, **claims: object) -> str:
        """Returns a bearer token with these claims. `exp` defaults to `expiry`."""
        return jwt.encode({"exp": self.expiry} | claims, self.token_key, algorithm="HS256")

    def client(self, token: str | None) -> CareClient:
        """Returns a client with this token. Each token has one channel, which is closed with the service."""
        key = token or ""
        if key not in self._clients:
            client = CareClient.connect(self.address, token)
            self._exit.push_async_callback(client.close)
            self._clients[key] = client
        return self._clients[key]

    async def waiting_wakes(self) -> int:
        """Returns the number of outbox rows."""
        async with self.database.driver() as connection:
            return int(await connection.fetchval("SELECT count(*) FROM outbox"))


@asynccontextmanager
async def care(
    database_url: str,
    *,
    temporal: Client | None = None,
    clock: Clock | None = None,
    pace: Pace | None = None,
    variables: Mapping[str, str] = {},
) -> AsyncIterator[Care]:
    """Runs the service with new keys until the block exits. `variables` are environment variables (`CARE_*`)."""
    values = {
        "CARE_DATABASE_URL": database_url,
        "CARE_GRPC_ADDRESS": "127.0.0.1:0",
        "CARE_TOKEN_KEY": secrets.token_urlsafe(32),
        "CARE_LINK_KEYS": f"k1:{urlsafe_b64encode(secrets.token_bytes(32)).decode()}",
        "CARE_WEB_URL": WEB_URL,
    }
    settings = environment.load(ServiceSettings, values | dict(variables))
    client = temporal or await Client.connect(NOWHERE, lazy=True)
    database = Database(database_url)
    async with AsyncExitStack() as exit_stack:
        exit_stack.push_async_callback(database.close)
        metrics = Metrics()
        running = await exit_stack.enter_async_context(service(settings, client, clock, metrics, pace=pace))
        # A test may set its clock far into the future.
        expiry = clock.now() + timedelta(days=3650) if clock else datetime.now(UTC) + timedelta(hours=1)
        yield Care(running, settings, database, metrics, expiry, exit_stack)


async def refusal(call: Awaitable[object]) -> CareError:
    """Returns the error of a call, which must fail."""
    try:
        with care_errors():
            response = await call
    except CareError as error:
        return error
    raise AssertionError(f"the call succeeded: {response}")


@asynccontextmanager
async def refused(reason: str) -> AsyncIterator[list[CareError]]:
    """Checks that a call in the block is refused with `reason`. The yielded list contains the error afterwards."""
    caught: list[CareError] = []
    try:
        with care_errors():
            yield caught
    except CareError as error:
        caught.append(error)
    assert [error.reason for error in caught] == [reason], [(error.message, error.metadata) for error in caught]
