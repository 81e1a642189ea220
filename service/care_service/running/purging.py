"""Deletes stored responses of requests after they expire. Responses expire after 24 hours."""

from __future__ import annotations

from typing import Final

from care_roles.logs import get_logger
from care_service.metrics import Metrics
from care_service.running.background import repeat
from care_service.storage.stored_responses import StoredResponses
from care_service.usecases.ports.clock import Clock
from care_service.usecases.ports.idempotency import REQUEST_ID_LIFETIME

_LOG: Final = get_logger("care.purging")
_BATCH: Final = 1_000
"""The maximum number of rows that one statement deletes. Few, so that the statement holds no locks for long."""
_PAUSE: Final = 60.0
"""Seconds between two rounds."""


async def purge_expired_responses(responses: StoredResponses, clock: Clock, metrics: Metrics) -> None:
    """Deletes expired responses every minute. Runs until cancelled. Any number of replicas may run it."""

    async def purge() -> None:
        purged = _BATCH
        while purged == _BATCH:
            purged = await responses.purge(clock.now() - REQUEST_ID_LIFETIME, _BATCH)
            metrics.purged.inc(purged)
        metrics.purge_time.set_to_current_time()

    await repeat(purge, _PAUSE, _LOG, "purging expired responses failed")
