"""A change of settings: checked as a whole, with the revision that says who made it."""

from __future__ import annotations

from datetime import datetime

from care_rules import names
from care_rules.callers import Caller
from care_rules.entities import FieldChange
from care_rules.organizations import Location, Organization, settings_at
from care_rules.settings import FIELDS, Layer, SettingsRevision, check, effective
from care_service.rpc import settings_convert
from care_service.rpc.fields import Fields
from care_service.usecases.ports import Reader

_PLACES = 1_000


async def check_everywhere(reader: Reader, organization: Organization, prefix: str) -> None:
    """Refuses with INVALID_FIELD what would not hold together for the organization, or for one of its locations."""
    fields, after = Fields(), None
    for field, words in check(settings_at(organization, None)):
        fields.wrong(f"{prefix}.{field}", words)
    while True:
        locations = await reader.locations(organization.id, after, _PLACES)
        for location in locations:
            if location.settings.names:
                where = f" at {names.location(organization.id, location.id)}"
                _check(fields, organization.settings, location, prefix, where)
        if len(locations) < _PLACES:
            break
        after = locations[-1].id
    fields.check()


def check_here(organization: Organization, location: Location, prefix: str) -> None:
    """Refuses with INVALID_FIELD what would not hold together for a location."""
    fields = Fields()
    _check(fields, organization.settings, location, prefix, "")
    fields.check()


def _check(fields: Fields, organization: Layer, location: Location, prefix: str, where: str) -> None:
    for field, words in check(effective(organization, location.settings)):
        fields.wrong(f"{prefix}.{field}", f"{words}{where}")


def revision(place: Organization | Location, after: Layer, caller: Caller, now: datetime) -> SettingsRevision | None:
    """Returns the change from what is set at a place to `after`; None where nothing changes."""
    before = settings_convert.texts(place.settings)
    changed = settings_convert.texts(after)
    changes = tuple(
        FieldChange(field, before.get(field, ""), changed.get(field, ""))
        for field in sorted(FIELDS)
        if before.get(field) != changed.get(field)
    )
    if not changes:
        return None
    is_location = isinstance(place, Location)
    organization = place.organization if isinstance(place, Location) else place.id
    author = names.agent(organization, caller.id) if caller.is_agent else caller.actor
    return SettingsRevision(
        organization=organization,
        location=place.id if is_location else "",
        number=place.settings_revision + 1,
        author=author,
        changes=changes,
        create_time=now,
    )
