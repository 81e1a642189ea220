"""Prepares the database for `care serve --processes N`. Only `care_service.running.supervisor` starts it."""

from __future__ import annotations

import sys

from care_roles import environment, logs
from care_service.running.configuration import ServiceSettings
from care_service.running.preparing import prepare
from care_service.running.startup_errors import explain_errors
from care_service.storage.database import Database


async def _prepare() -> None:
    settings = environment.load(ServiceSettings)
    logs.configure(settings.log_format)
    database = Database(settings.database_url, calls=1, reads=0)
    try:
        with explain_errors(settings):
            await prepare(settings, database)
    finally:
        await database.close()


if __name__ == "__main__":
    sys.exit(environment.run(_prepare, "serve"))
