"""The log of a ticket shows each changed field, or the rules give a reason why not."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from care_rules.decision import LOGGED, NOT_LOGGED, ticket_changes
from care_rules.entities.activity import FieldChange
from care_rules.entities.ticket import CloseReason, Priority, Ticket
from care_rules.lifecycle import RecoveryState, TicketStatus
from care_rules.timing import Timing
from tests.support.sample_tickets import EARLIER, NOW, OTHER_ID, RECOVERY_ID, TICKET

FIELDS = [field.name for field in fields(Ticket)]

OTHER: dict[str, tuple[Any, FieldChange | None]] = {
    "organization": ("globex", None),
    "number": (8, None),
    "version": (4, None),
    "revision": (6, None),
    "subject": ("Hot soup", FieldChange("subject", "", "")),
    "description": ("Too hot.", FieldChange("description", "", "")),
    "location": ("harbor", None),
    "review_id": (OTHER_ID, None),
    "reporter": ("rob", None),
    "assignee": (None, FieldChange("assignee", "organizations/acme/agents/alice", "")),
    "status": (TicketStatus.RESOLVED, FieldChange("status", "OPEN", "RESOLVED")),
    "close_reason": (CloseReason.MANUAL, FieldChange("close_reason", "", "MANUAL")),
    "priority": (Priority.URGENT, FieldChange("priority", "NORMAL", "URGENT")),
    "labels": (("a", "b"), FieldChange("labels", "", "a,b")),
    "external_reference": ("A-1234", FieldChange("external_reference", "", "A-1234")),
    "contact_state": (
        RecoveryState.FORM_REQUESTED,
        FieldChange("contact_state", "NO_CONTACT", "FORM_REQUESTED"),
    ),
    "recovery_id": (
        RECOVERY_ID,
        FieldChange("recovery", "", f"organizations/acme/tickets/7/recoveries/{RECOVERY_ID}"),
    ),
    "create_time": (NOW, None),
    "update_time": (NOW, None),
    "resolve_time": (NOW, None),
    "close_time": (NOW, None),
    "follow_up_of": (3, FieldChange("follow_up_of", "", "organizations/acme/tickets/3")),
    "follow_up": (9, None),
    "timing": (Timing(active_time=EARLIER + timedelta(hours=1)), None),
}
"""For each field, another value and the change that the log must show. None: the log shows no change."""


def test_each_field_is_logged_or_has_a_reason_not_to_be() -> None:
    assert sorted([*LOGGED, *NOT_LOGGED]) == sorted(FIELDS)
    assert all(NOT_LOGGED.values())


@pytest.mark.parametrize("field", FIELDS)
def test_a_change_is_shown_if_its_field_is_logged(field: str) -> None:
    value, shown = OTHER[field]
    # Without an assignee, no value in the log contains the organization.
    ticket = TICKET if shown else replace(TICKET, assignee=None)
    changes = ticket_changes(ticket, replace(ticket, **{field: value}))
    assert changes == (() if shown is None else (shown,))
    assert (shown is not None) == (field in LOGGED)


def test_a_new_ticket_logs_each_of_its_values_sorted_by_field() -> None:
    changes = ticket_changes(None, TICKET)
    assert [(change.field, change.before, change.after) for change in changes] == [
        ("assignee", "", "organizations/acme/agents/alice"),
        ("contact_state", "", "NO_CONTACT"),
        ("priority", "", "NORMAL"),
        ("status", "", "OPEN"),
        ("subject", "", ""),
    ]
    assert [*LOGGED] == sorted(LOGGED)
