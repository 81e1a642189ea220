"""Counts tickets by organization, location and stage without reading them: see docs/decisions/0023-ticket-counts.md.

A count is the sum of rows in two tables. Triggers on `tickets` insert rows into `ticket_count_changes` whenever a
ticket is created or deleted, or changes its stage or location. A ticket's stage follows from its status and close
reason. The service folds these rows into `ticket_counts`. One statement reads both tables in one snapshot, so the sum
is exact at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, FromClause, Select, func, select, union_all

from care_rules.filters.conditions import AllOf, Always, AnyOf, Condition, HasValue, NameEquals, Negation, OneOf
from care_service.storage import tables
from care_service.storage.database import Database
from care_service.storage.filter_conditions import name_equals
from care_service.storage.predicates import Conjunction, Disjunction, Predicate, Sql, to_normal_form, to_sql
from care_service.storage.ticket_lists import stages_where

_COUNTED_FIELDS: Final = frozenset({"status", "close_reason", "location"})
"""The filter fields whose values decide where a ticket is counted."""
FOLD: Final = """
    -- Adds changes to the counts of tickets, and deletes these changes. Concurrent statements take different changes.
    -- $1: the maximum number of changes
    WITH taken AS (
      SELECT organization, id FROM ticket_count_changes LIMIT $1 FOR UPDATE SKIP LOCKED
    ), folded AS (
      DELETE FROM ticket_count_changes c USING taken WHERE c.organization = taken.organization AND c.id = taken.id
      RETURNING c.organization, c.location, c.stage, c.difference
    ), added AS (
      -- Sorted, so that concurrent statements lock the counts in the same order and cannot deadlock.
      INSERT INTO ticket_counts AS t (organization, location, stage, tickets)
      SELECT organization, location, stage, sum(difference) FROM folded
      GROUP BY organization, location, stage HAVING sum(difference) <> 0 ORDER BY organization, location, stage
      ON CONFLICT (organization, location, stage) DO UPDATE SET tickets = t.tickets + excluded.tickets
    )
    SELECT count(*) FROM folded
"""
_DRIFT: Final = """
    WITH counted AS (
      SELECT organization, location, stage, sum(tickets)::BIGINT AS counted FROM (
        SELECT organization, location, stage, tickets FROM ticket_counts
        UNION ALL SELECT organization, location, stage, difference FROM ticket_count_changes
      ) AS parts GROUP BY organization, location, stage
    ), existing AS (
      SELECT organization, location, stage, count(*) AS existing FROM tickets GROUP BY organization, location, stage
    ), drift AS (
      SELECT organization, location, stage, coalesce(counted, 0) AS counted, coalesce(existing, 0) AS existing
      FROM counted FULL JOIN existing USING (organization, location, stage)
      WHERE coalesce(counted, 0) <> coalesce(existing, 0)
    )"""
COMPARE: Final = f"""
    -- Compares the counts with the tickets, and lists the differences. It reads all tickets.
    {_DRIFT.strip()}
    SELECT organization, location, stage, counted, existing FROM drift ORDER BY organization, location, stage
"""
LOCK: Final = """
    -- Lets no other transaction fold or correct the counts until this one ends.
    LOCK TABLE ticket_counts IN SHARE ROW EXCLUSIVE MODE
"""
CORRECT: Final = f"""
    -- Corrects the counts, and lists what it corrected. It reads all tickets.
    {_DRIFT.strip()}, corrected AS (
      -- Adds the difference, and does not set the count. A concurrent commit changes the tickets and their count by
      -- the same number, so the difference stays correct.
      INSERT INTO ticket_counts AS t (organization, location, stage, tickets)
      SELECT organization, location, stage, existing - counted FROM drift
      ON CONFLICT (organization, location, stage) DO UPDATE SET tickets = t.tickets + excluded.tickets
    )
    SELECT organization, location, stage, counted, existing FROM drift ORDER BY organization, location, stage
"""


@dataclass(frozen=True, slots=True)
class CountDrift:
    """A count that differs from the number of tickets."""

    organization: str
    location: str
    stage: str
    counted: int
    existing: int


class TicketCountKeeper:
    """Folds changes into the counts, and compares the counts with the tickets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fold(self, limit: int) -> int:
        """Folds at most `limit` changes. Returns how many it folded."""
        async with self._database.driver() as connection:
            return int(await connection.fetchval(FOLD, limit))

    async def compare(self) -> list[CountDrift]:
        """Returns the counts that are wrong. Changes nothing."""
        async with self._database.driver() as connection:
            return [CountDrift(*row) for row in await connection.fetch(COMPARE)]

    async def correct(self) -> list[CountDrift]:
        """Corrects the counts that are wrong. Returns the wrong counts. The service may run in the meantime."""
        async with self._database.driver() as connection, connection.transaction():
            await connection.execute(LOCK)
            return [CountDrift(*row) for row in await connection.fetch(CORRECT)]


def can_count(condition: Condition) -> bool:
    """Returns whether a filter uses only the fields by which tickets are counted."""
    match condition:
        case AllOf() | AnyOf():
            return all(map(can_count, condition.parts))
        case Negation():
            return can_count(condition.part)
        case OneOf() | HasValue() | NameEquals():
            return condition.field in _COUNTED_FIELDS
        case _:
            return isinstance(condition, Always)


def counts_statement(organization: str | None, condition: Condition) -> Select[Any]:
    """Returns a statement that selects each stage and its number of tickets. Requires `can_count(condition)`."""
    counts, changes = tables.ticket_counts, tables.ticket_count_changes
    parts = union_all(
        _part(counts, counts.c.tickets, organization, condition),
        _part(changes, changes.c.difference.cast(BigInteger), organization, condition),
    ).subquery("parts")
    return select(parts.c.stage, func.sum(parts.c.tickets).cast(BigInteger)).group_by(parts.c.stage)


def _part(table: FromClause, number: Any, organization: str | None, condition: Condition) -> Select[Any]:  # noqa: ANN401 - SQLAlchemy's columns
    predicate = to_normal_form(condition, lambda leaf, negated: _leaf(leaf, organization, table, negated=negated))
    statement = select(table.c.stage, number.label("tickets")).where(to_sql(predicate))
    return statement if organization is None else statement.where(table.c.organization == organization)


def _leaf(condition: Condition, organization: str | None, table: FromClause, *, negated: bool) -> Predicate:
    match condition:
        case NameEquals():
            return Sql(name_equals(organization, table.c.organization, table.c.location, condition, negated))
        case HasValue(field="location"):  # every ticket has one
            return Disjunction() if negated else Conjunction()
        case OneOf() | HasValue():
            return stages_where(table.c.stage, condition, negated=negated)
        case _:
            raise AssertionError(f"tickets are not counted by the condition {condition}")
