"""Measures the depth and age of the outbox, and the use of the connection pool."""

from __future__ import annotations

import asyncio
from typing import Final

from care_roles.logs import get_logger
from care_rules.refusals import Refusal
from care_service.metrics import Metrics
from care_service.storage.database import Database
from care_service.storage.outbox import Outbox

_LOG: Final = get_logger("care.measuring")
_PAUSE: Final = 5.0
"""Seconds between two measurements. Prometheus usually scrapes every 15 or 30 seconds."""


async def measure(metrics: Metrics, pool: Database, outbox: Outbox) -> None:
    """Measures every five seconds. Runs until cancelled."""
    metrics.pool_size.set(pool.size)
    while True:
        metrics.pool_used.set(pool.in_use)
        metrics.pool_waiters.set(pool.waiting)
        try:
            depth = await outbox.depth()
        except Refusal:
            pass  # the health status shows that the database is unreachable; the metrics keep their last values
        except Exception as error:  # noqa: BLE001 - measuring must go on after any failure
            _LOG.warning("measuring the outbox failed", reason=type(error).__qualname__)
        else:
            metrics.outbox_rows.set(depth.waiting)
            metrics.outbox_parked.set(depth.parked)
            metrics.outbox_oldest.set(depth.oldest.total_seconds())
        await asyncio.sleep(_PAUSE)
