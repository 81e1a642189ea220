"""The version of the schema: the id of the newest migration that the database has.

The version is read without Alembic. Alembic takes 7 MB and a twentieth of the time to start, so only a migration
imports it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import asyncpg

from care_service.storage.database import Database

SCRIPTS: Final = Path(__file__).parent / "migrations"
"""The folder of the migrations. The file name of a migration starts with the migration's id."""
VERSION: Final = """
-- The ids of the newest migrations that the database has: one, unless the table was edited by hand.
SELECT version_num FROM alembic_version
"""


class NewerDatabaseError(Exception):
    """A newer version of Care has migrated this database. The message names the migration."""


def newest() -> str:
    """Returns the id of the newest migration of this release."""
    return max(script.name for script in (SCRIPTS / "versions").glob("[0-9]*.py")).partition("_")[0]


async def is_newest(database: Database) -> bool:
    """Returns whether the database has all migrations of this release, and no others.

    Refuses like `Database.driver`.
    """
    async with database.driver() as connection:
        try:
            found = await connection.fetch(VERSION)
        except asyncpg.UndefinedTableError:  # a new database
            return False
    return [row[0] for row in found] == [newest()]
