"""The clock of a call."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Where `now` comes from; tests hand in the Temporal test server's."""

    def now(self) -> datetime:
        """Returns the present time, in UTC."""
        ...
