"""PostgreSQL's estimate of how many rows a statement returns."""

from __future__ import annotations

import re
from typing import Final

from care_service.storage.compiled import Compiled
from care_service.storage.pool import Connection

_ROWS: Final = re.compile(r"rows=([0-9]+)")


def explain(statement: Compiled, how: str = "") -> Compiled:
    """Returns the EXPLAIN of a statement. `how` contains the options. With ANALYZE, EXPLAIN also runs the statement."""
    return Compiled(f"EXPLAIN {how} {statement.sql}", statement.parameters)


async def estimated_rows(connection: Connection, statement: Compiled) -> int:
    """Returns how many rows the planner expects. This takes about as long as planning the statement."""
    plan = (await explain(statement).fetch(connection))[0][0]
    found = _ROWS.search(plan)
    if found is None:
        raise AssertionError(f"the output of EXPLAIN has no row estimate: {plan}")
    return int(found[1])
