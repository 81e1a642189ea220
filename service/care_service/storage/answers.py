"""The answers kept for repeated requests (AIP-155), for as long as they are promised and no longer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from care_service.domain.ports import Answer, RequestKey

_FORGET: Final = """
    DELETE FROM requests
    WHERE organization = $1::TEXT AND caller = $2::TEXT AND request_id = $3::UUID AND create_time <= $4::TIMESTAMPTZ
"""


async def current_answer(
    connection: asyncpg.Connection[asyncpg.Record], columns: Sequence[Any], key: RequestKey | None
) -> Answer | None:
    """Returns the answer in the columns fingerprint, answer and create_time of a row, None where there is none.

    One that has had its time is deleted here: left in place, it would stand in the way of the new request's.
    """
    fingerprint, body, time = columns
    if fingerprint is None or key is None:
        return None
    if time > key.oldest:
        return Answer(fingerprint, body)
    await connection.execute(_FORGET, key.organization, key.caller, key.request_id, key.oldest)
    return None
