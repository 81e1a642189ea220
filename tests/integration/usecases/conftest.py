"""One database for the tests of this folder, without a service. Each test has its own organization."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count

import pytest

from care_dev.stack import postgres
from care_service.storage.database import Database
from care_service.storage.migrate import upgrade
from tests.integration.usecases.office import Office

_numbers = count(1)


@pytest.fixture(scope="session")
async def database(server: postgres.Server) -> AsyncIterator[Database]:
    found = Database(server.create_database("usecases"))
    await upgrade(found.engine)
    yield found
    await found.close()


@pytest.fixture
async def office(database: Database) -> Office:
    made = Office(database, f"org-{next(_numbers)}")
    await made.open()
    return made
