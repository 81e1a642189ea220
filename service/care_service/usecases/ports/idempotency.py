"""Stored responses: a repeated request gets the response of the first (AIP-155)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

REQUEST_ID_LIFETIME: Final = timedelta(hours=24)
"""For how long an answer is kept to be given again."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What a `request_id` is unique within (AIP-155)."""

    organization: str
    caller: str
    request_id: UUID
    oldest: datetime
    """An answer kept before then has had its time."""


def customer_key(organization: str, recovery: UUID, request_id: UUID, oldest: datetime) -> RequestKey:
    """Returns the key of a request that came through a form's link: whoever holds the link is one caller."""
    return RequestKey(organization, f"CUSTOMER/{recovery}", request_id, oldest)


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """An answer that was given to a request, kept to be given again."""

    fingerprint: bytes
    """SHA-256 over the method and the request's bytes."""
    body: bytes
    """The response's bytes."""


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """An answer to be kept, with its key."""

    key: RequestKey
    answer: StoredResponse
    time: datetime
