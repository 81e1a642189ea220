"""Changes of the directory and of settings: what they write, which workflows they wake, and which are refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from care_rules.entities.message import Channel
from care_rules.names import Child
from care_rules.organizations import Location, Organization, effective_settings
from care_rules.refusals import Reason, Violation
from care_rules.settings import Layer, Settings
from care_service.rpc.settings_convert import json_values
from care_service.usecases import directory, settings_updates
from care_service.usecases.directory import AgentChanges, PlaceChanges
from care_service.usecases.ports.idempotency import StoredResponse
from care_service.usecases.request import Replayable, Request
from care_service.usecases.settings_updates import SettingsPlace
from tests.integration.usecases.office import Office, assert_refused, encode, fresh, refused


def changes(
    *fields: str, display_name: str | None = None, region: str | None = None, settings: Settings | None = None
) -> PlaceChanges:
    return PlaceChanges(
        display_name=display_name,
        default_phone_region=region,
        settings=Layer(settings or Settings(), frozenset(fields)),
        settings_paths=frozenset(fields),
    )


async def update_organization(
    office: Office, changed: PlaceChanges, request: Request[Organization] | None = None
) -> Replayable[Organization]:
    request = request or office.request(office.service)
    return await directory.update_organization(
        office.reader, office.directory, json_values, office.id, changed, request
    )


async def update_location(
    office: Office, location: str, changed: PlaceChanges, *, allow_missing: bool = False
) -> Location:
    name = Child(office.id, location)
    request: Request[Location] = office.request(office.service)
    return fresh(
        await directory.update_location(
            office.reader, office.directory, json_values, name, changed, request, allow_missing=allow_missing
        )
    )


async def update_settings(
    office: Office, settings: Settings, *fields: str, location: str = "", request: Request[SettingsPlace] | None = None
) -> Replayable[SettingsPlace]:
    name, request = Child(office.id, location), request or office.request(office.service)
    given = Layer(settings, frozenset(fields))
    return await settings_updates.update_settings(
        office.reader, office.directory, json_values, name, given, frozenset(fields), request
    )


async def test_an_update_of_an_organization_changes_only_the_given_fields(office: Office) -> None:
    await update_organization(office, changes(region="GB"))
    lifetime = timedelta(days=10)
    after = fresh(
        await update_organization(
            office, changes("form_lifetime", display_name="Acme", settings=Settings(form_lifetime=lifetime))
        )
    )
    assert (after.display_name, after.default_phone_region, after.settings_revision) == ("Acme", "GB", 1)
    stored = await directory.get_organization(office.reader, office.id)
    assert (stored.display_name, stored.default_phone_region, stored.settings_revision) == ("Acme", "GB", 1)
    assert stored.settings.names == frozenset({"form_lifetime"})
    assert effective_settings(stored, None).form_lifetime == lifetime
    (revision,) = await office.reader.settings_revisions(office.id, "", None, 10)
    assert [(change.field, change.after) for change in revision.changes] == [("form_lifetime", '"864000s"')]
    assert revision.author == "intake"


async def test_settings_that_contradict_those_of_a_location_are_refused(office: Office) -> None:
    await update_location(office, "soho", changes(display_name="Soho"), allow_missing=True)
    await update_settings(office, Settings(inactivity_warning_days=20), "inactivity_warning_days", location="soho")
    refusal = await refused(update_settings(office, Settings(inactivity_days=10), "inactivity_days"))
    where = f"organizations/{office.id}/locations/soho"
    assert refusal.violations == (
        Violation("settings.inactivity_warning_days", f"must be less than inactivity_days, which are 10 at {where}"),
    )
    assert (await settings_updates.get_settings(office.reader, Child(office.id, ""), office.service)).own.settings == (
        Layer()
    )


async def test_a_location_is_created_only_if_that_is_allowed(office: Office) -> None:
    await assert_refused(update_location(office, "soho", changes(display_name="Soho")), Reason.RESOURCE_NOT_FOUND)
    sms = changes("preferred_channel", display_name="Soho", settings=Settings(preferred_channel=Channel.SMS))
    made = await update_location(office, "soho", sms, allow_missing=True)
    assert made.display_name == "Soho"
    found = await directory.get_location(office.reader, Child(office.id, "soho"))
    assert found.settings.names == {"preferred_channel"}


async def test_an_update_of_an_agent_changes_only_the_given_fields(office: Office) -> None:
    name, bob = Child(office.id, "bob"), AgentChanges(can_be_assignee=False, locations=frozenset({"soho", "camden"}))
    after = fresh(await directory.update_agent(office.reader, office.directory, name, bob, office.request()))
    assert (after.display_name, after.can_be_assignee, after.can_be_reporter) == ("Bob", False, True)
    assert after.locations == ("camden", "soho")
    assert await directory.get_agent(office.reader, name) == after
    nobody = directory.update_agent(office.reader, office.directory, Child(office.id, "nobody"), bob, office.request())
    await assert_refused(nobody, Reason.RESOURCE_NOT_FOUND)


async def test_another_organizations_entries_are_not_changed(office: Office) -> None:
    other = replace(office.agent(), organization="another")
    renamed, name = changes(display_name="Mine"), Child(office.id, "bob")
    await assert_refused(update_organization(office, renamed, office.request(other)), Reason.RESOURCE_NOT_FOUND)
    await assert_refused(
        directory.update_agent(office.reader, office.directory, name, AgentChanges(), office.request(other)),
        Reason.RESOURCE_NOT_FOUND,
    )
    await assert_refused(
        update_settings(office, Settings(grace_days=1), "grace_days", request=office.request(other)),
        Reason.RESOURCE_NOT_FOUND,
    )
    await assert_refused(
        settings_updates.get_settings(office.reader, Child(office.id, ""), other), Reason.RESOURCE_NOT_FOUND
    )


async def test_a_repeated_change_is_answered_from_the_store(office: Office) -> None:
    request: Request[Organization] = office.request(office.service, id=uuid4())
    first = await update_organization(office, changes(display_name="Acme"), request)
    await update_organization(office, changes(display_name="Acme 2"))
    again = await update_organization(office, changes(display_name="Acme"), request)
    assert isinstance(again, StoredResponse)
    assert again.body == encode(first)
    assert (await directory.get_organization(office.reader, office.id)).display_name == "Acme 2"


async def test_a_setting_that_moves_deadlines_wakes_the_tickets(office: Office) -> None:
    name = await office.ticket(with_review=False)
    before = await office.wakes("TicketWorkflow")
    await update_settings(office, Settings(consent_text="Yes."), "consent_text")
    assert await office.wakes("TicketWorkflow") == before
    await update_settings(office, Settings(inactivity_days=10), "inactivity_days")
    assert await office.wakes("TicketWorkflow") == before + 1
    office.later(hours=1)
    await office.note(name)
    assert (await office.load(name)).ticket.timing.next_time == office.now + timedelta(days=10 - 3)


async def test_a_setting_of_a_location_wakes_the_tickets_of_that_location(office: Office) -> None:
    await office.ticket(with_review=False)
    for _ in range(2):
        await office.create(replace(office.new_ticket(), location="camden"))
    before = await office.wakes("TicketWorkflow")
    await update_settings(office, Settings(inactivity_days=10), "inactivity_days", location="camden")
    assert await office.wakes("TicketWorkflow") == before + 2


async def test_a_setting_is_unset_by_its_path_alone(office: Office) -> None:
    await update_settings(office, Settings(grace_days=1), "grace_days")
    place = fresh(
        await settings_updates.update_settings(
            office.reader,
            office.directory,
            json_values,
            Child(office.id, ""),
            Layer(),
            frozenset({"grace_days"}),
            office.request(),
        )
    )
    assert (place.own.settings.names, place.own.settings_revision, place.effective.grace_days) == (frozenset(), 2, 7)


async def test_settings_of_another_revision_are_not_overwritten(office: Office) -> None:
    await update_settings(office, Settings(grace_days=1), "grace_days")
    stale: Request[SettingsPlace] = office.request(office.service, etag="0")
    refusal = await refused(update_settings(office, Settings(grace_days=2), "grace_days", request=stale))
    assert (refusal.reason, refusal.metadata["etag"]) == (Reason.ETAG_MISMATCH, "1")


async def test_changes_at_the_same_time_are_all_made(office: Office) -> None:
    await asyncio.gather(
        update_settings(office, Settings(grace_days=1), "grace_days"),
        update_settings(office, Settings(warn_customer=True), "warn_customer"),
        update_settings(office, Settings(consent_text="Yes."), "consent_text"),
    )
    place = await settings_updates.get_settings(office.reader, Child(office.id, ""), office.service)
    assert place.own.settings.names == {"grace_days", "warn_customer", "consent_text"}
    assert place.own.settings_revision == 3


async def test_a_change_that_changes_nothing_makes_no_revision(office: Office) -> None:
    for _ in range(2):
        place = fresh(await update_settings(office, Settings(grace_days=1), "grace_days"))
        assert place.own.settings_revision == 1
    assert len(await office.reader.settings_revisions(office.id, "", None, 10)) == 1


async def test_repeated_settings_are_set_once(office: Office) -> None:
    request: Request[SettingsPlace] = office.request(office.service, id=uuid4())
    first = await update_settings(office, Settings(grace_days=1), "grace_days", request=request)
    await update_settings(office, Settings(grace_days=2), "grace_days")
    again = await update_settings(office, Settings(grace_days=1), "grace_days", request=request)
    assert isinstance(again, StoredResponse)
    assert again.body == encode(first)
    place = await settings_updates.get_settings(office.reader, Child(office.id, ""), office.service)
    assert place.effective.grace_days == 2


async def test_settings_of_a_location_that_contradict_those_of_the_organization_are_refused(office: Office) -> None:
    await update_location(office, "soho", changes(display_name="Soho"), allow_missing=True)
    await update_settings(office, Settings(inactivity_days=10), "inactivity_days")
    warning = Settings(inactivity_warning_days=10)
    updated = update_settings(office, warning, "inactivity_warning_days", location="soho")
    assert [violation.field for violation in (await refused(updated)).violations] == [
        "settings.inactivity_warning_days"
    ]


async def test_an_organization_with_an_invalid_setting_is_not_written(office: Office) -> None:
    no_link = changes("chat_greeting", display_name="Acme", settings=Settings(chat_greeting="Hello!"))
    refusal = await refused(update_organization(office, no_link))
    assert [violation.field for violation in refusal.violations] == ["organization.chat_greeting"]
    assert (await directory.get_organization(office.reader, office.id)).display_name == office.id
