"""The change feed: the activity log of all tickets, read in the order of commits by any number of readers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from care_rules.entities.activity import Activity
from care_rules.entities.contact import Contact
from care_rules.entities.delivery import Delivery
from care_rules.entities.message import Message
from care_rules.entities.ticket import Ticket
from care_rules.filters.conditions import Condition


class FeedPosition(NamedTuple):
    """A position in the feed. A reader at this position has read the activity there and everything before it."""

    transaction: int
    """PostgreSQL's 64-bit id of a transaction."""
    sequence: int
    """A number that rises with each activity. It orders the activities of one transaction."""


class FeedFilter(NamedTuple):
    """The changes that a reader wants."""

    organization: str | None
    """None for all organizations."""
    ticket: int | None
    """The number of one ticket; None for all tickets."""
    condition: Condition


@dataclass(frozen=True, slots=True)
class Change:
    """An activity, its ticket at the time of reading, and the entry of the thread that the same commit wrote."""

    position: FeedPosition
    activity: Activity
    ticket: Ticket
    contact: Contact | None
    """The contact of the ticket's live recovery."""
    message: Message | None
    delivery: Delivery | None
    """The delivery of `message`."""


@dataclass(frozen=True, slots=True)
class ChangedTickets:
    """The organization and number of each ticket that changed, and the position up to which the feed was read."""

    position: FeedPosition
    tickets: frozenset[tuple[str, int]]


@dataclass(frozen=True, slots=True, eq=False)
class FeedPage:
    """The next changes, and the position up to which the feed was read. Pages are equal only if they are one object."""

    changes: tuple[Change, ...]
    position: FeedPosition
