"""Checks changed settings as a whole, and makes the revision that records the change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, TypeAlias

from care_rules import names
from care_rules.callers import Caller
from care_rules.entities.activity import FieldChange
from care_rules.organizations import Location, Organization, effective_settings
from care_rules.refusals import Violations
from care_rules.settings import FIELDS, Layer, SettingsRevision, check_settings, merge_layers
from care_service.usecases.ports.reader import Reader

SettingsTexts: TypeAlias = Callable[[Layer], Mapping[str, str]]
"""Returns the settings of a layer by field name, each as JSON in the form of the contract."""

_PAGE: Final = 1_000
"""How many locations are read at a time."""


async def check_everywhere(reader: Reader, organization: Organization, prefix: str) -> None:
    """Refuses with INVALID_FIELD if settings contradict each other, for the organization or at a location.

    `prefix` is the path of the settings in the request.
    """
    violations, after = Violations(), None
    for field, problem in check_settings(effective_settings(organization, None)):
        violations.reject(f"{prefix}.{field}", problem)
    while True:
        locations = await reader.locations(organization.id, after, _PAGE)
        for location in locations:
            if location.settings.names:
                where = f" at {names.location(organization.id, location.id)}"
                _check(violations, organization.settings, location, prefix, where)
        if len(locations) < _PAGE:
            break
        after = locations[-1].id
    violations.check()


def check_location(organization: Organization, location: Location, prefix: str) -> None:
    """Refuses with INVALID_FIELD if settings contradict each other at a location."""
    violations = Violations()
    _check(violations, organization.settings, location, prefix, "")
    violations.check()


def _check(violations: Violations, organization: Layer, location: Location, prefix: str, where: str) -> None:
    for field, problem in check_settings(merge_layers(organization, location.settings)):
        violations.reject(f"{prefix}.{field}", f"{problem}{where}")


def next_revision(
    place: Organization | Location, after: Layer, texts: SettingsTexts, caller: Caller, now: datetime
) -> SettingsRevision | None:
    """Returns the revision that changes the settings of a place to `after`; None if nothing changes."""
    old, new = texts(place.settings), texts(after)
    changes = tuple(
        FieldChange(field, old.get(field, ""), new.get(field, ""))
        for field in sorted(FIELDS)
        if old.get(field) != new.get(field)
    )
    if not changes:
        return None
    organization = place.organization if isinstance(place, Location) else place.id
    return SettingsRevision(
        organization=organization,
        location=place.id if isinstance(place, Location) else "",
        number=place.settings_revision + 1,
        author=names.agent(organization, caller.id) if caller.is_agent else caller.actor,
        changes=changes,
        create_time=now,
    )
