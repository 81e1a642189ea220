"""`care serve`: the gRPC service and the relay, in one process. `supervisor` runs several of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client
from temporalio.contrib.opentelemetry import TracingInterceptor

from care_roles import environment, logs, tracing
from care_roles.environment import ConfigurationError
from care_roles.temporal import connect_config
from care_rules.refusals import Reason, Refusal
from care_service.metrics import Metrics
from care_service.running.application import MissingKeysError, service
from care_service.running.configuration import ServiceSettings
from care_service.running.metrics_endpoint import EndpointError, endpoint
from care_service.storage.migrate import NewerDatabaseError

SERVICE_NAME = "care-serve"
"""The service name in spans."""


async def _serve() -> None:
    settings = environment.load(ServiceSettings)
    logs.configure(settings.log_format)
    metrics = Metrics()
    with (
        tracing.recording(SERVICE_NAME),
        explain_errors(settings),
        endpoint(settings.metrics_address, metrics.registry),
    ):
        async with service(settings, await temporal_client(), metrics=metrics):
            await asyncio.Event().wait()


async def temporal_client() -> Client:
    """Returns a client that continues the trace of its caller in the workflows that it starts.

    The client connects lazily, so the service starts and serves while Temporal is unreachable.
    """
    return await Client.connect(**connect_config(), lazy=True, interceptors=[TracingInterceptor()])


@contextmanager
def explain_errors(settings: ServiceSettings) -> Iterator[None]:
    """Converts errors of the environment to ConfigurationError, which names the variable to change."""
    try:
        yield
    except EndpointError as error:
        raise ConfigurationError(f"CARE_METRICS_ADDRESS: {error}; choose another address or port") from error
    except OSError as error:
        message = f"CARE_GRPC_ADDRESS: {error}; if another process uses it, stop that process or choose another port"
        raise ConfigurationError(message) from error
    except MissingKeysError as error:
        raise ConfigurationError(f"CARE_LINK_KEYS: {error}; add them again after the newest key") from error
    except NewerDatabaseError as error:
        raise ConfigurationError(f"CARE_DATABASE_URL: {error}") from error
    except (asyncpg.PostgresError, SQLAlchemyError) as error:
        raise ConfigurationError(f"CARE_DATABASE_URL: {_first_line(error)}") from error
    except Refusal as refusal:
        if refusal.reason is not Reason.DATABASE_UNAVAILABLE:
            raise
        url = make_url(settings.database_url)
        where = f"{url.host or url.query.get('host', 'the local socket')}, database {url.database}"
        message = f"CARE_DATABASE_URL: PostgreSQL at {where} is unreachable; is it running?"
        raise ConfigurationError(message) from refusal


def _first_line(error: Exception) -> str:
    """Returns the first line of the driver's message. It names the role or database, never the password."""
    cause = getattr(error, "orig", None) or error
    return str(cause.__cause__ or cause).splitlines()[0]


def main() -> int:
    """Runs until SIGTERM or SIGINT; returns the exit status."""
    return environment.run(_serve, "serve", ends_process=True)
