"""Compares the workflows that must run according to the database with those that run in Temporal."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from care_cli.outbox.access import database_url
from care_dev.stack.errors import StackError

if TYPE_CHECKING:
    from care_service.storage.expected_workflows import ExpectedWorkflow


def temporal_variables(home: Path) -> dict[str, str]:
    """Returns the environment. If it has no variable of Temporal, adds the address of the stack that runs in `home`."""
    if any(name.startswith("TEMPORAL_") for name in os.environ):
        return dict(os.environ)
    from care_dev.stack.stack import Stack

    stack = Stack.running(home)
    return {**os.environ, "TEMPORAL_ADDRESS": stack.urls.temporal} if stack else dict(os.environ)


def missing(home: Path) -> Sequence[ExpectedWorkflow]:
    """Returns the workflows that must run, do not run, and have no outbox row that will start them.

    Raises StackError if the database or Temporal can't be reached, or if the database is not one of this version.
    """
    from sqlalchemy.exc import SQLAlchemyError
    from temporalio.client import Client
    from temporalio.service import RPCError

    from care_roles.temporal import connect_config
    from care_rules.refusals import Refusal
    from care_service.running import reconciling
    from care_service.storage.database import Database
    from care_service.storage.expected_workflows import ExpectedWorkflows

    async def run() -> Sequence[ExpectedWorkflow]:
        database = Database(database_url(home), calls=1, reads=0)
        try:
            client = await Client.connect(**connect_config(temporal_variables(home)))
            pages = reconciling.missing_workflows(ExpectedWorkflows(database), reconciling.TemporalWorkflows(client))
            return [each async for page in pages for each in page]
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except Refusal as error:
        raise StackError("the service's database can't be reached: is it running?") from error
    except (SQLAlchemyError, ValueError) as error:
        # The error's text may contain the URL, which may contain a password.
        raise StackError("CARE_DATABASE_URL does not name a Care database of this version") from error
    except (RPCError, RuntimeError) as error:
        raise StackError("Temporal can't be reached: is it running at TEMPORAL_ADDRESS?") from error
