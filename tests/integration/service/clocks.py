"""A clock that only a test advances."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class SettableClock:
    """See care_service.usecases.ports.clock.Clock."""

    def __init__(self) -> None:
        self._now = datetime(2026, 5, 4, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, **how_long: float) -> None:
        """Advances the clock. The arguments are those of timedelta."""
        self._now += timedelta(**how_long)

    def set(self, moment: datetime) -> None:
        """Sets the clock to a moment that is not in its past."""
        if moment < self._now:
            raise ValueError(moment)
        self._now = moment
