"""The clock of a call."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The source of `now`. Tests can use the clock of Temporal's test server."""

    def now(self) -> datetime:
        """Returns the current time, in UTC."""
        ...
