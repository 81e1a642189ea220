"""Prepares the database for the service."""

from __future__ import annotations

from care_service.running.configuration import ServiceSettings
from care_service.storage.database import Database
from care_service.storage.link_keys import keys_in_use
from care_service.storage.schema_version import is_newest


class MissingKeysError(Exception):
    """A key that signs links in use is missing. The message names the key."""


async def prepare(settings: ServiceSettings, database: Database) -> None:
    """Migrates the database, and checks that the settings contain the keys of all links in use.

    Raises MissingKeysError if one of these keys is missing, and NewerDatabaseError if a newer version of Care has
    migrated the database. Refuses with DATABASE_UNAVAILABLE if the database is unreachable.
    """
    if not await is_newest(database):
        from care_service.storage.migrate import upgrade  # noqa: PLC0415 - see `schema_version`

        await upgrade(database.engine)
    if missing := await keys_in_use(database) - settings.link_keys.keys():
        raise MissingKeysError(
            f"the keys {', '.join(sorted(missing))} are missing, but links in use were made with them"
        )
