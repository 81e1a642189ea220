"""Writes rows for tests of SQL statements, from entities that the rules made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg

from care_dev.stack import postgres
from care_rules.callers import Caller, Role
from care_rules.commands import UnlockChat
from care_rules.entities.activity import ActorKind
from care_rules.entities.contact import Contact
from care_rules.entities.delivery import Delivery
from care_rules.entities.recovery import Recovery
from care_rules.entities.review import Review
from care_rules.entities.ticket import Ticket
from care_rules.names import parse_recovery
from care_rules.organizations import Organization
from care_rules.reports import record_report
from care_rules.scheduling import schedule
from care_service.storage.database import Database
from care_service.storage.migrate import upgrade
from care_service.storage.rows import EntityT, Mapping
from care_workflows.testing.desk import Desk
from care_workflows.testing.policy import Policy

NOW = datetime.now(UTC).replace(microsecond=0)
LONG_AGO = NOW - timedelta(days=2)
RECENTLY = NOW - timedelta(days=1)
SOON = NOW + timedelta(days=1)
ALL = 1_000_000
"""The size of a page that holds every row."""


@dataclass(frozen=True)
class Examples:
    """One entity of each kind, all of the organization `acme`."""

    organization: Organization
    review: Review
    ticket: Ticket
    form: Recovery
    direct: Recovery
    contact: Contact
    delivery: Delivery


def examples() -> Examples:
    """Makes the entities with the rules: two days ago, a form was sent and a chat opened.

    Nothing has happened since.
    """
    desk = Desk("acme", Policy())
    memory = desk.memory
    with_form, with_chat = desk.create_ticket(LONG_AGO, "review"), desk.create_ticket(LONG_AGO, None)
    form = desk.send_form(with_form, "Write to us: {form_link}", LONG_AGO)
    direct = desk.add_contact(with_chat, "kim@example.com", "", LONG_AGO)
    worker = Caller(ActorKind.WORKFLOW, "worker", None, frozenset({Role.WORKER}), "")
    loaded = memory.recovery(parse_recovery(direct))
    unlocked = record_report(loaded, UnlockChat(uuid4(), "k1"), worker, LONG_AGO)
    assert unlocked is not None
    desk.commit(schedule(loaded.base, unlocked))
    return Examples(
        organization=memory.organization,
        review=next(iter(memory.reviews.values())),
        ticket=memory.tickets[1],
        form=memory.recoveries[parse_recovery(form).id],
        direct=memory.recoveries[parse_recovery(direct).id],
        contact=next(iter(memory.contacts.values())),
        delivery=next(iter(memory.deliveries.values())),
    )


async def store(database: Database, mapping: Mapping[EntityT], entities: Iterable[EntityT]) -> None:
    """Writes entities as rows, in their order."""
    rows = [mapping.values(entity) for entity in entities]
    async with database.driver() as connection:
        await connection.copy_records_to_table(mapping.table.name, records=rows, columns=list(mapping.fields))


async def fetch(database: Database, statement: str, *values: object) -> list[asyncpg.Record]:
    async with database.driver() as connection:
        return await connection.fetch(statement, *values)


@asynccontextmanager
async def migrated(server: postgres.Server, name: str) -> AsyncIterator[Database]:
    """Creates a database with the newest schema, without a service. Each statement may take up to a minute."""
    database = Database(server.create_database(name), statement_timeout=timedelta(minutes=1))
    await upgrade(database.engine)
    try:
        yield database
    finally:
        await database.close()
