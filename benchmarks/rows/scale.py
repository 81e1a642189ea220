"""How long counts and pages take in a small and in a large organization, one call at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from statistics import median
from time import perf_counter
from typing import Final

from benchmarks.bench import Bench, Figures
from benchmarks.catalog import LARGE, SCALE, SMALL
from benchmarks.many_tickets import fill
from benchmarks.measure import Round, alternate
from benchmarks.servers import connect, serve_care
from care.v1.ticket_service_pb2 import CountTicketsRequest, ListTicketsRequest
from care_client.client import CareClient
from care_dev.stack.secrets import Role
from care_service.storage.database import Database

_PAGE: Final = 50

Call = Callable[[CareClient, str, int], Awaitable[None]]
"""Makes one call and checks its response. Takes a client, an organization's name, and its number of tickets."""


async def _count(client: CareClient, parent: str, number: int) -> None:
    response = await client.tickets.CountTickets(CountTicketsRequest(parent=parent))
    assert response.total == number


async def _page(client: CareClient, parent: str, _: int) -> None:
    response = await client.tickets.ListTickets(ListTicketsRequest(parent=parent, page_size=_PAGE))
    assert len(response.tickets) == _PAGE


async def _page_with_total_size(client: CareClient, parent: str, number: int) -> None:
    request = ListTicketsRequest(parent=parent, page_size=_PAGE, include_total_size=True)
    response = await client.tickets.ListTickets(request)
    assert len(response.tickets) == _PAGE
    assert response.total_size == number


_CALLS: Final[dict[str, Call]] = {
    "count_tickets": _count,
    "page": _page,
    "page_with_total_size": _page_with_total_size,
}


async def measure(bench: Bench) -> AsyncIterator[tuple[str, Figures]]:
    """Measures the rows that compare a large organization with a small one."""
    keys = [row.key for row in SCALE if bench.wants(row.key)]
    if not keys:
        return
    effort = bench.effort
    bench.say(f"Creating {effort.large:,} tickets")
    url = bench.postgres.create_database("scale")
    organizations = {LARGE: ("large", effort.large), SMALL: ("small", effort.small)}
    database = Database(url)
    await fill(database, dict(organizations.values()))
    await database.close()
    bench.say("Counts and pages")
    async with AsyncExitStack() as stack:
        care = await stack.enter_async_context(serve_care(url, bench.keys))
        token = bench.keys.mint(None, "reports", Role.SERVICE)
        client = await stack.enter_async_context(connect(care, token))
        for key in keys:
            rounds = {
                side: await _begin(bench, partial(_CALLS[key], client, f"organizations/{organization}", number))
                for side, (organization, number) in organizations.items()
            }
            yield key, await alternate(effort.rounds, rounds)


async def _begin(bench: Bench, call: Callable[[], Awaitable[None]]) -> Round:
    await call()

    async def milliseconds() -> float:
        """Returns the median duration of the calls of one round."""
        times: list[float] = []
        for _ in range(bench.effort.counts):
            start = perf_counter()
            await call()
            times.append((perf_counter() - start) * 1e3)
        return median(times)

    return milliseconds
