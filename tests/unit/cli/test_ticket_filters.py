"""The filter (AIP-160) that follows from the options of `care ticket list`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from care_cli.ticket.filters import ContactState, Priority, Selection, Status

NOTHING = Selection(None, None, None, None, None, None, None, "")


def test_without_options_there_is_no_filter() -> None:
    assert NOTHING.filter() == ""


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (replace(NOTHING, words=["soup"]), '"soup"'),
        (replace(NOTHING, words=['6" cut\\']), r'"6\" cut\\"'),
        (replace(NOTHING, status=[Status.OPEN]), "status = OPEN"),
        (replace(NOTHING, status=[Status.OPEN, Status.RESOLVED]), "status = OPEN OR status = RESOLVED"),
        (replace(NOTHING, priority=[Priority.URGENT]), "priority = URGENT"),
        (replace(NOTHING, contact=[ContactState.CHAT_UNLOCKED]), "contact_state = CHAT_UNLOCKED"),
        (replace(NOTHING, assignee=""), 'assignee = ""'),
        (replace(NOTHING, assignee="organizations/a/agents/b"), 'assignee = "organizations/a/agents/b"'),
        (replace(NOTHING, location="organizations/a/locations/b"), 'location = "organizations/a/locations/b"'),
        (replace(NOTHING, labels=["vip"]), 'labels:"vip"'),
        (replace(NOTHING, extra_filter=" stars <= 2 "), "stars <= 2"),
    ],
)
def test_each_option_adds_its_condition(selection: Selection, expected: str) -> None:
    assert selection.filter() == expected


def test_all_conditions_are_joined_with_and() -> None:
    wanted = Selection(None, [Status.OPEN, Status.CLOSED], [Priority.HIGH], None, None, None, ["a", "b"], "x OR y")
    assert wanted.filter() == (
        '(status = OPEN OR status = CLOSED) AND (priority = HIGH) AND (labels:"a") AND (labels:"b") AND (x OR y)'
    )
