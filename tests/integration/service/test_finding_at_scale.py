"""With a million tickets in one organization, every page is served by indexes and reads few rows."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from benchmarks.many_tickets import BIG, MILLION, RARE_TICKET, fill
from care_dev.stack import postgres
from care_rules.filters.conditions import Condition
from care_rules.filters.reviews import REVIEW_FIELDS
from care_rules.filters.schema import read_filter
from care_rules.filters.tickets import TICKET_FIELDS
from care_rules.queries import LARGEST_TOTAL, ReviewPlace, ReviewQuery, TicketPlace, TicketQuery, TotalSize
from care_service.rpc.fields import Fields
from care_service.rpc.list_queries import read_order
from care_service.storage import review_lists, ticket_counts, ticket_plans
from care_service.storage.compiled import Compiled, compile_statement
from care_service.storage.database import Database
from care_service.storage.reader import PostgresReader
from care_service.storage.row_estimates import explain

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600), pytest.mark.xdist_group("million")]

O = f"organizations/{BIG}"  # noqa: E741 - stands in many filters
PAGE = 51
LITTLE = MILLION // 40
"""The rows and index entries that a page or a small count may read. Up to ten thousand tickets are gathered from two
tables, and the estimate may be wrong. Most pages read hundreds or a few thousand."""
MORE = MILLION // 8
"""The same limit if no index has both filter and order, and too many tickets match to be gathered."""
LARGE_TABLES = frozenset({"tickets", "ticket_terms", "reviews", "recoveries"})
ORDERS = [
    "",
    "number",
    "create_time",
    "create_time desc",
    "update_time",
    "update_time desc",
    "priority",
    "priority desc",
    "priority desc, update_time",
]

MANY = [
    "",
    "status = OPEN",
    "status != CLOSED",
    "status = CLOSED",
    "status = OPEN OR status = RESOLVED",
    "close_reason = INACTIVITY",
    'close_reason = ""',
    "priority = NORMAL",
    "priority >= HIGH",
    "contact_state = NO_CONTACT",
    f"assignee != {O}/agents/a7",
    'assignee = ""',
    "assignee:*",
    'reporter = ""',
    f"reporter = {O}/agents/r3",
    f"location = {O}/locations/l7",
    f"location != {O}/locations/l7",
    'review = ""',
    "labels:vip",
    "labels:*",
    "NOT labels:vip",
    "stars = 1",
    "stars <= 2",
    'stars = ""',
    'create_time > "2024-01-01T01:00:00Z"',
    "reference != 3F9A-12C7",
    "external_reference != ORD-1",
    'external_reference = ""',
    "soup",
    '"cold soup"',
    "-word77",
]
"""Filters that about one percent of the million tickets or more match."""
FEW = [
    "priority = URGENT",
    "contact_state = AWAITING_CONTACT",
    "contact_state = FORM_REQUESTED",
    f"assignee = {O}/agents/a7",
    f"assignee = {O}/agents/nobody",
    f"reporter = {O}/agents/rare",
    f"location = {O}/locations/nowhere",
    f"review = {O}/reviews/0190a0a0-0000-7000-8000-000000000000",
    "labels:rare",
    "labels:none",
    "stars = 5",
    "stars = 4",
    'create_time > "2025-11-20T00:00:00Z"',
    'create_time < "2024-01-02T00:00:00Z"',
    'update_time > "2025-12-20T00:00:00Z"',
    'update_time < "2024-01-03T00:00:00Z"',
    "reference = 3F9A-12C7",
    "reference = 0000-0000",
    "external_reference = ORD-1",
    "external_reference = ORD-2",
    "external_reference = none",
    "external_reference:*",
    "marzipan",
    "word77",
    "nothing",
    '"cold and word77"',
    f"status = OPEN assignee = {O}/agents/a7",
    'status = OPEN assignee = ""',
    "status = OPEN word77",
    "status = OPEN stars = 5",
    "status = OPEN priority = URGENT",
    f"assignee = {O}/agents/a7 OR labels:rare",
    f"stars = 5 OR labels:rare OR reporter = {O}/agents/rare",
    "marzipan OR reference = 3F9A-12C7",
    f"external_reference = ORD-2 OR assignee = {O}/agents/a7",
    f"assignee = {O}/agents/a7 status != CLOSED",
    '"cold and word77" -labels:vip',
]
"""Filters that fewer tickets match, down to none: by each field, and mixed."""
TICKETS = [*MANY, *FEW]
EVERYWHERE = [
    each
    for each in FEW
    # No index over all organizations has labels or unassigned tickets.
    if "labels:" not in each and each != 'status = OPEN assignee = ""'
]
"""Filters that indexes serve over all organizations too."""

REVIEWS = [
    "",
    "site = google",
    "site = rare",
    "external_id = x77",
    "site = google external_id = x77",
    f"location = {O}/locations/l7",
    "stars = 1",
    "stars = 5",
    "stars = 4",
    'create_time > "2025-11-20T00:00:00Z"',
    'create_time < "2024-01-02T00:00:00Z"',
    f"ticket = {O}/tickets/77",
    'ticket = ""',
    "ticket:*",
    "marzipan",
    "soup",
    "word77",
    "-word77",
]


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Server]:
    with postgres.postgres(tmp_path_factory.mktemp("million")) as running:
        yield running


@pytest.fixture(scope="module")
async def million(own_server: postgres.Server) -> AsyncIterator[Database]:
    database = Database(own_server.create_database("million"))
    await fill(database)
    yield database
    await database.close()


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


async def page_of_tickets(database: Database, query: TicketQuery) -> Compiled:
    async with database.reads() as connection:
        return await ticket_plans.page_statement(connection, query)


async def assert_count_reads_little(database: Database, organization: str | None, condition: Condition) -> None:
    async with database.reads() as connection:
        statement, few = await ticket_plans.count_statement(connection, organization, condition)
    await assert_reads_little(database, statement, any_joins=not few)


async def assert_reads_little(
    database: Database,
    statement: Compiled,
    *,
    any_joins: bool = False,
    at_most: int = LITTLE,
    scanned_tables: frozenset[str] = frozenset(),
) -> None:
    """Runs a statement and checks the number of rows that each scan of its plan visited.

    Of the large tables, only those in `scanned_tables` may be read without an index.
    """
    async with database.reads() as connection, ticket_plans.all_joins(connection) if any_joins else nullcontext():
        found = (await explain(statement, "(ANALYZE, FORMAT JSON)").fetch(connection))[0][0]
    plan = json.loads(found)[0]["Plan"]
    read = 0.0
    for node in _nodes(plan):
        if node["Node Type"] == "Seq Scan":
            assert node["Relation Name"] not in LARGE_TABLES - scanned_tables, plan
        if "Scan" in node["Node Type"] and node["Node Type"] not in {"CTE Scan", "Subquery Scan", "Bitmap Heap Scan"}:
            removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
            read += (node["Actual Rows"] + removed) * node["Actual Loops"]
    assert read <= at_most, json.dumps(plan)


def _bound(filter_text: str, order_by: str) -> int:
    """Returns the number of rows that a page may read: more for some orders by priority that no index serves."""
    by_time = order_by == "priority desc, update_time" and filter_text in MANY
    # Two stages have nearly all tickets. Each is scanned for each priority.
    closed = order_by.startswith("priority") and filter_text == "status = CLOSED"
    return MORE if by_time or closed else LITTLE


async def _assert_two_pages_read_little(
    database: Database, organization: str | None, filter_text: str, order_by: str
) -> None:
    reader, at_most = PostgresReader(database), _bound(filter_text, order_by)
    condition, order = read_filter(filter_text, TICKET_FIELDS), read_order(Fields(), order_by)
    query = TicketQuery(organization, PAGE, condition, order)
    await assert_reads_little(database, await page_of_tickets(database, query), at_most=at_most)
    views = await reader.tickets(query)
    if len(views) < PAGE:
        return
    last = views[-1].ticket
    place = TicketPlace(last.organization, tuple(getattr(last, key.field) for key in order))
    query = TicketQuery(organization, PAGE, condition, order, place)
    await assert_reads_little(database, await page_of_tickets(database, query), at_most=at_most)


@pytest.mark.parametrize("filter_text", TICKETS, ids=[each or "everything" for each in TICKETS])
async def test_a_page_of_tickets_reads_little_in_every_order(million: Database, filter_text: str) -> None:
    for order_by in ORDERS:
        await _assert_two_pages_read_little(million, BIG, filter_text, order_by)


@pytest.mark.parametrize("filter_text", EVERYWHERE)
async def test_a_page_of_tickets_of_all_organizations_reads_little_in_every_order(
    million: Database, filter_text: str
) -> None:
    for order_by in ORDERS:
        await _assert_two_pages_read_little(million, None, filter_text, order_by)


@pytest.mark.parametrize("filter_text", FEW)
async def test_few_tickets_are_counted_by_reading_little(million: Database, filter_text: str) -> None:
    await assert_count_reads_little(million, BIG, read_filter(filter_text, TICKET_FIELDS))


@pytest.mark.parametrize("filter_text", EVERYWHERE)
async def test_few_tickets_of_all_organizations_are_counted_by_reading_little(
    million: Database, filter_text: str
) -> None:
    await assert_count_reads_little(million, None, read_filter(filter_text, TICKET_FIELDS))


@pytest.mark.parametrize("organization", [BIG, "medium"])
@pytest.mark.parametrize("filter_text", TICKETS, ids=[each or "everything" for each in TICKETS])
async def test_a_total_size_reads_little(million: Database, filter_text: str, organization: str) -> None:
    condition = read_filter(filter_text.replace(O, f"organizations/{organization}"), TICKET_FIELDS)
    if ticket_counts.can_count(condition):
        await assert_reads_little(million, ticket_plans.kept_counts_statement(organization, condition))
        return
    async with million.reads() as connection:
        statement = await ticket_plans.total_statement(connection, organization, condition, LARGEST_TOTAL + 1)
    # A scan without an index ends at the limit. That is a good plan if many of the rows match.
    await assert_reads_little(million, statement, at_most=MORE, scanned_tables=LARGE_TABLES)


@pytest.mark.parametrize("filter_text", REVIEWS, ids=[each or "everything" for each in REVIEWS])
@pytest.mark.parametrize("organization", [BIG, None], ids=["of one", "of all"])
async def test_a_page_of_reviews_reads_little(million: Database, organization: str | None, filter_text: str) -> None:
    query = ReviewQuery(organization, PAGE, read_filter(filter_text, REVIEW_FIELDS))
    await assert_reads_little(million, compile_statement(review_lists.list_statement(query)))
    found = await PostgresReader(million).reviews(query)
    if len(found) == PAGE:
        place = ReviewPlace(found[-1].organization, found[-1].create_time, found[-1].id)
        query = ReviewQuery(organization, PAGE, query.condition, place)
        await assert_reads_little(million, compile_statement(review_lists.list_statement(query)))


@pytest.mark.parametrize(
    "filter_text",
    ["labels:rare", f"reporter = {O}/agents/rare", "reference = 3F9A-12C7", "external_reference = ORD-1", "marzipan"],
)
async def test_one_ticket_in_a_million_is_found(million: Database, filter_text: str) -> None:
    query = TicketQuery(BIG, PAGE, read_filter(filter_text, TICKET_FIELDS))
    assert [view.ticket.number for view in await PostgresReader(million).tickets(query)] == [RARE_TICKET]


async def test_a_million_tickets_are_counted(million: Database) -> None:
    counts = await PostgresReader(million).count_tickets(BIG, read_filter("", TICKET_FIELDS))
    assert counts.total == MILLION
    # The first 950,000 tickets are closed, every nineteenth of them automatically.
    assert (counts.closed, counts.auto_closed) == (900_000, 50_000)


async def test_the_tickets_of_a_location_are_counted(million: Database) -> None:
    condition = read_filter(f"status = CLOSED location = {O}/locations/l7", TICKET_FIELDS)
    closed = [number for number in range(1, 950_001) if number % 53 == 7]
    total = await PostgresReader(million).total_size(BIG, condition)
    assert total == TotalSize(len(closed), is_exact=True)
    counts = await PostgresReader(million).count_tickets(BIG, condition)
    assert counts.auto_closed == sum(number % 19 == 0 for number in closed)


async def test_a_small_organization_does_not_read_the_big_ones(million: Database) -> None:
    for filter_text in TICKETS:
        condition = read_filter(filter_text.replace(O, "organizations/small"), TICKET_FIELDS)
        query = TicketQuery("small", PAGE, condition, read_order(Fields(), "priority desc, update_time"))
        await assert_reads_little(million, await page_of_tickets(million, query))
        await assert_count_reads_little(million, "small", condition)
