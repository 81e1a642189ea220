"""Compiles SQLAlchemy's statements to SQL text and parameters for asyncpg.

Running a statement through SQLAlchemy's engine takes several times as long as through asyncpg. SQLAlchemy's package for
asyncio also imports the ORM, which Care does not use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from sqlalchemy import Select
from sqlalchemy.engine import make_url

DIALECT: Final = make_url("postgresql+asyncpg://").get_dialect()()


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement for asyncpg."""

    sql: str
    parameters: tuple[Any, ...]

    async def fetch(self, connection: asyncpg.Connection[asyncpg.Record]) -> list[Sequence[Any]]:
        """Runs the statement. Returns the values of each row."""
        return [tuple(row) for row in await connection.fetch(self.sql, *self.parameters)]


def compile_statement(statement: Select[Any]) -> Compiled:
    """Compiles a statement. This can take longer than running it, so `ticket_plans` caches compiled statements."""
    # SQLAlchemy compiles an IN list to one placeholder. This call expands the list to one placeholder per value.
    expanded = statement.compile(dialect=DIALECT).construct_expanded_state()
    return Compiled(expanded.statement, tuple(expanded.positional_parameters))
