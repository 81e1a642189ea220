"""Reads everything that Temporal and the roles store, as bytes to search in."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from temporalio.api.common.v1 import WorkflowExecution as Execution
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.workflowservice.v1 import QueryWorkflowRequest
from temporalio.client import Client, WorkflowExecution

_QUERIES: Final = ("status", "__temporal_workflow_metadata")
"""The workflows' own query, and the one that the Temporal UI sends for the current details."""


async def read_workflows(client: Client) -> dict[str, bytes]:
    """Returns, by workflow id, everything that Temporal's API has on all runs of the workflow.

    That is the description (search attributes, memo, static summary, pending activities with their last failures), the
    history, which contains payloads as plain bytes, and the results of queries.
    """
    found: dict[str, bytes] = {}
    async for execution in client.list_workflows():
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        description = (await handle.describe()).raw_description
        pieces = [
            execution.raw_info.SerializeToString(),
            description.SerializeToString(),
            *[event.SerializeToString() for event in (await handle.fetch_history()).events],
            *[await _query_result(client, execution, query) for query in _QUERIES],
        ]
        found[execution.id] = b"\n".join([found.get(execution.id, b""), *pieces])
    return found


async def _query_result(client: Client, execution: WorkflowExecution, query: str) -> bytes:
    request = QueryWorkflowRequest(
        namespace=client.namespace,
        execution=Execution(workflow_id=execution.id, run_id=execution.run_id),
        query=WorkflowQuery(query_type=query),
    )
    return (await client.workflow_service.query_workflow(request)).SerializeToString()


def read_database(path: Path) -> bytes:
    """Returns all values of all tables of an SQLite file, because the file itself stores long values in pieces."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        tables = [
            name.decode() for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        rows = [row for table in tables for row in connection.execute(f'SELECT * FROM "{table}"')]  # noqa: S608
    return b"\n".join(value for row in rows for value in row if isinstance(value, bytes))


def read_files(home: Path, but: set[str]) -> dict[str, bytes]:
    """Returns, by path, every file below `home` except those in the folders `but`. The system may be running."""
    found = {}
    for path in home.rglob("*"):
        if path.is_file() and path.relative_to(home).parts[0] not in but:
            with suppress(FileNotFoundError):  # a journal that was deleted meanwhile
                found[str(path.relative_to(home))] = path.read_bytes()
    return found
