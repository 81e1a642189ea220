"""Stored responses: a repeated request gets the response to the first request (AIP-155)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from care_rules.callers import Caller

REQUEST_ID_LIFETIME: Final = timedelta(hours=24)
"""How long a response is stored for repeats of its request."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The key of a stored response: a `request_id` is unique per organization and caller (AIP-155)."""

    organization: str
    caller: str
    request_id: UUID
    oldest: datetime
    """Responses that were stored at this time or before have expired."""


def request_key(organization: str, caller: Caller, request_id: UUID | None, oldest: datetime) -> RequestKey | None:
    """Returns the key of a request; None if the request has no id. All holders of the same link count as one caller."""
    if request_id is None:
        return None
    return RequestKey(organization, f"{caller.kind}/{caller.id}", request_id, oldest)


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
    response: StoredResponse
    time: datetime
