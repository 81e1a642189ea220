"""PostgreSQL's estimate of how many rows a statement returns."""

from __future__ import annotations

import re
from typing import Any, Final

from sqlalchemy import ClauseElement, Executable, Select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from care_service.storage.read_connection import ReadConnection

_ROWS: Final = re.compile(r"rows=([0-9]+)")


class Explain(Executable, ClauseElement):
    """EXPLAIN of a statement. It plans the statement, and runs it if `how` says ANALYZE."""

    inherit_cache: bool | None = False

    def __init__(self, statement: Select[Any], how: str = "") -> None:
        self.statement = statement
        self.how = how


@compiles(Explain)
def _compile(element: Explain, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - as SQLAlchemy has it
    return f"EXPLAIN {element.how} {compiler.process(element.statement, **options)}"


async def estimated_rows(connection: ReadConnection, statement: Select[Any]) -> int:
    """Returns the planner's estimate, from its statistics. This takes about as long as planning the statement."""
    plan: str = (await connection.execute(Explain(statement))).scalars().first() or ""
    found = _ROWS.search(plan)
    if found is None:
        raise AssertionError(f"the output of EXPLAIN has no row estimate: {plan}")
    return int(found[1])
