"""Compares the stored counts of tickets with the tickets, and corrects the counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from care_cli.outbox.access import database_url, with_database

if TYPE_CHECKING:
    from care_service.storage.ticket_counts import CountDrift

_NO_LIMIT: Final = timedelta(0)
"""Turns off the time limit of statements, because these statements read all tickets."""


def wrong_counts(home: Path) -> Sequence[CountDrift]:
    """Returns the counts that differ from the number of tickets. Raises StackError if the database can't be reached."""
    from care_service.storage.ticket_counts import TicketCountKeeper

    return with_database(database_url(home), lambda database: TicketCountKeeper(database).compare(), _NO_LIMIT)


def correct_counts(home: Path) -> Sequence[CountDrift]:
    """Corrects the wrong counts, and returns the differences. Raises StackError if the database can't be reached."""
    from care_service.storage.ticket_counts import TicketCountKeeper

    return with_database(database_url(home), lambda database: TicketCountKeeper(database).correct(), _NO_LIMIT)


def as_text(drift: CountDrift) -> str:
    """Returns a sentence about the wrong count, for people."""
    where = _location(drift)
    return f"The count of {drift.stage} tickets of {where} is {drift.counted}, but there are {drift.existing}."


def as_json(drift: CountDrift) -> str:
    """Returns the wrong count as one line of JSON."""
    line = {"location": _location(drift), "stage": drift.stage, "count": drift.counted, "tickets": drift.existing}
    return json.dumps(line)


def _location(drift: CountDrift) -> str:
    from care_rules import names

    return names.location(drift.organization, drift.location)
