"""The change feed: what followers of tickets are told, and where each of them is in it."""

from __future__ import annotations

from dataclasses import dataclass

from care_rules.entities import Activity, Contact, Delivery, Message, Ticket
from care_rules.filters.conditions import Condition


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a follower of the feed is: what it has seen goes up to here."""

    transaction: int
    position: int


@dataclass(frozen=True, slots=True)
class Follow:
    """What is followed."""

    organization: str | None
    """None for all."""
    ticket: int | None
    """One ticket; None for all."""
    condition: Condition


@dataclass(frozen=True, slots=True)
class Change:
    """An activity, with its ticket as it is when it is read, and the entry of the thread that came with it."""

    place: Place
    activity: Activity
    ticket: Ticket
    contact: Contact | None
    message: Message | None
    delivery: Delivery | None


@dataclass(frozen=True, slots=True)
class Touched:
    """Which tickets have something new, and up to where that was looked for."""

    place: Place
    tickets: frozenset[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Seen:
    """A look at the feed: what it found, and up to where it looked."""

    changes: tuple[Change, ...]
    place: Place
