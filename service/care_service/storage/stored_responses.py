"""The answers kept for repeated requests (AIP-155), for as long as they are promised and no longer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg

from care_service.storage.database import Database
from care_service.usecases.ports import RequestKey, StoredResponse

_FORGET: Final = """
    DELETE FROM requests
    WHERE organization = $1::TEXT AND caller = $2::TEXT AND request_id = $3::UUID AND create_time <= $4::TIMESTAMPTZ
"""

_FIND: Final = """
    SELECT fingerprint, answer, create_time FROM requests
    WHERE organization = $1::TEXT AND caller = $2::TEXT AND request_id = $3::UUID
"""

_PURGE: Final = """
    DELETE FROM requests WHERE (organization, caller, request_id) IN (
      SELECT organization, caller, request_id FROM requests WHERE create_time <= $1::TIMESTAMPTZ LIMIT $2::INTEGER
    )
"""


class Answers:
    """Forgets what has had its time: answers hold what the response held, addresses among it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def purge(self, oldest: datetime, limit: int) -> int:
        """Deletes at most `limit` answers that were kept before `oldest`; returns how many."""
        async with self._database.driver() as connection:
            return int((await connection.execute(_PURGE, oldest, limit)).rpartition(" ")[2])


async def find_stored_response(
    connection: asyncpg.Connection[asyncpg.Record], key: RequestKey
) -> StoredResponse | None:
    """Returns the answer kept for a request, by a query of its own."""
    row = await connection.fetchrow(_FIND, key.organization, key.caller, key.request_id)
    return await current_response(connection, tuple(row), key) if row else None


async def current_response(
    connection: asyncpg.Connection[asyncpg.Record], columns: Sequence[Any], key: RequestKey | None
) -> StoredResponse | None:
    """Returns the answer in the columns fingerprint, answer and create_time of a row, None where there is none.

    One that has had its time is deleted here: left in place, it would stand in the way of the new request's.
    """
    fingerprint, body, time = columns
    if fingerprint is None or key is None:
        return None
    if time > key.oldest:
        return StoredResponse(fingerprint, body)
    await connection.execute(_FORGET, key.organization, key.caller, key.request_id, key.oldest)
    return None
