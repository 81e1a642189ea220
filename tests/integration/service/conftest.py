"""One service for the tests of this folder. Each test has its own organization."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count

import pytest
from sqlalchemy.dialects.postgresql.base import ischema_names

from care_dev.stack import postgres
from care_service.storage import tables
from tests.integration.service.clocks import SettableClock
from tests.support.care import Care, care
from tests.support.tenant import Tenant

_numbers = count(1)
# SQLAlchemy does not know this type when it reads a schema.
ischema_names["xid8"] = tables.XID8


@pytest.fixture(scope="session")
async def service(server: postgres.Server) -> AsyncIterator[Care]:
    async with care(server.create_database("service")) as running:
        yield running


@pytest.fixture
async def tenant(service: Care) -> Tenant:
    return Tenant(service, f"org-{next(_numbers)}")


@pytest.fixture(scope="session")
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture(scope="session")
async def timed_service(server: postgres.Server, clock: SettableClock) -> AsyncIterator[Care]:
    """A service whose time is that of `clock`."""
    async with care(server.create_database("timed"), clock=clock) as running:
        yield running


@pytest.fixture
async def timed(timed_service: Care) -> Tenant:
    """An organization whose time is that of `clock`."""
    return Tenant(timed_service, f"org-{next(_numbers)}")
