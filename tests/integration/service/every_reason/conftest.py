"""Services in which each error reason can be provoked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack

import pytest

from care_dev.stack import postgres
from tests.integration.service.clocks import SettableClock
from tests.integration.service.every_reason.place import Place, Troubled
from tests.support.care import NOWHERE, Care, care
from tests.support.tenant import Tenant


@pytest.fixture(scope="module")
async def troubled(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Troubled]:
    with ExitStack() as cluster:
        server = cluster.enter_context(postgres.postgres(tmp_path_factory.mktemp("troubled")))
        variables = {"CARE_MAX_CALL_TIME": "3s"}
        async with care(server.create_database("troubled"), variables=variables) as running:
            yield Troubled(running, cluster.close)


@pytest.fixture(scope="module")
async def waiting(server: postgres.Server) -> AsyncIterator[Care]:
    variables = {
        "CARE_TOKEN_KEYS": f"http://{NOWHERE}/keys",
        "CARE_TOKEN_ISSUER": "https://issuer.example",
        "CARE_TOKEN_AUDIENCE": "care",
    }
    async with care(server.create_database("waiting"), variables=variables) as running:
        yield running


@pytest.fixture(scope="module")
async def narrow(server: postgres.Server) -> AsyncIterator[Care]:
    async with care(server.create_database("one_at_a_time"), variables={"CARE_MAX_CALLS": "1"}) as running:
        yield running


@pytest.fixture
async def place(
    tenant: Tenant,
    timed: Tenant,
    clock: SettableClock,
    troubled: Troubled,
    waiting: Care,
    narrow: Care,
    server: postgres.Server,
) -> AsyncIterator[Place]:
    disturbed, advance = Tenant(troubled.care, tenant.id), lambda hours: clock.advance(hours=hours)
    async with AsyncExitStack() as until_the_end:
        yield Place(tenant, timed, advance, disturbed, troubled.stop_database, waiting, narrow, server, until_the_end)
