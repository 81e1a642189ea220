"""Compiles SQLAlchemy's statements to SQL text and parameters for asyncpg.

SQLAlchemy's own engine would cost several times as much per statement as asyncpg, and its package for asyncio imports
the ORM, which Care does not use.
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
    """Compiles a statement. This takes about as long as running a small statement."""
    # SQLAlchemy compiles an IN list to one placeholder. This expands it to one placeholder for each value.
    expanded = statement.compile(dialect=DIALECT).construct_expanded_state()
    return Compiled(expanded.statement, tuple(expanded.positional_parameters))
