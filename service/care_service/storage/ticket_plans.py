"""Chooses the statement for a page or a count of tickets by how many PostgreSQL expects to match the filter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy import Select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from care_rules.filters.conditions import Condition
from care_rules.queries import TicketQuery
from care_service.storage import count_statements, ticket_lists
from care_service.storage.database import JOINS
from care_service.storage.row_estimates import estimated_rows

_FEW: Final = 10_000
"""Up to this number of tickets, finding and sorting all of them takes hundredths of a second. If more match, even among
a million tickets, reading in order fills a page soon."""
_SET_JOINS: Final = text("SELECT " + ", ".join(f"set_config('{setting}', :value, false)" for setting in JOINS))


async def page_statement(connection: AsyncConnection, query: TicketQuery) -> Select[Any]:
    """Returns the statement for a page of tickets, which depends on PostgreSQL's estimate of how many match."""
    candidates = ticket_lists.candidates_statements(query)
    gather = bool(candidates) and await _are_few(connection, candidates)
    return ticket_lists.list_statement(query, gather=gather)


async def count_statement(
    connection: AsyncConnection, organization: str | None, condition: Condition
) -> tuple[Select[Any], bool]:
    """Returns the statement for counts, and whether PostgreSQL expects few tickets to match."""
    counted = count_statements.counted_statements(organization, condition)
    few = bool(counted) and await _are_few(connection, counted)
    return count_statements.count_statement(organization, condition, gather=few), few


async def total_statement(
    connection: AsyncConnection, organization: str | None, condition: Condition, limit: int
) -> Select[Any]:
    """Returns the statement for the number of tickets. It stops at `limit`."""
    counted = count_statements.counted_statements(organization, condition)
    few = bool(counted) and await _are_few(connection, counted)
    return count_statements.total_statement(organization, condition, limit, gather=few)


async def _are_few(connection: AsyncConnection, candidates: Sequence[Select[Any]]) -> bool:
    return sum([await estimated_rows(connection, each) for each in candidates]) <= _FEW


@asynccontextmanager
async def all_joins(connection: AsyncConnection) -> AsyncIterator[None]:
    """Lets the planner join by any method until the block is left, as a count of many tickets needs it."""
    await connection.execute(_SET_JOINS, {"value": "on"})
    yield
    # Not after a failure, which closes the connection: see `Database.reads`.
    await connection.execute(_SET_JOINS, {"value": "off"})
