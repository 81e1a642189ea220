"""Brings the schema up to date: what `care serve` does at start, and how a new migration is made.

python -m care_service.storage.migrate revision "what changes"    needs CARE_DATABASE_URL of an up-to-date database
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from care_service.storage.database import driver_url

_LOCK: Final = 5_021_001
"""The advisory lock that lets one of several starting replicas migrate while the others wait."""


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
    connection.commit()
    try:
        command.upgrade(_config(connection), "head")
        connection.commit()
    finally:
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
        connection.commit()


async def upgrade(engine: AsyncEngine) -> None:
    """Applies every migration that the database lacks; replicas that start at once take turns."""
    async with engine.connect() as connection:
        await connection.run_sync(_upgrade)


async def revise(url: str, words: str) -> None:
    """Writes a migration for what the tables have and the database at `url` has not, once that is up to date."""
    engine = create_async_engine(driver_url(url))
    await upgrade(engine)
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync: command.revision(_config(sync), words, autogenerate=True))
    await engine.dispose()
