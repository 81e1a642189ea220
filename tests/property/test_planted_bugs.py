"""The property test finds every bug in `planted` within a bounded number of examples."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import pytest
from hypothesis.errors import Flaky

from tests.property import planted
from tests.property.machine import Bench, Difference, check_property

FREQUENT: Final = (
    planted.etag_is_not_compared,
    planted.resolved_ticket_can_be_started,
    planted.stale_commit_reports_success,
    planted.repeat_is_executed_again,
    planted.close_leaves_the_recovery_live,
    planted.other_organizations_are_let_in,
    planted.reopened_ticket_keeps_its_resolve_time,
    planted.note_takes_two_numbers,
)
RARE: Final = (
    planted.closed_ticket_takes_a_note,
    planted.customers_message_leaves_the_ticket_resolved,
    planted.follow_up_is_made_though_there_is_one,
    planted.claim_replaces_the_contact,
    planted.late_report_counts,
    planted.contact_can_be_added_to_an_open_chat,
    planted.answers_are_kept_forever,
    planted.customer_of_another_ticket_is_heard_in_its_chat,
    planted.follow_up_forgets_the_assignee,
    planted.expired_link_takes_an_answer,
    planted.withdrawal_wakes_nobody,
    planted.form_replaced_by_a_contact_stays_live,
    planted.note_is_logged_as_an_update,
)


def finds(bench: Bench, bug: Callable[[pytest.MonkeyPatch], None]) -> bool:
    """Returns whether the property test finds a bug."""
    # A race may end differently when the example is repeated. Hypothesis then raises Flaky.
    with planted.apply_bug(bug), suppress(Difference, Flaky):
        # Most bugs are found within tens of examples; a rare one may need more.
        check_property(bench, examples=400, steps=40, shrink=False)
    return bench.differences > 0


@pytest.mark.parametrize("bug", FREQUENT)
def test_a_bug_is_found(bench: Bench, bug: Callable[[pytest.MonkeyPatch], None]) -> None:
    assert finds(bench, bug)


@pytest.mark.long
@pytest.mark.parametrize("bug", RARE)
def test_a_rarer_bug_is_found(bench: Bench, bug: Callable[[pytest.MonkeyPatch], None]) -> None:
    assert finds(bench, bug)


def test_every_bug_is_tried() -> None:
    bugs = {
        value
        for name, value in vars(planted).items()
        if callable(value)
        and value.__module__ == planted.__name__
        and not name.startswith("_")
        and name != planted.apply_bug.__name__
    }
    assert bugs == {*FREQUENT, *RARE}
