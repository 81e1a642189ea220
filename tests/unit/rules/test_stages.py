"""Stages: every status and every close reason is counted once."""

from __future__ import annotations

import pytest

from care_rules.completeness import IncompleteTableError, check_complete
from care_rules.entities.ticket import CloseReason
from care_rules.lifecycle import TicketStatus
from care_rules.queries import STAGES, TicketCounts, stages_of_status


def test_each_status_and_each_close_reason_has_its_own_stages() -> None:
    found = [stage for status in TicketStatus for stage in sorted(stages_of_status(status))]
    assert sorted(found) == sorted(STAGES)
    assert len(set(map(str, STAGES))) == len(STAGES)
    assert {*TicketStatus} - {TicketStatus.CLOSED} | {*CloseReason} == set(STAGES)


def test_each_stage_is_counted_separately_and_in_the_total() -> None:
    counts = TicketCounts.by_stage(
        {"OPEN": 1, "IN_PROGRESS": 20, "RESOLVED": 300, "MANUAL": 4_000, "INACTIVITY": 50_000}
    )
    assert counts == TicketCounts(1, 20, 300, 4_000, 50_000, total=54_321)
    for stage in STAGES:
        assert TicketCounts.by_stage({stage: 7}).total == 7


def test_an_unknown_stage_is_counted_in_the_total() -> None:
    assert TicketCounts.by_stage({"OPEN": 2, "ON_HOLD": 3}) == TicketCounts(2, 0, 0, 0, 0, total=5)


def test_a_table_with_a_missing_or_extra_entry_is_refused() -> None:
    table = dict.fromkeys(CloseReason, 1)
    assert check_complete(CloseReason, table) is table
    del table[CloseReason.MANUAL]
    with pytest.raises(IncompleteTableError, match="MANUAL"):
        check_complete(CloseReason, table)
    with pytest.raises(IncompleteTableError, match="ON_HOLD"):
        check_complete(["OPEN"], {"OPEN": 1, "ON_HOLD": 2})
