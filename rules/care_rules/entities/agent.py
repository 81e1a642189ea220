"""Agents: the people of the team."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Agent:
    """A member of the team."""

    organization: str
    id: str
    display_name: str
    can_be_assignee: bool
    can_be_reporter: bool
    locations: tuple[str, ...]
    """The locations whose tickets are assigned to the agent automatically; empty for all locations."""
    create_time: datetime
    update_time: datetime
