"""Settings: defaults, overrides of the organization and of a location, their checks, and their revisions."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from care.v1 import directory_service_pb2 as directory
from care.v1 import settings_pb2, ticket_pb2
from care.v1 import settings_service_pb2 as pb
from care.v1.directory_pb2 import Location, Organization
from care.v1.message_pb2 import CHANNEL_EMAIL, CHANNEL_SMS
from care.v1.settings_pb2 import (
    AUTO_ASSIGN_OFF,
    AUTO_ASSIGN_ROUND_ROBIN,
    BusinessHours,
    Deadlines,
    FormReminders,
    OpenHours,
    PriorityDeadlines,
    ReplyTemplate,
    ReplyTemplates,
    Settings,
    SettingsRevision,
    StarPriorities,
    StarPriority,
    TicketCreation,
)
from care_client.paging import items
from tests.integration.service.commands import assert_refused
from tests.support.care import refusal
from tests.support.tenant import Tenant


def of(tenant: Tenant, location: str = "") -> str:
    return f"{tenant.name}/locations/{location}/settings" if location else f"{tenant.name}/settings"


def days(number: float) -> Duration:
    made = Duration()
    made.FromTimedelta(timedelta(days=number))
    return made


@pytest.fixture
async def soho(tenant: Tenant) -> Tenant:
    """An organization with the location soho."""
    await tenant.ticket()
    return tenant


async def get(tenant: Tenant, location: str = "") -> pb.GetSettingsResponse:
    return await tenant.supervisor.settings.GetSettings(pb.GetSettingsRequest(name=of(tenant, location)))


async def update(tenant: Tenant, settings: Settings, *paths: str, etag: str = "") -> pb.UpdateSettingsResponse:
    request = pb.UpdateSettingsRequest(settings=settings, update_mask=FieldMask(paths=paths), etag=etag)
    return await tenant.supervisor.settings.UpdateSettings(request)


async def revisions(tenant: Tenant, location: str = "") -> list[SettingsRevision]:
    request = pb.ListSettingsRevisionsRequest(parent=of(tenant, location), page_size=2)
    return [each async for each in items(tenant.supervisor.settings.ListSettingsRevisions, request)]


def sources(answer: pb.GetSettingsResponse | pb.UpdateSettingsResponse) -> dict[str, str]:
    return {each.field: each.source for each in answer.sources if each.source}


WHOLE = Settings(
    ticket_creation=TicketCreation(stars=[1, 2], sites=["google"]),
    star_priorities=StarPriorities(priorities=[StarPriority(stars=1, priority=ticket_pb2.TICKET_PRIORITY_URGENT)]),
    auto_assign=AUTO_ASSIGN_ROUND_ROBIN,
    inactivity_days=10,
    inactivity_warning_days=2,
    warn_customer=True,
    grace_days=0,
    reply_templates=ReplyTemplates(templates=[ReplyTemplate(language="pt-BR", text="Desculpe: {form_link}")]),
    form_lifetime=days(14),
    form_reminders=FormReminders(after=[days(1), days(2.5)]),
    deadlines=Deadlines(
        priorities=[
            PriorityDeadlines(priority=ticket_pb2.TICKET_PRIORITY_HIGH, first_response=days(0.25), resolution=days(3)),
            PriorityDeadlines(priority=ticket_pb2.TICKET_PRIORITY_LOW, resolution=days(30)),
        ],
        paused_while_waiting=True,
    ),
    business_hours=BusinessHours(
        time_zone="Europe/Berlin",
        hours=[
            OpenHours(day=settings_pb2.WEEKDAY_MONDAY, start="09:00", end="12:30"),
            OpenHours(day=settings_pb2.WEEKDAY_MONDAY, start="13:30", end="24:00"),
            OpenHours(day=settings_pb2.WEEKDAY_SUNDAY, start="00:00", end="06:05"),
        ],
        holidays=["2026-12-25", "2027-01-01"],
    ),
    preferred_channel=CHANNEL_SMS,
    consent_text="I agree.",
    closing_notice="We close this.",
    chat_greeting="Hello! {chat_link}",
)
FIELDS = [field.name for field in Settings.DESCRIPTOR.fields if field.name not in {"name", "etag"}]


async def test_the_defaults_are_those_of_the_contract(soho: Tenant) -> None:
    answer = await get(soho, "soho")
    assert answer.settings == Settings(name=of(soho, "soho"), etag="0")
    holding = answer.effective
    assert (holding.inactivity_days, holding.inactivity_warning_days, holding.grace_days) == (30, 3, 7)
    assert (holding.form_lifetime, list(holding.form_reminders.after)) == (days(30), [days(3), days(7)])
    assert (holding.auto_assign, holding.preferred_channel) == (AUTO_ASSIGN_OFF, CHANNEL_EMAIL)
    assert not holding.ticket_creation.stars
    assert not holding.deadlines.priorities
    assert holding.chat_greeting.count("{chat_link}") == 1
    assert all(holding.HasField(field) for field in FIELDS)  # type: ignore[arg-type]
    assert [each.field for each in answer.sources] == sorted(FIELDS)
    assert sources(answer) == {}


async def test_every_setting_is_stored_and_returned_as_given(soho: Tenant) -> None:
    given = Settings(name=of(soho))
    given.MergeFrom(WHOLE)
    written = await update(soho, given)
    given.etag = "1"
    assert written.settings == (await get(soho)).settings == given
    given.etag = ""
    assert written.effective == given
    assert sources(written) == dict.fromkeys(FIELDS, of(soho))


@pytest.mark.parametrize("field", FIELDS)
async def test_a_location_overrides_single_settings_and_can_unset_them(soho: Tenant, field: str) -> None:
    given = Settings(name=of(soho, "soho"))
    getattr(given, field)  # exists
    whole = Settings()
    whole.MergeFrom(WHOLE)
    for other in FIELDS:
        if other != field:
            whole.ClearField(other)  # type: ignore[arg-type]
    given.MergeFrom(whole)
    before = (await get(soho, "soho")).effective
    written = await update(soho, given, field)
    assert sources(written) == {field: of(soho, "soho")}
    assert getattr(written.effective, field) == getattr(WHOLE, field)
    assert sources(await get(soho)) == {}
    back = await update(soho, Settings(name=of(soho, "soho")), field)
    assert sources(back) == {}
    assert back.effective == before


async def test_a_setting_that_the_location_does_not_set_follows_the_organization(soho: Tenant) -> None:
    await update(soho, Settings(name=of(soho, "soho"), grace_days=1))
    await update(soho, Settings(name=of(soho), grace_days=5, inactivity_days=20))
    holding = (await get(soho, "soho")).effective
    assert (holding.grace_days, holding.inactivity_days) == (1, 20)


async def test_every_change_is_a_revision_with_its_author(soho: Tenant) -> None:
    await update(soho, Settings(name=of(soho), grace_days=5))
    await update(soho, Settings(name=of(soho), grace_days=5))  # nothing changes
    service = soho.service.settings
    await service.UpdateSettings(pb.UpdateSettingsRequest(settings=Settings(name=of(soho), consent_text="Yes.")))
    await update(soho, Settings(name=of(soho)), "grace_days")
    found = await revisions(soho)
    assert [(each.number, each.author) for each in found] == [
        (3, soho.agent_name("sue")),
        (2, "intake"),
        (1, soho.agent_name("sue")),
    ]
    assert [[(c.field, c.before, c.after) for c in each.changes] for each in found] == [
        [("grace_days", "5", "")],
        [("consent_text", "", '"Yes."')],
        [("grace_days", "", "5")],
    ]
    assert await revisions(soho, "soho") == []


async def test_an_etag_prevents_that_a_change_overwrites_another_one(soho: Tenant) -> None:
    read = (await get(soho)).settings
    await update(soho, Settings(name=of(soho), grace_days=5), etag=read.etag)
    error = await refusal(update(soho, Settings(name=of(soho), grace_days=6), etag=read.etag))
    assert_refused(error, "ETAG_MISMATCH", {"settings": of(soho), "etag": "1"})
    assert (await get(soho)).settings.grace_days == 5


async def test_concurrent_changes_are_all_kept(soho: Tenant) -> None:
    changes = [Settings(grace_days=5), Settings(inactivity_days=20), Settings(warn_customer=True)]
    for change in changes:
        change.name = of(soho)
    await asyncio.gather(*(update(soho, change) for change in changes))
    found = (await get(soho)).settings
    assert (found.grace_days, found.inactivity_days, found.warn_customer, found.etag) == (5, 20, True, "3")


async def test_a_repeated_update_changes_nothing(soho: Tenant) -> None:
    request = pb.UpdateSettingsRequest(settings=Settings(name=of(soho), grace_days=5), request_id=str(uuid4()))
    first = await soho.supervisor.settings.UpdateSettings(request)
    await update(soho, Settings(name=of(soho), grace_days=6))
    assert await soho.supervisor.settings.UpdateSettings(request) == first
    assert (await get(soho)).settings.grace_days == 6


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (Settings(inactivity_days=366), "inactivity_days"),
        (Settings(inactivity_days=-1), "inactivity_days"),
        (Settings(inactivity_days=3), "inactivity_warning_days"),
        (Settings(grace_days=366), "grace_days"),
        (Settings(auto_assign=7), "auto_assign"),  # type: ignore[arg-type]
        (Settings(preferred_channel=0), "preferred_channel"),  # type: ignore[arg-type]
        (Settings(form_lifetime=days(366)), "form_lifetime"),
        (Settings(form_lifetime=Duration(seconds=-5)), "form_lifetime"),
        (Settings(form_reminders=FormReminders(after=[days(2), days(1)])), "form_reminders"),
        (Settings(form_reminders=FormReminders(after=[days(n) for n in range(1, 7)])), "form_reminders"),
        (Settings(consent_text=" "), "consent_text"),
        (Settings(consent_text="x" * 1_001), "consent_text"),
        (Settings(chat_greeting="Hello"), "chat_greeting"),
        (Settings(chat_greeting="nu\0ll {chat_link}"), "chat_greeting"),
        (Settings(ticket_creation=TicketCreation(stars=[6])), "ticket_creation"),
        (Settings(ticket_creation=TicketCreation(stars=[1], sites=["goo\0gle"])), "ticket_creation"),
        (
            Settings(star_priorities=StarPriorities(priorities=[StarPriority(stars=0, priority=1)])),  # type: ignore[arg-type]
            "star_priorities",
        ),
        (Settings(star_priorities=StarPriorities(priorities=[StarPriority(stars=1)])), "star_priorities"),
        (
            Settings(reply_templates=ReplyTemplates(templates=[ReplyTemplate(language="en", text="x")])),
            "reply_templates",
        ),
        (
            Settings(
                deadlines=Deadlines(
                    priorities=[
                        PriorityDeadlines(
                            priority=ticket_pb2.TICKET_PRIORITY_LOW, first_response=days(2), resolution=days(1)
                        )
                    ]
                )
            ),
            "deadlines",
        ),
        (
            Settings(
                business_hours=BusinessHours(
                    time_zone="UTC", hours=[OpenHours(day=settings_pb2.WEEKDAY_MONDAY, start="9", end="17:00")]
                )
            ),
            "business_hours",
        ),
        (
            Settings(
                business_hours=BusinessHours(
                    time_zone="Mars/Olympus",
                    hours=[OpenHours(day=settings_pb2.WEEKDAY_MONDAY, start="09:00", end="17:00")],
                )
            ),
            "business_hours",
        ),
        (
            Settings(
                business_hours=BusinessHours(
                    time_zone="UTC",
                    hours=[
                        OpenHours(day=settings_pb2.WEEKDAY_MONDAY, start="09:00", end="13:00"),
                        OpenHours(day=settings_pb2.WEEKDAY_MONDAY, start="12:00", end="17:00"),
                    ],
                )
            ),
            "business_hours",
        ),
        (
            Settings(
                business_hours=BusinessHours(
                    time_zone="UTC",
                    hours=[OpenHours(day=settings_pb2.WEEKDAY_MONDAY, start="09:00", end="17:00")],
                    holidays=["2026-02-30"],
                )
            ),
            "business_hours",
        ),
        (
            Settings(
                business_hours=BusinessHours(
                    time_zone="UTC", hours=[OpenHours(day=settings_pb2.WEEKDAY_MONDAY, start="17:00", end="09:00")]
                )
            ),
            "business_hours",
        ),
        (Settings(business_hours=BusinessHours(time_zone="UTC", holidays=["tomorrow"])), "business_hours"),
    ],
)
async def test_the_refusal_of_a_setting_names_its_field_and_nothing_changes(
    soho: Tenant, wrong: Settings, field: str
) -> None:
    wrong.name = of(soho)
    error = await refusal(update(soho, wrong))
    assert_refused(error, "INVALID_FIELD")
    assert [each.field for each in error.field_violations] == [f"settings.{field}"]
    assert (await get(soho)).settings == Settings(name=of(soho), etag="0")


async def test_a_change_of_the_organization_must_be_valid_with_every_location(soho: Tenant) -> None:
    await update(soho, Settings(name=of(soho, "soho"), inactivity_warning_days=20))
    error = await refusal(update(soho, Settings(name=of(soho), inactivity_days=10)))
    assert_refused(error, "INVALID_FIELD")
    [violation] = error.field_violations
    assert violation.field == "settings.inactivity_warning_days"
    assert violation.description.endswith(f"at {soho.name}/locations/soho")


async def test_the_fields_of_the_directory_are_the_same_settings(soho: Tenant) -> None:
    await soho.settings(Organization(consent_text="As written there.", form_lifetime=days(3)))
    answer = await get(soho)
    assert (answer.settings.consent_text, answer.settings.form_lifetime) == ("As written there.", days(3))
    await update(soho, Settings(name=of(soho), chat_greeting="Here: {chat_link}"))
    shown = await soho.supervisor.directory.GetOrganization(directory.GetOrganizationRequest(name=soho.name))
    assert shown.organization.chat_greeting == "Here: {chat_link}"
    place = Location(name=f"{soho.name}/locations/soho", preferred_channel=CHANNEL_SMS)
    await soho.service.directory.UpdateLocation(directory.UpdateLocationRequest(location=place))
    assert (await get(soho, "soho")).settings.preferred_channel == CHANNEL_SMS
    assert [each.number for each in await revisions(soho)] == [2, 1]
    assert [each.author for each in await revisions(soho, "soho")] == ["intake"]


async def test_an_unknown_location_has_no_settings(tenant: Tenant) -> None:
    await tenant.meet("alice")
    nowhere = of(tenant, "nowhere")
    calls = (
        get(tenant, "nowhere"),
        update(tenant, Settings(name=nowhere, grace_days=1)),
        tenant.supervisor.settings.PreviewReply(pb.PreviewReplyRequest(name=nowhere, reply_text="{form_link}")),
    )
    for call in calls:
        assert_refused(await refusal(call), "RESOURCE_NOT_FOUND", {"resource": nowhere})


async def test_a_preview_shows_the_reply_of_a_language_with_its_length(soho: Tenant) -> None:
    templates = [
        ReplyTemplate(language="en", text="Sorry: {form_link}"),
        ReplyTemplate(language="de", text="Verzeihung für alles: {form_link}"),
    ]
    await update(soho, Settings(name=of(soho), reply_templates=ReplyTemplates(templates=templates)))
    link = soho.care.links.form_link(uuid4(), soho.care.links.current)
    for language, expected in (("de-AT", "de"), ("DE", "de"), ("en", "en"), ("fr", "en"), ("", "en")):
        request = pb.PreviewReplyRequest(name=of(soho, "soho"), language=language, site="google")
        shown = await soho.supervisor.settings.PreviewReply(request)
        text = next(each.text for each in templates if each.language == expected)
        assert (shown.language, shown.reply_text, shown.limit_bytes) == (expected, text, 4_096)
        assert shown.length_bytes == len(text.replace("{form_link}", link).encode())
    given = pb.PreviewReplyRequest(name=of(soho), reply_text="Mine: {form_link}")
    shown = await soho.supervisor.settings.PreviewReply(given)
    assert (shown.reply_text, shown.language, shown.limit_bytes) == ("Mine: {form_link}", "", 0)
    wrong = pb.PreviewReplyRequest(name=of(soho), reply_text="No link")
    assert_refused(await refusal(soho.supervisor.settings.PreviewReply(wrong)), "INVALID_FIELD")
