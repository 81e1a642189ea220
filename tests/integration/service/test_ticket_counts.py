"""The counts of tickets that the database keeps equal the number of tickets, for each writer and after each failure."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from itertools import count
from random import Random

import asyncpg
import pytest

from care.v1 import ticket_pb2
from care.v1 import ticket_service_pb2 as tickets
from care.v1.ticket_pb2 import Ticket
from care_dev.stack import postgres
from care_rules.filters.schema import read_filter
from care_rules.filters.tickets import TICKET_FIELDS
from care_rules.queries import LARGEST_TOTAL, TotalSize
from care_service.storage.database import Database
from care_service.storage.reader import PostgresReader
from care_service.storage.rows import TICKET
from care_service.storage.ticket_counts import CountDrift, TicketCountKeeper
from tests.integration.service.simultaneous import answer_or_error
from tests.integration.service.stored import examples, fetch, migrated, store
from tests.support.care import care
from tests.support.system import eventually
from tests.support.tenant import Tenant

_numbers = count(1)
CALLS = 150
WRITERS = 6


@pytest.fixture
async def database(server: postgres.Server) -> AsyncIterator[Database]:
    """A database with the newest schema, without a service that folds the counts."""
    async with migrated(server, f"ticket_counts{next(_numbers)}") as made:
        yield made


async def put(database: Database, number: int, stage: str = "OPEN", location: str = "soho") -> None:
    """Inserts a ticket with plain SQL."""
    ticket = replace(examples().ticket, number=number, location=location, review_id=None)
    await store(database, TICKET, [ticket])
    await fetch(database, "UPDATE tickets SET status = $1 WHERE number = $2", stage, number)


async def kept(database: Database, text: str = "") -> dict[str, int]:
    """Returns the counts of the organization's tickets by stage, without those that are 0."""
    counts = await PostgresReader(database).count_tickets("acme", read_filter(text, TICKET_FIELDS))
    found = {field: getattr(counts, field) for field in counts.__slots__}
    assert found.pop("total") == sum(found.values())
    return {stage: number for stage, number in found.items() if number}


async def changes(database: Database) -> list[tuple[str, str, int]]:
    rows = await fetch(database, "SELECT location, stage, difference FROM ticket_count_changes ORDER BY id")
    return [tuple(row) for row in rows]


async def _create(tenant: Tenant, chance: Random) -> Ticket:
    location = f"{tenant.name}/locations/{chance.choice(['soho', 'camden', 'leith'])}"
    request = tickets.CreateTicketRequest(parent=tenant.name, ticket=Ticket(subject="Cold soup", location=location))
    return (await tenant.service.tickets.CreateTicket(request)).ticket


async def _write(tenant: Tenant, chance: Random, known: list[Ticket]) -> None:
    """Sends random commands on random tickets. Many are refused, because other writers use the same tickets."""
    alice = tenant.agent("alice").tickets
    for _ in range(CALLS // WRITERS):
        name = chance.choice(known).name
        change = Ticket(name=name, subject=f"Soup {chance.random()}")
        calls: list[Callable[[], Awaitable[object]]] = [
            partial(alice.TakeTicket, tickets.TakeTicketRequest(name=name)),
            partial(alice.StartTicket, tickets.StartTicketRequest(name=name)),
            partial(alice.ResolveTicket, tickets.ResolveTicketRequest(name=name)),
            partial(alice.ReopenTicket, tickets.ReopenTicketRequest(name=name)),
            partial(alice.CloseTicket, tickets.CloseTicketRequest(name=name)),
            partial(alice.UpdateTicket, tickets.UpdateTicketRequest(ticket=change)),
        ]
        if chance.random() < 0.2:
            known.append(await _create(tenant, chance))
        else:
            await answer_or_error(chance.choice(calls)())


async def test_counts_equal_the_tickets_while_calls_and_folds_run_at_once(tenant: Tenant) -> None:
    chance = Random(7)  # noqa: S311 - not for secrets
    known = [await _create(tenant, chance) for _ in range(WRITERS)]
    keeper, done = TicketCountKeeper(tenant.care.database), asyncio.Event()

    async def keep_folding() -> None:
        while not done.is_set():
            await keeper.fold(3)

    async def keep_comparing() -> None:
        while not done.is_set():
            # Other organizations of the same database are compared too.
            assert await keeper.compare() == []

    helpers = [asyncio.create_task(each()) for each in (keep_folding, keep_folding, keep_comparing)]
    try:
        await asyncio.gather(*(_write(tenant, chance, known) for _ in range(WRITERS)))
    finally:
        done.set()
        await asyncio.gather(*helpers)
    assert await keeper.compare() == []
    for place in ("", "soho", "camden", "leith"):
        text = f"location = {tenant.name}/locations/{place}" if place else ""
        listed = await tenant.service.tickets.ListTickets(
            tickets.ListTicketsRequest(parent=tenant.name, filter=text, page_size=1000, include_total_size=True)
        )
        found = await tenant.service.tickets.CountTickets(tickets.CountTicketsRequest(parent=tenant.name, filter=text))
        by_status = Counter(each.status for each in listed.tickets)
        assert (found.open, found.in_progress, found.resolved, found.closed) == (
            by_status[ticket_pb2.TICKET_STATUS_OPEN],
            by_status[ticket_pb2.TICKET_STATUS_IN_PROGRESS],
            by_status[ticket_pb2.TICKET_STATUS_RESOLVED],
            by_status[ticket_pb2.TICKET_STATUS_CLOSED],
        )
        assert (listed.total_size, listed.total_size_exact) == (len(listed.tickets), True)
        assert found.total == len(listed.tickets)


async def test_a_refused_commit_changes_no_count(database: Database) -> None:
    await put(database, 1)
    before = await changes(database)
    with pytest.raises(asyncpg.UniqueViolationError):
        await store(database, TICKET, [replace(examples().ticket, number=1)])
    async with database.driver() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("UPDATE tickets SET status = 'RESOLVED'")
        await transaction.rollback()
    assert await changes(database) == before
    assert await kept(database) == {"open": 1}


async def test_only_changes_of_stage_and_location_write_changes(database: Database) -> None:
    await put(database, 1)
    await fetch(database, "DELETE FROM ticket_count_changes")
    await fetch(database, "UPDATE tickets SET status = status, close_reason = close_reason, subject = 'Warm soup'")
    assert await changes(database) == []
    await fetch(database, "UPDATE tickets SET status = 'CLOSED', close_reason = 'INACTIVITY'")
    assert await changes(database) == [("soho", "OPEN", -1), ("soho", "INACTIVITY", 1)]
    await fetch(database, "DELETE FROM ticket_count_changes")
    await fetch(database, "UPDATE tickets SET location = 'camden'")
    assert await changes(database) == [("soho", "INACTIVITY", -1), ("camden", "INACTIVITY", 1)]
    await fetch(database, "DELETE FROM ticket_count_changes")
    await fetch(database, "DELETE FROM tickets")
    assert await changes(database) == [("camden", "INACTIVITY", -1)]


async def test_folding_keeps_the_counts_and_removes_the_changes(database: Database) -> None:
    for number, (stage, location) in enumerate([("OPEN", "soho"), ("OPEN", "camden"), ("RESOLVED", "soho")], 1):
        await put(database, number, stage, location)
    keeper, made = TicketCountKeeper(database), len(await changes(database))
    assert made == 5
    assert await keeper.fold(2) == 2
    assert await kept(database) == {"open": 2, "resolved": 1}
    folded = await asyncio.gather(*(keeper.fold(100) for _ in range(3)))
    assert sum(folded) == made - 2
    assert await changes(database) == []
    assert await kept(database) == {"open": 2, "resolved": 1}
    rows = await fetch(database, "SELECT location, stage, tickets FROM ticket_counts WHERE tickets <> 0 ORDER BY 1, 2")
    assert [tuple(row) for row in rows] == [("camden", "OPEN", 1), ("soho", "OPEN", 1), ("soho", "RESOLVED", 1)]
    await put(database, 4)
    assert await keeper.fold(100) == 1
    assert await kept(database) == {"open": 3, "resolved": 1}
    assert await keeper.fold(100) == 0


async def test_folds_do_not_wait_for_each_others_changes(database: Database) -> None:
    await put(database, 1)
    async with database.driver() as connection, connection.transaction():
        await connection.execute("SELECT 1 FROM ticket_count_changes FOR UPDATE")
        assert await TicketCountKeeper(database).fold(100) == 0
    assert await TicketCountKeeper(database).fold(100) == 1


async def test_wrong_counts_are_found_and_corrected(database: Database) -> None:
    keeper = TicketCountKeeper(database)
    await put(database, 1)
    await put(database, 2, "RESOLVED")
    await keeper.fold(100)
    await put(database, 3, "OPEN", "camden")
    assert await keeper.compare() == []
    async with database.driver() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")  # no trigger fires
        await connection.execute("UPDATE tickets SET status = 'IN_PROGRESS' WHERE number = 2")
        await connection.execute("DELETE FROM tickets WHERE number = 3")
    wrong = [
        CountDrift("acme", "camden", "OPEN", counted=1, existing=0),
        CountDrift("acme", "soho", "IN_PROGRESS", counted=0, existing=1),
        CountDrift("acme", "soho", "RESOLVED", counted=1, existing=0),
    ]
    assert await keeper.compare() == wrong
    assert await keeper.correct() == wrong
    assert await keeper.compare() == []
    assert await kept(database) == {"open": 1, "in_progress": 1}


async def test_two_corrections_at_once_correct_once(database: Database) -> None:
    keeper = TicketCountKeeper(database)
    await put(database, 1)
    await keeper.fold(100)
    await fetch(database, "UPDATE ticket_counts SET tickets = 3")

    async def both_wait() -> bool:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        [waiting] = await fetch(database, query)
        return tuple(waiting) == (2,)

    async with database.driver() as connection:
        transaction = connection.transaction()
        await transaction.start()
        # A correction waits for this row after it has compared.
        await connection.execute("SELECT 1 FROM ticket_counts FOR UPDATE")
        correcting = asyncio.gather(keeper.correct(), keeper.correct())
        await eventually("two corrections that wait", both_wait)
        await transaction.rollback()
    wrong = CountDrift("acme", "soho", "OPEN", counted=3, existing=1)
    assert sorted(await correcting) == [[], [wrong]]
    assert await keeper.compare() == []


async def test_the_service_folds(server: postgres.Server) -> None:
    url = server.create_database("ticket_counts_folded")
    async with care(url) as service:
        await Tenant(service, "acme").ticket()
    # A service folds when it starts. This one finds at least what the other one left.
    async with care(url) as service:

        async def is_folded() -> bool:
            return await changes(service.database) == []

        await eventually("folded changes", is_folded)
        assert await kept(service.database) == {"open": 1}
        folded = service.metrics.registry.get_sample_value("care_count_changes_folded_total")
        assert folded is not None
        assert service.metrics.registry.get_sample_value("care_count_changes_fold_time_seconds")


async def test_a_total_size_that_needs_reading_stops_at_its_limit_and_says_so(database: Database) -> None:
    reader, ticket = PostgresReader(database), replace(examples().ticket, review_id=None)
    by_priority, by_status_alone = (read_filter(text, TICKET_FIELDS) for text in ("priority = NORMAL", "status = OPEN"))
    for size in (LARGEST_TOTAL, LARGEST_TOTAL + 1, LARGEST_TOTAL + 2):
        first = 1 if size == LARGEST_TOTAL else size
        await store(database, TICKET, (replace(ticket, number=number) for number in range(first, size + 1)))
        is_exact = size <= LARGEST_TOTAL
        for organization in ("acme", None):
            assert await reader.total_size(organization, by_priority) == TotalSize(LARGEST_TOTAL, is_exact)
            assert await reader.total_size(organization, by_status_alone) == TotalSize(size, is_exact=True)
        assert (await reader.count_tickets("acme", by_priority)).open == size
