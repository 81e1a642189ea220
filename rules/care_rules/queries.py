"""Queries of lists: filter, order and page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Self, TypeAlias
from uuid import UUID

from care_rules.completeness import check_complete
from care_rules.entities.ticket import CloseReason
from care_rules.filters.conditions import Always, Condition
from care_rules.lifecycle import TicketStatus

KeyValue: TypeAlias = str | int | datetime


class OrderField(StrEnum):
    """A field that tickets can be ordered by."""

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
    """Returns an order without ties within an organization: the last key is the ticket's number.

    If `keys` does not contain the number, the order puts the newest of equal tickets first.
    """
    for index, key in enumerate(keys):
        if key.field is OrderField.NUMBER:
            return keys[: index + 1]
    return (*keys, OrderKey(OrderField.NUMBER, descending=True))


@dataclass(frozen=True, slots=True)
class TicketPlace:
    """The end of a page of tickets: the organization of the last ticket, and its value for each key of the order."""

    organization: str
    values: tuple[KeyValue, ...]
    """For the key PRIORITY, the value is the name of the priority."""


@dataclass(frozen=True, slots=True)
class TicketQuery:
    """A query for a page of tickets: of one organization, or of all of them in turn if `organization` is None."""

    organization: str | None
    limit: int
    condition: Condition = field(default_factory=Always)
    order: tuple[OrderKey, ...] = (OrderKey(OrderField.NUMBER, descending=True),)
    """As `complete_order` returns it."""
    after: TicketPlace | None = None


@dataclass(frozen=True, slots=True)
class ReviewPlace:
    """The end of a page of reviews."""

    organization: str
    create_time: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class ReviewQuery:
    """A query for a page of reviews, the latest first.

    The reviews are those of one organization, or of all of them in turn if `organization` is None.
    """

    organization: str | None
    limit: int
    condition: Condition = field(default_factory=Always)
    after: ReviewPlace | None = None


Stage: TypeAlias = TicketStatus | CloseReason
"""The close reason of a CLOSED ticket, or the status of any other ticket."""

STAGES: Final[tuple[Stage, ...]] = (
    *(status for status in TicketStatus if status is not TicketStatus.CLOSED),
    *CloseReason,
)
CLOSED_STAGES: Final = frozenset(CloseReason)


def stages_of_status(status: TicketStatus) -> frozenset[Stage]:
    """Returns the stages of a status."""
    return CLOSED_STAGES if status is TicketStatus.CLOSED else frozenset({status})


_COUNTS: Final = check_complete(
    STAGES,
    {
        TicketStatus.OPEN: "open",
        TicketStatus.IN_PROGRESS: "in_progress",
        TicketStatus.RESOLVED: "resolved",
        CloseReason.MANUAL: "closed",
        CloseReason.INACTIVITY: "auto_closed",
    },
)
"""The field of TicketCounts for each stage."""


@dataclass(frozen=True, slots=True)
class TicketCounts:
    """The number of tickets by stage. The fields are named as in the contract's `CountTicketsResponse`."""

    open: int
    in_progress: int
    resolved: int
    closed: int
    auto_closed: int
    total: int
    """All tickets, including those whose stage only a newer release knows."""

    @classmethod
    def by_stage(cls, counts: Mapping[str, int]) -> Self:
        """Returns the counts from the number of tickets per stage. A missing stage counts as zero."""
        known = {field: counts.get(stage, 0) for stage, field in _COUNTS.items()}
        return cls(**known, total=sum(counts.values()))


LARGEST_TOTAL: Final = 10_000
"""The number at which a count stops if the tickets must be read one by one to count them.

Reading more tickets would take longer than reading the page itself.
"""


@dataclass(frozen=True, slots=True)
class TotalSize:
    """The number of tickets on all pages of a list."""

    tickets: int
    is_exact: bool
    """If False, there are more tickets than this number."""
