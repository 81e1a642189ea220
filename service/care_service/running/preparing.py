"""Prepares the database for the service."""

from __future__ import annotations

from care_service.running.configuration import ServiceSettings
from care_service.storage.database import Database
from care_service.storage.link_keys import keys_in_use
from care_service.storage.schema_version import is_newest


class MissingKeysError(Exception):
    """A key is missing that links in use were made with. The message names it."""


async def prepare(settings: ServiceSettings, database: Database) -> None:
    """Migrates the database, and checks that the settings fit it.

    Raises MissingKeysError, NewerDatabaseError, and Refusal DATABASE_UNAVAILABLE if the database is unreachable.
    """
    if not await is_newest(database):
        from care_service.storage.migrate import upgrade  # noqa: PLC0415 - see `schema_version`

        await upgrade(database.engine)
    if missing := await keys_in_use(database) - settings.link_keys.keys():
        raise MissingKeysError(
            f"the keys {', '.join(sorted(missing))} are missing, but links in use were made with them"
        )
