"""Stages: every status and every close reason is counted, and none is counted twice."""

from __future__ import annotations

import pytest

from care_rules.completeness import IncompleteTableError, check_complete
from care_rules.entities.ticket import CloseReason
from care_rules.lifecycle import TicketStatus
from care_rules.queries import STAGES, TicketCounts, stages_of_status


def test_each_status_and_each_close_reason_has_stages_of_its_own() -> None:
    found = [stage for status in TicketStatus for stage in sorted(stages_of_status(status))]
    assert sorted(found) == sorted(STAGES)
    assert len(set(map(str, STAGES))) == len(STAGES)
    assert {*TicketStatus} - {TicketStatus.CLOSED} | {*CloseReason} == set(STAGES)


def test_each_stage_is_counted_by_itself_and_in_the_total() -> None:
    counts = TicketCounts.by_stage(
        {"OPEN": 1, "IN_PROGRESS": 20, "RESOLVED": 300, "MANUAL": 4_000, "INACTIVITY": 50_000}
    )
    assert counts == TicketCounts(1, 20, 300, 4_000, 50_000, total=54_321)
    for stage in STAGES:
        assert TicketCounts.by_stage({stage: 7}).total == 7


def test_a_stage_of_a_newer_release_is_in_the_total() -> None:
    assert TicketCounts.by_stage({"OPEN": 2, "ON_HOLD": 3}) == TicketCounts(2, 0, 0, 0, 0, total=5)


def test_a_table_with_an_entry_too_few_or_too_many_is_refused() -> None:
    table = dict.fromkeys(CloseReason, 1)
    assert check_complete(CloseReason, table) is table
    del table[CloseReason.MANUAL]
    with pytest.raises(IncompleteTableError, match="MANUAL"):
        check_complete(CloseReason, table)
    with pytest.raises(IncompleteTableError, match="ON_HOLD"):
        check_complete(["OPEN"], {"OPEN": 1, "ON_HOLD": 2})
