"""Reads and changes the directory: organizations, their locations and their agents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields, replace
from typing import Final

from care_rules import names
from care_rules.entities.agent import Agent
from care_rules.names import Child
from care_rules.organizations import Location, Organization
from care_rules.refusals import Reason, Refusal, not_found
from care_rules.settings import Layer
from care_service.usecases.ports.directory import Directory
from care_service.usecases.ports.reader import Reader
from care_service.usecases.ports.ticket_store import StaleError
from care_service.usecases.request import OutcomeT, Replayable, Request
from care_service.usecases.settings_revisions import SettingsTexts, check_everywhere, next_revision

_MAX_ATTEMPTS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceChanges:
    """New values for an organization or a location. None leaves a value as it is."""

    display_name: str | None = None
    default_phone_region: str | None = None
    settings: Layer
    settings_paths: frozenset[str]
    """The settings to change. Each gets its value from `settings`, or is unset if it has no value there."""

    @property
    def columns(self) -> frozenset[str]:
        """The names of the values that change, apart from the settings."""
        values = {"display_name": self.display_name, "default_phone_region": self.default_phone_region}
        return frozenset(name for name, value in values.items() if value is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentChanges:
    """New values for an agent. None leaves a value as it is."""

    display_name: str | None = None
    can_be_assignee: bool | None = None
    can_be_reporter: bool | None = None
    locations: frozenset[str] | None = None

    @property
    def columns(self) -> frozenset[str]:
        """The names of the values that change."""
        return frozenset(field.name for field in fields(self) if getattr(self, field.name) is not None)


async def get_organization(reader: Reader, organization: str) -> Organization:
    """Returns an organization."""
    found = await reader.organization(organization)
    if found is None:
        raise not_found(names.organization(organization))
    return found


async def get_location(reader: Reader, name: Child) -> Location:
    """Returns a location."""
    found = await reader.location(name.organization, name.id)
    if found is None:
        raise not_found(names.location(name.organization, name.id))
    return found


async def get_agent(reader: Reader, name: Child) -> Agent:
    """Returns an agent."""
    found = await reader.agent(name.organization, name.id)
    if found is None:
        raise not_found(names.agent(name.organization, name.id))
    return found


async def update_organization(
    reader: Reader,
    directory: Directory,
    texts: SettingsTexts,
    organization: str,
    changes: PlaceChanges,
    request: Request[Organization],
) -> Replayable[Organization]:
    """Changes an organization, including the settings that are fields of the Organization message."""
    request.caller.check_organization(organization, names.organization(organization))

    async def write() -> Organization:
        before = await get_organization(reader, organization)
        settings = before.settings.with_changes(changes.settings, changes.settings_paths)
        new_revision = next_revision(before, settings, texts, request.caller, request.now)
        after = replace(
            before,
            display_name=_or_keep(changes.display_name, before.display_name),
            default_phone_region=_or_keep(changes.default_phone_region, before.default_phone_region),
            settings=settings,
            settings_revision=new_revision.number if new_revision else before.settings_revision,
            update_time=request.now,
        )
        await check_everywhere(reader, after, "organization")
        await directory.put_organization(after, changes.columns, request.record(organization, after), new_revision)
        return after

    return await _write_once(directory, organization, request, write)


async def update_location(
    reader: Reader,
    directory: Directory,
    texts: SettingsTexts,
    name: Child,
    changes: PlaceChanges,
    request: Request[Location],
    *,
    allow_missing: bool,
) -> Replayable[Location]:
    """Changes a location. With `allow_missing`, creates it if it does not exist (AIP-134)."""
    organization = name.organization
    request.caller.check_organization(organization, names.location(organization, name.id))

    async def write() -> Location:
        before = await reader.location(organization, name.id)
        if before is None:
            if not allow_missing:
                raise not_found(names.location(organization, name.id))
            await directory.ensure_organization(organization, request.now)
            before = Location(organization, name.id, "", "", Layer(), 0, request.now, request.now)
        settings = before.settings.with_changes(changes.settings, changes.settings_paths)
        new_revision = next_revision(before, settings, texts, request.caller, request.now)
        after = replace(
            before,
            display_name=_or_keep(changes.display_name, before.display_name),
            default_phone_region=_or_keep(changes.default_phone_region, before.default_phone_region),
            settings=settings,
            settings_revision=new_revision.number if new_revision else before.settings_revision,
            update_time=request.now,
        )
        await directory.put_location(after, changes.columns, request.record(organization, after), new_revision)
        return after

    return await _write_once(directory, organization, request, write)


async def update_agent(
    reader: Reader, directory: Directory, name: Child, changes: AgentChanges, request: Request[Agent]
) -> Replayable[Agent]:
    """Changes an agent: the name, whether they can be assignee or reporter, and the locations they work for."""
    request.caller.check_organization(name.organization, names.agent(name.organization, name.id))

    async def write() -> Agent:
        before = await get_agent(reader, name)
        after = replace(
            before,
            display_name=_or_keep(changes.display_name, before.display_name),
            can_be_assignee=_or_keep(changes.can_be_assignee, before.can_be_assignee),
            can_be_reporter=_or_keep(changes.can_be_reporter, before.can_be_reporter),
            locations=before.locations if changes.locations is None else tuple(sorted(changes.locations)),
            update_time=request.now,
        )
        await directory.put_agent(after, changes.columns, request.record(name.organization, after))
        return after

    return await _write_once(directory, name.organization, request, write)


def _or_keep(new: OutcomeT | None, old: OutcomeT) -> OutcomeT:
    return old if new is None else new


async def _write_once(
    directory: Directory, organization: str, request: Request[OutcomeT], write: Callable[[], Awaitable[OutcomeT]]
) -> Replayable[OutcomeT]:
    """Calls `write`, unless a response to the request is stored already."""
    key = request.key(organization)
    for _ in range(_MAX_ATTEMPTS):
        stored = await directory.find_response(key) if key else None
        if (replayed := request.replay(stored)) is not None:
            return replayed
        try:
            return await write()
        except StaleError:
            continue  # Another call committed first: the same request, or a change of the settings.
    raise Refusal(Reason.CONTENDED, "Another call is writing the same resource. Retry the call.")
