"""The change feed: what followers of tickets get, and their places in it."""

from __future__ import annotations

from dataclasses import dataclass

from care_rules.entities import Activity, Contact, Delivery, Message, Ticket
from care_rules.filters.conditions import Condition


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in the feed: a follower at it has seen everything up to here."""

    transaction: int
    position: int


@dataclass(frozen=True, slots=True)
class Follow:
    """The tickets that a follower wants to hear about."""

    organization: str | None
    """None for all organizations."""
    ticket: int | None
    """A ticket's number; None for all tickets."""
    condition: Condition


@dataclass(frozen=True, slots=True)
class Change:
    """An activity, with its ticket at the time of the read, and with its entry of the thread."""

    place: Place
    activity: Activity
    ticket: Ticket
    contact: Contact | None
    message: Message | None
    delivery: Delivery | None


@dataclass(frozen=True, slots=True)
class ChangedTickets:
    """The tickets that have new activities, up to a place."""

    place: Place
    tickets: frozenset[tuple[str, int]]
    """Organizations and ticket numbers."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a read of the feed found, and the place that it read up to."""

    changes: tuple[Change, ...]
    place: Place
