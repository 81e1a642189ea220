"""The fields that reviews can be filtered by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from care_rules import names
from care_rules.filters.schema import Field, NameField, NumberField, TextField, TimeField
from care_rules.filters.tickets import location


def _ticket(name: str) -> tuple[str, int]:
    found = names.parse_ticket(name)
    return found.organization, found.number


REVIEW_FIELDS: Final[Mapping[str, Field]] = {
    "site": TextField(re.compile(r"[a-z0-9-]{1,40}"), "1 to 40 lower-case letters, digits or '-'"),
    "external_id": TextField(re.compile(r"[^\0]{1,512}"), "1 to 512 characters in quotes"),
    "location": NameField(location),
    "stars": NumberField(),
    "create_time": TimeField(),
    "ticket": NameField(_ticket),
}
