"""What a list is asked for: which entries, in which order, from where on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from care_rules.filters.conditions import Always, Condition
from care_rules.lifecycle import TicketStatus

KeyValue: TypeAlias = str | int | datetime


class OrderField(StrEnum):
    """What tickets can be ordered by."""

    NUMBER = "number"
    CREATE_TIME = "create_time"
    UPDATE_TIME = "update_time"
    PRIORITY = "priority"


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One key of an order."""

    field: OrderField
    descending: bool


def complete_order(keys: tuple[OrderKey, ...]) -> tuple[OrderKey, ...]:
    """Returns an order in which no two tickets of an organization tie: it ends with the number, the newest first."""
    for index, key in enumerate(keys):
        if key.field is OrderField.NUMBER:
            return keys[: index + 1]
    return (*keys, OrderKey(OrderField.NUMBER, descending=True))


@dataclass(frozen=True, slots=True)
class TicketPlace:
    """Where a page of tickets ends: the last one's organization and its values of the order's keys."""

    organization: str
    values: tuple[KeyValue, ...]
    """A priority is its word."""


@dataclass(frozen=True, slots=True)
class TicketQuery:
    """A page of tickets; organization by organization where none is given."""

    organization: str | None
    limit: int
    condition: Condition = field(default_factory=Always)
    order: tuple[OrderKey, ...] = (OrderKey(OrderField.NUMBER, descending=True),)
    """Complete."""
    after: TicketPlace | None = None


@dataclass(frozen=True, slots=True)
class ReviewPlace:
    """Where a page of reviews ends."""

    organization: str
    create_time: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class ReviewQuery:
    """A page of reviews, the latest written first; organization by organization where none is given."""

    organization: str | None
    limit: int
    condition: Condition = field(default_factory=Always)
    after: ReviewPlace | None = None


@dataclass(frozen=True, slots=True)
class TicketCounts:
    """How many tickets there are by status; the CLOSED ones by who closed them."""

    open: int
    in_progress: int
    resolved: int
    closed: int
    auto_closed: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.open + self.in_progress + self.resolved + self.closed + self.auto_closed


class Stage(StrEnum):
    """Status and close reason in one word: what the counts are apart by."""

    OPEN = "OPEN"
    IN_PROGRESS = "IN_PROGRESS"
    RESOLVED = "RESOLVED"
    MANUAL = "MANUAL"
    INACTIVITY = "INACTIVITY"


CLOSED_STAGES: frozenset[str] = frozenset({Stage.MANUAL, Stage.INACTIVITY})


def stages_of_status(status: str) -> frozenset[str]:
    """Returns the stages of a status."""
    return CLOSED_STAGES if status == TicketStatus.CLOSED else frozenset({status})
