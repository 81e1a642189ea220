"""The responses that are stored for repeated requests (AIP-155): finds current and deletes expired responses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg

from care_service.storage.database import Database
from care_service.usecases.ports.idempotency import RequestKey, StoredResponse

FIND: Final = """
    -- Finds the response to an earlier request with the same id.
    -- $1, $2, $3: organization, caller and id of the request
    SELECT fingerprint, answer, create_time FROM requests
    WHERE organization = $1::TEXT AND caller = $2::TEXT AND request_id = $3::UUID
"""
DELETE_EXPIRED: Final = """
    -- Deletes an expired response, which would block a new request with the same id.
    -- $1, $2, $3: organization, caller and id of the request; $4: responses stored by then have expired
    DELETE FROM requests
    WHERE organization = $1::TEXT AND caller = $2::TEXT AND request_id = $3::UUID AND create_time <= $4::TIMESTAMPTZ
"""
PURGE: Final = """
    -- Deletes expired responses.
    -- $1: responses stored by then have expired; $2: how many at most
    DELETE FROM requests WHERE (organization, caller, request_id) IN (
      SELECT organization, caller, request_id FROM requests WHERE create_time <= $1::TIMESTAMPTZ LIMIT $2::INTEGER
    )
"""


class StoredResponses:
    """Deletes expired responses, which may contain personal data such as addresses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def purge(self, oldest: datetime, limit: int) -> int:
        """Deletes at most `limit` responses that were stored at or before `oldest`. Returns how many it deleted."""
        async with self._database.driver() as connection:
            return int((await connection.execute(PURGE, oldest, limit)).rpartition(" ")[2])


async def find_stored_response(
    connection: asyncpg.Connection[asyncpg.Record], key: RequestKey
) -> StoredResponse | None:
    """Returns the stored response to a request, with a separate query; None if none is stored or it has expired."""
    row = await connection.fetchrow(FIND, key.organization, key.caller, key.request_id)
    return await current_response(connection, tuple(row), key) if row else None


async def current_response(
    connection: asyncpg.Connection[asyncpg.Record], columns: Sequence[Any], key: RequestKey | None
) -> StoredResponse | None:
    """Returns the response in the columns fingerprint, answer and create_time of a row; None if none is current.

    Deletes an expired response. Otherwise, the response to the new request could not be stored under the same key.
    """
    fingerprint, body, time = columns
    if fingerprint is None or key is None:
        return None
    if time > key.oldest:
        return StoredResponse(fingerprint, body)
    await connection.execute(DELETE_EXPIRED, key.organization, key.caller, key.request_id, key.oldest)
    return None
