"""Database access of the operator's commands, and the output of `care outbox`."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from care_dev.stack.errors import StackError

if TYPE_CHECKING:
    from rich.table import Table

    from care_service.storage.database import Database
    from care_service.storage.outbox import Parked

T = TypeVar("T")

_VARIABLE = "CARE_DATABASE_URL"


def database_url(home: Path) -> str:
    """Returns the URL of the service's database: from the environment, or else from the stack that runs in `home`.

    Raises StackError if there is neither.
    """
    if url := os.environ.get(_VARIABLE):
        return url
    from care_dev.stack.stack import Stack

    if (stack := Stack.running(home)) is None:
        raise StackError(f"no stack runs in {home}: name one with --home, or set {_VARIABLE}")
    return stack.database_url


def parked(url: str, organization: str | None, limit: int) -> Sequence[Parked]:
    """Returns at most `limit` parked rows, in the order in which they were parked."""
    from care_service.storage.outbox import Outbox

    return with_database(url, lambda database: Outbox(database).parked(organization, limit))


def unpark(url: str, organization: str | None, ids: Sequence[int] | None) -> int:
    """Makes parked rows due again: the rows with `ids`, or all rows if `ids` is None. Returns how many there were."""
    from care_service.storage.outbox import Outbox

    return with_database(url, lambda database: Outbox(database).unpark(organization, ids))


def with_database(
    url: str, work: Callable[[Database], Awaitable[T]], statement_timeout: timedelta = timedelta(seconds=10)
) -> T:
    """Runs `work` with the database at `url`, and returns the result. A `statement_timeout` of zero means no limit.

    Raises StackError if the database can't be reached, or is not a Care database of this version.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from care_rules.refusals import Refusal
    from care_service.storage.database import Database

    async def run() -> T:
        database = Database(url, calls=1, reads=0, statement_timeout=statement_timeout)
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except Refusal as error:
        raise StackError("the service's database can't be reached: is it running?") from error
    except (SQLAlchemyError, ValueError) as error:
        # The error's text may contain the URL, which may contain a password.
        raise StackError(f"{_VARIABLE} does not name a Care database of this version: check its value") from error


def as_json(row: Parked) -> str:
    """Returns a row as one line of JSON."""
    return json.dumps(
        {
            "id": row.id,
            "recovery": _recovery(row),
            "workflow": row.workflow,
            "failure": row.failure,
            "attempts": row.attempts,
            "create_time": row.create_time.isoformat(),
            "park_time": row.park_time.isoformat(),
        }
    )


def table(rows: Sequence[Parked]) -> Table:
    """Returns the rows as a table for people."""
    from rich.table import Table

    shown = Table("Id", "Recovery", "Workflow", "Failure", "Attempts", "Parked", title="Parked outbox rows")
    for row in rows:
        when = row.park_time.isoformat(sep=" ", timespec="seconds")
        shown.add_row(str(row.id), _recovery(row), row.workflow, row.failure, str(row.attempts), when)
    return shown


def _recovery(row: Parked) -> str:
    from care_rules import names

    if row.resource_id is None:
        return names.ticket(row.organization, row.ticket_number)
    return names.recovery(row.organization, row.ticket_number, row.resource_id)
