"""`care serve`: the gRPC service and the relay, in one process."""

from __future__ import annotations

import asyncio

import asyncpg
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client

from care_client.roles import environment, logs
from care_client.roles.environment import ConfigurationError
from care_client.roles.temporal import connect_config
from care_service.application import MissingKeysError, service
from care_service.domain.refusals import Reason, Refusal
from care_service.settings import ServiceSettings


async def _serve() -> None:
    settings = environment.load(ServiceSettings)
    logs.configure(settings.log_format)
    # Lazy: the service starts and answers while Temporal is away.
    temporal = await Client.connect(**connect_config(), lazy=True)
    try:
        async with service(settings, temporal):
            await asyncio.Event().wait()
    except OSError as error:
        words = f"CARE_GRPC_ADDRESS: {error}; is it taken by another process? Stop that, or choose another port"
        raise ConfigurationError(words) from error
    except MissingKeysError as error:
        raise ConfigurationError(f"CARE_LINK_KEYS: {error}; put them back, after the newest") from error
    except (asyncpg.PostgresError, SQLAlchemyError) as error:
        raise ConfigurationError(f"CARE_DATABASE_URL: {_short(error)}") from error
    except Refusal as refusal:
        if refusal.reason is not Reason.DATABASE_UNAVAILABLE:
            raise
        url = make_url(settings.database_url)
        where = f"{url.host or url.query.get('host', 'the local socket')}, database {url.database}"
        words = f"CARE_DATABASE_URL: PostgreSQL at {where} can't be reached; is it running?"
        raise ConfigurationError(words) from refusal


def _short(error: Exception) -> str:
    """The driver's first line: it names the role or database, never the password."""
    cause = getattr(error, "orig", None) or error
    return str(cause.__cause__ or cause).splitlines()[0]


def main() -> int:
    """Runs until SIGTERM or SIGINT; returns the exit status."""
    return environment.run(_serve, "serve", ends_process=True)
