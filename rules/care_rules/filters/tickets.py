"""The fields that tickets can be filtered by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from care_rules import names
from care_rules.entities.ticket import CloseReason, Priority
from care_rules.filters.schema import EnumField, Field, NameField, NumberField, TextField, TimeField
from care_rules.filters.syntax import Comparator
from care_rules.lifecycle import LIVE, RecoveryState, TicketStatus


def agent(name: str) -> tuple[str, str]:
    """Splits an agent's name into organization and id. Raises BadNameError if `name` has another form."""
    found = names.parse_agent(name)
    return found.organization, found.id


def location(name: str) -> tuple[str, str]:
    """Splits a location's name into organization and id. Raises BadNameError if `name` has another form."""
    found = names.parse_location(name)
    return found.organization, found.id


def _review(name: str) -> tuple[str, UUID]:
    found = names.parse_review(name)
    return found.organization, found.id


LABEL: Final = re.compile(r"[a-z0-9_.-]{1,40}")
_REFERENCE: Final = re.compile(r"[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{4}")
_EXTERNAL_REFERENCE: Final = re.compile(r"[^\0\n\r\v\f\x85\u2028\u2029]{1,128}")
CONTACT_STATES: Final = (RecoveryState.NO_CONTACT, *(state for state in RecoveryState if state in LIVE))

TICKET_FIELDS: Final[Mapping[str, Field]] = {
    "status": EnumField(tuple(TicketStatus)),
    "close_reason": EnumField(tuple(CloseReason), optional=True),
    "priority": EnumField(tuple(Priority), is_ordered=True),
    "contact_state": EnumField(CONTACT_STATES),
    "assignee": NameField(agent),
    "reporter": NameField(agent),
    "location": NameField(location),
    "review": NameField(_review),
    "labels": TextField(
        LABEL,
        "a label of 1 to 40 lower-case letters, digits, '-', '_' or '.', or * for any label",
        comparators=(Comparator.HAS,),
        optional=True,
    ),
    "stars": NumberField(),
    "create_time": TimeField(),
    "update_time": TimeField(),
    "reference": TextField(
        _REFERENCE, "a reference as the customer sees it, such as 3F9A-12C7", lambda text: text.replace("-", "").lower()
    ),
    "external_reference": TextField(
        _EXTERNAL_REFERENCE, 'one line of at most 128 characters in quotes, or "" for none', str.strip, optional=True
    ),
}
