"""SQL statements divide states into two sets, in several ways. A new state must be added to one set of each pair."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

import pytest

from care_rules.delivery import FINISHED
from care_rules.entities.delivery import DeliveryState
from care_rules.entities.recovery import ReplyState
from care_rules.entities.ticket import CloseReason, Priority
from care_rules.lifecycle import LIVE, STATUS, UNRESOLVED, RecoveryState, TicketStatus
from care_rules.queries import STAGES
from care_rules.recovery_plan import HANDED_OUT, SHOWS_LINK, UNFINISHED, WAS_PUBLIC
from care_service.storage.rules_in_sql import PRIORITY_RANK, names

T, R, P, D = TicketStatus, RecoveryState, ReplyState, DeliveryState
ENDED = {R.REFUSED, R.WITHDRAWN, R.EXPIRED, R.REJECTED, R.REPLACED, R.ENDED_BY_CLOSE}


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ({each for each in T if STATUS.is_final(each)}, {T.OPEN, T.IN_PROGRESS, T.RESOLVED}),
        (UNRESOLVED, {T.RESOLVED, T.CLOSED}),
        (LIVE, {R.NO_CONTACT, *ENDED}),
        (UNFINISHED, {R.NO_CONTACT, R.CHAT_UNLOCKED, *ENDED}),
        (HANDED_OUT, {P.NONE, P.POSTED, P.NOT_PUBLIC, P.RETRACTED}),
        (SHOWS_LINK, {P.NONE, P.POSTING, P.NOT_PUBLIC, P.RETRACTED}),
        (WAS_PUBLIC, {P.NONE, P.POSTING, P.NOT_PUBLIC}),
        (FINISHED, {D.QUEUED, D.SENT}),
    ],
    ids=["final", "unresolved", "live", "unfinished", "attempt in progress", "shows link", "was public", "finished"],
)
def test_each_state_is_on_one_side_of_each_distinction(
    inside: Collection[StrEnum], outside: Collection[StrEnum]
) -> None:
    every = type(next(iter(inside)))
    assert set(inside) | set(outside) == set(every)
    assert set(inside).isdisjoint(outside)


def test_each_status_and_each_close_reason_has_its_stage() -> None:
    assert set(map(str, STAGES)) == {*map(str, set(T) - {T.CLOSED}), *map(str, CloseReason)}


def test_names_are_listed_in_the_order_of_the_enum() -> None:
    assert names({P.RETRACTING, P.POSTING}) == "('POSTING', 'RETRACTING')"


def test_every_priority_is_ranked() -> None:
    assert "ARRAY['LOW', 'NORMAL', 'HIGH', 'URGENT']" in PRIORITY_RANK
    assert len(Priority) == PRIORITY_RANK.count("'") / 2
