"""One database for the comparisons of statements with rules; each test starts with empty tables."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from care_dev.stack import postgres
from care_service.storage.database import Database
from care_service.storage.tables import metadata
from tests.integration.service.stored import Examples, examples, fetch, migrated


@pytest.fixture(scope="session")
def sample() -> Examples:
    """One entity of each kind, which the tests vary."""
    return examples()


@pytest.fixture(scope="session")
async def shared_database(server: postgres.Server) -> AsyncIterator[Database]:
    """A database for all tests of this folder."""
    async with migrated(server, "rules_in_sql") as made:
        yield made


@pytest.fixture
async def database(shared_database: Database) -> Database:
    """The shared database with empty tables."""
    tables = ", ".join(table.name for table in metadata.sorted_tables)
    await fetch(shared_database, f"TRUNCATE {tables}")
    return shared_database
