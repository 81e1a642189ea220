"""Chooses the statement for a page or a count of tickets, by PostgreSQL's estimate of how many tickets match."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Final

from care_rules.filters.conditions import Condition
from care_rules.queries import TicketQuery
from care_service.storage import count_statements, ticket_counts, ticket_lists
from care_service.storage.compiled import Compiled, compile_statement
from care_service.storage.database import JOINS
from care_service.storage.pool import Connection
from care_service.storage.row_estimates import estimated_rows

_FEW: Final = 10_000
"""If at most this number of tickets match, finding and sorting all of them takes hundredths of a second. If more match,
even out of a million tickets, reading in order fills a page soon."""
_ALLOW_JOINS: Final = "SELECT " + ", ".join(f"set_config('{setting}', 'on', true)" for setting in JOINS)
"""Allows all joins until the end of the transaction."""
_CACHED: Final = 512
"""How many statements of each kind a process caches. Each has a few kilobytes. Building and compiling a statement takes
several times as long as running it, and clients read the same pages again and again."""


async def page_statement(connection: Connection, query: TicketQuery) -> Compiled:
    """Returns the statement for a page of tickets, which depends on PostgreSQL's estimate of how many match."""
    candidates = _candidates(query)
    return _page(query, bool(candidates) and await _are_few(connection, candidates))


async def count_statement(
    connection: Connection, organization: str | None, condition: Condition
) -> tuple[Compiled, bool]:
    """Returns the statement for counts, and whether PostgreSQL expects few tickets to match."""
    counted = _counted(organization, condition)
    few = bool(counted) and await _are_few(connection, counted)
    return _count(organization, condition, few), few


async def total_statement(
    connection: Connection, organization: str | None, condition: Condition, limit: int
) -> Compiled:
    """Returns the statement for the number of tickets. The statement stops at `limit`."""
    counted = _counted(organization, condition)
    few = bool(counted) and await _are_few(connection, counted)
    return _total(organization, condition, limit, few)


@lru_cache(_CACHED)
def kept_counts_statement(organization: str | None, condition: Condition) -> Compiled:
    """Returns the statement that adds up the kept counts. `ticket_counts.can_count(condition)` must be true."""
    return compile_statement(ticket_counts.counts_statement(organization, condition))


@lru_cache(_CACHED)
def _candidates(query: TicketQuery) -> tuple[Compiled, ...]:
    return tuple(map(compile_statement, ticket_lists.candidates_statements(query)))


@lru_cache(_CACHED)
def _page(query: TicketQuery, gather: bool) -> Compiled:
    return compile_statement(ticket_lists.list_statement(query, gather=gather))


@lru_cache(_CACHED)
def _counted(organization: str | None, condition: Condition) -> tuple[Compiled, ...]:
    return tuple(map(compile_statement, count_statements.counted_statements(organization, condition)))


@lru_cache(_CACHED)
def _count(organization: str | None, condition: Condition, gather: bool) -> Compiled:
    return compile_statement(count_statements.count_statement(organization, condition, gather=gather))


@lru_cache(_CACHED)
def _total(organization: str | None, condition: Condition, limit: int, gather: bool) -> Compiled:
    return compile_statement(count_statements.total_statement(organization, condition, limit, gather=gather))


async def _are_few(connection: Connection, candidates: Sequence[Compiled]) -> bool:
    return sum([await estimated_rows(connection, each) for each in candidates]) <= _FEW


@asynccontextmanager
async def all_joins(connection: Connection) -> AsyncIterator[None]:
    """Allows the planner all kinds of joins until the block ends. A count of many tickets needs them."""
    async with connection.transaction():
        await connection.execute(_ALLOW_JOINS)
        yield
