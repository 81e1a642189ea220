"""The clock of a call."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The source of the present time; tests pass the Temporal test server's."""

    def now(self) -> datetime:
        """Returns the present time, in UTC."""
        ...
