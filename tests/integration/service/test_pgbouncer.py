"""The service works through PgBouncer in session pooling mode, and sessions keep their settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from care.v1.conversation_service_pb2 import AddNoteRequest
from care.v1.ticket_service_pb2 import ListTicketsRequest
from care_dev.stack import postgres
from care_service.storage.database import PLANNER_SETTINGS, Database
from care_service.storage.pool import Connection
from tests.support.care import care
from tests.support.pgbouncer import PROGRAM, pgbouncer
from tests.support.tenant import Tenant

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed")


@pytest.fixture
def reachable_server() -> Iterator[postgres.Server]:
    """A PostgreSQL that other accounts than root can reach, because PgBouncer does not run as root."""
    with TemporaryDirectory(prefix="care-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        with postgres.postgres(home) as server:
            yield server


@pytest.fixture
async def pooled(reachable_server: postgres.Server) -> AsyncIterator[str]:
    """The URL of an empty database through PgBouncer."""
    async with pgbouncer(reachable_server.create_database("pooled")) as url:
        yield url


async def setting(connection: Connection, name: str) -> str:
    return str(await connection.fetchval("SELECT current_setting($1)", name))


async def test_the_service_works_through_it(pooled: str) -> None:
    async with care(pooled) as service:
        tenant = Tenant(service, "acme")
        ticket = await tenant.ticket()
        await tenant.agent("alice").conversations.AddNote(AddNoteRequest(parent=ticket.name, text="Called back."))
        request = ListTicketsRequest(parent=tenant.name, filter="status = OPEN")
        listed = await tenant.agent("alice").tickets.ListTickets(request)
        assert [each.name for each in listed.tickets] == [ticket.name]
        assert [entry.text for entry in await tenant.thread(ticket, "NOTE")] == ["Called back."]


async def test_a_session_has_its_settings(pooled: str) -> None:
    database = Database(pooled, calls=1, reads=2)
    try:
        async with database.reads() as connection:
            found = {name: await setting(connection, name) for name in ("statement_timeout", *PLANNER_SETTINGS)}
            assert found == {"statement_timeout": "10s"} | PLANNER_SETTINGS
    finally:
        await database.close()
