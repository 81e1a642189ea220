"""How much one run measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """The counts of one run."""

    rounds: int
    calls: int
    """Calls per round."""
    large: int
    """Tickets of the large organization."""
    small: int
    """Tickets of the small organization."""
    counts: int
    """Calls per round of each row about counts and pages."""
    window: float
    """Seconds of each round that measures the idle stack."""
    recoveries: int
    """Recoveries per round."""
    starts: int
    """Workflow starts per round."""
    idle_watchers: int
    watch_window: float
    """Seconds of each round that measures idle watchers. In `FULL`, this is the period of their heartbeats."""
    watchers: int
    """Watchers that each change reaches."""
    changes: int
    """Changes per round that the watchers receive."""


FULL: Final = Effort(
    rounds=5,
    calls=1_000,
    large=1_000_000,
    small=1_000,
    counts=20,
    window=10.0,
    recoveries=40,
    starts=20,
    idle_watchers=5_000,
    watch_window=20.0,
    watchers=1_000,
    changes=3,
)
"""The counts that `results.json` is measured with."""

QUICK: Final = Effort(
    rounds=1,
    calls=64,
    large=2_000,
    small=1_000,
    counts=2,
    window=0.5,
    recoveries=2,
    starts=2,
    idle_watchers=100,
    watch_window=0.5,
    watchers=20,
    changes=1,
)
"""Runs every row in a minute. Its figures mean nothing."""
