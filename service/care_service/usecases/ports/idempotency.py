"""Stored responses: a repeated request gets the response of the first (AIP-155)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

REQUEST_ID_LIFETIME: Final = timedelta(hours=24)
"""How long a response is stored for repeats of its request."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The key of a stored response: a `request_id` is unique per organization and caller (AIP-155)."""

    organization: str
    caller: str
    request_id: UUID
    oldest: datetime
    """Responses stored before this time have expired."""


def customer_key(organization: str, recovery: UUID, request_id: UUID, oldest: datetime) -> RequestKey:
    """Returns the key of a request that came through a form link. All holders of a link count as one caller."""
    return RequestKey(organization, f"CUSTOMER/{recovery}", request_id, oldest)


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The response to an earlier request, stored for repeats."""

    fingerprint: bytes
    """SHA-256 over the method and the request's bytes."""
    body: bytes
    """The response's bytes."""


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """A response to store, with its key."""

    key: RequestKey
    answer: StoredResponse
    time: datetime
