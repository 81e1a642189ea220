"""Folds the changes of tickets into their counts. Counts are exact without folding, but reading them gets slower."""

from __future__ import annotations

from typing import Final

from care_roles.logs import get_logger
from care_service.metrics import Metrics
from care_service.running.background import repeat
from care_service.storage.ticket_counts import TicketCountKeeper

_LOG: Final = get_logger("care.folding")
_BATCH: Final = 1_000
"""How many changes one statement folds. Few, because the change feed waits for the statement's transaction."""
_PAUSE: Final = 10.0
"""Seconds between two rounds. A count reads all changes since the last round."""


async def fold_count_changes(counts: TicketCountKeeper, metrics: Metrics) -> None:
    """Folds every ten seconds. Runs until cancelled. Any number of replicas may run it."""

    async def fold() -> None:
        folded = _BATCH
        while folded == _BATCH:
            folded = await counts.fold(_BATCH)
            metrics.folded.inc(folded)
        metrics.fold_time.set_to_current_time()

    await repeat(fold, _PAUSE, _LOG, "folding changes into the counts of tickets failed")
