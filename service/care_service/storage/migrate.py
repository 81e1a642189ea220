"""Migrates the schema, as `care serve` does at start, and writes new migrations."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from care_roles.imports import without
from care_service.storage.database import driver_url
from care_service.storage.schema_version import SCRIPTS, NewerDatabaseError

# If pygments is installed, Alembic's template engine imports it to color error messages. That takes another 5 MB.
with without("pygments"):
    from alembic import command
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

LOCK: Final = 5_021_001
"""The key of the advisory lock. If several replicas start, one holds the lock and migrates while the others wait."""


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection, revision: str) -> None:
    # The migration of a large table may take long. So may the wait for another replica that migrates.
    connection.execute(text("SET statement_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK})
    connection.commit()
    try:
        _require_known(connection)
        command.upgrade(_config(connection), revision)
        connection.commit()
    finally:
        connection.rollback()  # ends the transaction of a failed migration, so that the next statements work
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK})
        connection.execute(text("RESET statement_timeout"))
        connection.commit()


def _require_known(connection: Connection) -> None:
    current = set(MigrationContext.configure(connection).get_current_heads())
    connection.rollback()  # ends the transaction of the query, because Alembic begins its own transaction
    if unknown := current - set(revisions()):
        raise NewerDatabaseError(
            f"a newer version of Care migrated this database (to {min(unknown)}): run that version, or a later one"
        )


async def upgrade(engine: AsyncEngine, revision: str = "head") -> None:
    """Applies the migrations up to `revision` that the database lacks. Replicas that start together take turns.

    Raises NewerDatabaseError if a newer version of Care has migrated the database.
    """
    async with engine.connect() as connection:
        await connection.run_sync(_upgrade, revision)


async def downgrade(engine: AsyncEngine, revision: str) -> None:
    """Reverts the migrations after `revision`. Data that only the later schema can hold is lost."""
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync: command.downgrade(_config(sync), revision))
        await connection.commit()


def revisions() -> list[str]:
    """Returns the ids of all migrations, the oldest first."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]


async def revise(url: str, message: str) -> None:
    """Migrates the database at `url`, then writes a new migration.

    The new migration contains the differences between the database and the module `tables`. `message` describes it.
    """
    engine = create_async_engine(driver_url(url))
    await upgrade(engine)
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync: command.revision(_config(sync), message, autogenerate=True))
    await engine.dispose()
