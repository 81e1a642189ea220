"""Reads and changes the settings of an organization or a location."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from care_rules import names
from care_rules.callers import Caller
from care_rules.names import Child
from care_rules.organizations import Location, Organization, effective_settings
from care_rules.refusals import Reason, Refusal, not_found
from care_rules.settings import Layer, Settings
from care_service.usecases.ports.directory import Directory
from care_service.usecases.ports.reader import Reader
from care_service.usecases.ports.ticket_store import StaleError
from care_service.usecases.request import Replayable, Request
from care_service.usecases.settings_revisions import SettingsTexts, check_everywhere, check_location, next_revision

_MAX_ATTEMPTS: Final = 4


@dataclass(frozen=True, slots=True)
class SettingsPlace:
    """The organization or the location that settings belong to."""

    organization: Organization
    location: Location | None

    @property
    def own(self) -> Organization | Location:
        """The organization or the location itself."""
        return self.location or self.organization

    @property
    def name(self) -> str:
        """The resource name of the settings."""
        return names.settings(self.organization.id, self.location.id if self.location else "")

    @property
    def effective(self) -> Settings:
        """The settings that apply at this place."""
        return effective_settings(self.organization, self.location)


async def get_settings(reader: Reader, name: Child, caller: Caller) -> SettingsPlace:
    """Returns the organization or location whose settings have this name. An empty `id` means the organization."""
    caller.check_organization(name.organization, names.settings(name.organization, name.id))
    return await _load(reader, name)


async def update_settings(
    reader: Reader,
    directory: Directory,
    texts: SettingsTexts,
    name: Child,
    new_settings: Layer,
    paths: frozenset[str],
    request: Request[SettingsPlace],
) -> Replayable[SettingsPlace]:
    """Sets the settings `paths` to their values in `new_settings`. Unsets those that are not set there."""
    organization = name.organization
    request.caller.check_organization(organization, names.settings(organization, name.id))
    key = request.key(organization)
    for _ in range(_MAX_ATTEMPTS):
        stored = await directory.find_response(key) if key else None
        if (replayed := request.replay(stored)) is not None:
            return replayed
        place = await _load(reader, name)
        _check_etag(place, request.etag)
        try:
            return await _write(
                reader, directory, texts, place, place.own.settings.with_changes(new_settings, paths), request
            )
        except StaleError:
            continue
    raise Refusal(Reason.CONTENDED, "Other calls keep changing the same settings. Retry the call.")


async def _write(
    reader: Reader,
    directory: Directory,
    texts: SettingsTexts,
    place: SettingsPlace,
    settings: Layer,
    request: Request[SettingsPlace],
) -> SettingsPlace:
    new_revision = next_revision(place.own, settings, texts, request.caller, request.now)
    if new_revision is None:
        return place
    organization, number, now = place.organization, new_revision.number, request.now
    if place.location is not None:
        location = replace(place.location, settings=settings, settings_revision=number, update_time=now)
        after = SettingsPlace(organization, location)
        check_location(organization, location, "settings")
        await directory.put_location(location, (), request.record(organization.id, after), new_revision)
    else:
        organization = replace(organization, settings=settings, settings_revision=number, update_time=now)
        after = SettingsPlace(organization, None)
        await check_everywhere(reader, organization, "settings")
        await directory.put_organization(organization, (), request.record(organization.id, after), new_revision)
    return after


async def _load(reader: Reader, name: Child) -> SettingsPlace:
    organization = await reader.organization(name.organization)
    location = await reader.location(name.organization, name.id) if name.id else None
    if organization is None or (name.id and location is None):
        raise not_found(names.settings(name.organization, name.id))
    return SettingsPlace(organization, location)


def _check_etag(place: SettingsPlace, etag: str) -> None:
    revision_number = str(place.own.settings_revision)
    if etag and etag != revision_number:
        message = "The settings have changed since you read them. Read them again."
        raise Refusal(Reason.ETAG_MISMATCH, message, {"settings": place.name, "etag": revision_number})
