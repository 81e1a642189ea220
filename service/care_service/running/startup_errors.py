"""Explains the errors that stop the service at its start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from care_roles.environment import ConfigurationError
from care_rules.refusals import Reason, Refusal
from care_service.running.addresses import explain_address_errors
from care_service.running.configuration import ServiceSettings
from care_service.running.preparing import MissingKeysError
from care_service.storage.schema_version import NewerDatabaseError


@contextmanager
def explain_errors(settings: ServiceSettings) -> Iterator[None]:
    """Converts errors of the service's environment to ConfigurationError, which names the variable to change."""
    try:
        with explain_address_errors():
            yield
    except MissingKeysError as error:
        raise ConfigurationError(f"CARE_LINK_KEYS: {error}; add them again after the newest key") from error
    except NewerDatabaseError as error:
        raise ConfigurationError(f"CARE_DATABASE_URL: {error}") from error
    except (asyncpg.PostgresError, SQLAlchemyError) as error:
        raise ConfigurationError(f"CARE_DATABASE_URL: {_first_line(error)}") from error
    except Refusal as refusal:
        if refusal.reason is not Reason.DATABASE_UNAVAILABLE:
            raise
        message = f"CARE_DATABASE_URL: PostgreSQL at {_place(settings.database_url)} is unreachable; is it running?"
        raise ConfigurationError(message) from refusal


def _place(url: str) -> str:
    parts = urlsplit(url)
    [host] = parse_qs(parts.query).get("host", ["the local socket"])[:1]
    return f"{parts.hostname or host}, database {unquote(parts.path[1:])}"


def _first_line(error: Exception) -> str:
    """Returns the first line of the driver's message. The line names the role or database, never the password."""
    cause = getattr(error, "orig", None) or error
    return str(cause.__cause__ or cause).splitlines()[0]
