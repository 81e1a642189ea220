"""A downgrade: this release loads every ticket that a newer one stored, and loses no value of it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from care.v1 import settings_service_pb2 as pb
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.directory_pb2 import Location, Organization
from care.v1.directory_service_pb2 import UpdateLocationRequest
from care.v1.message_pb2 import CHANNEL_SMS
from care.v1.settings_pb2 import Settings
from care.v1.ticket_pb2 import Ticket
from tests.support.tenant import Tenant

ORGANIZATION = {
    "grace_days": 5,
    "snooze": {"longest": "P30D"},
    "auto_assign": "BY_SKILL",
    "deadlines": {
        "priorities": [{"priority": "NORMAL", "first_response": "PT6H", "resolution": None, "escalate_to": "sue"}],
        "paused_while_waiting": False,
        "starts_at": "first_message",
    },
}
LOCATION = {"preferred_channel": "WHATSAPP", "languages": ["en", "de"], "inactivity_days": 20}
TIMING = {"next_kind": "ESCALATION", "snoozed_until": "2030-01-01T00:00:00Z"}


async def store(tenant: Tenant, table: str, column: str, value: dict[str, Any], key: str) -> None:
    where = f"{'id' if table == 'organizations' else 'organization'} = $1 AND {key}"
    async with tenant.care.database.driver() as connection:
        statement = f"UPDATE {table} SET {column} = {column} || $2::TEXT::JSONB WHERE {where}"  # noqa: S608 - of constants
        assert await connection.execute(statement, tenant.id, json.dumps(value)) == "UPDATE 1"


async def stored(tenant: Tenant, table: str, column: str) -> dict[str, Any]:
    where = "id" if table == "organizations" else "organization"
    async with tenant.care.database.driver() as connection:
        found = await connection.fetchval(f"SELECT {column}::TEXT FROM {table} WHERE {where} = $1", tenant.id)  # noqa: S608
    read: dict[str, Any] = json.loads(found)
    return read


@pytest.fixture
async def ticket(tenant: Tenant) -> Ticket:
    """A ticket at soho. A newer release has written its organization, its location and its timing."""
    made = await tenant.ticket()
    await store(tenant, "organizations", "settings", ORGANIZATION, "true")
    await store(tenant, "locations", "settings", LOCATION, "id = 'soho'")
    await store(tenant, "tickets", "timing", TIMING, "true")
    return made


def settings_name(tenant: Tenant, location: str = "") -> str:
    return f"{tenant.name}/locations/{location}/settings" if location else f"{tenant.name}/settings"


async def get_settings(tenant: Tenant) -> pb.GetSettingsResponse:
    request = pb.GetSettingsRequest(name=settings_name(tenant, "soho"))
    return await tenant.supervisor.settings.GetSettings(request)


async def test_readable_settings_apply_and_unreadable_ones_count_as_not_set(tenant: Tenant, ticket: Ticket) -> None:
    answer = await get_settings(tenant)
    effective, sources = answer.effective, {each.field: each.source for each in answer.sources if each.source}
    assert (effective.grace_days, effective.inactivity_days) == (5, 20)
    assert effective.deadlines.priorities[0].first_response.ToTimedelta() == timedelta(hours=6)
    assert sources.keys() == {"grace_days", "inactivity_days", "deadlines"}
    assert answer.settings.HasField("inactivity_days")
    assert not answer.settings.HasField("preferred_channel")


async def test_tickets_of_a_newer_release_can_be_read_listed_counted_and_changed(
    tenant: Tenant, ticket: Ticket
) -> None:
    alice = tenant.agent("alice")
    assert (await tenant.get(ticket)).name == ticket.name
    listed = await alice.tickets.ListTickets(tickets.ListTicketsRequest(parent=tenant.name))
    assert [each.name for each in listed.tickets] == [ticket.name]
    assert (await alice.tickets.CountTickets(tickets.CountTicketsRequest(parent=tenant.name))).total == 1
    plan = await tenant.worker.workers.GetNextDeadline(workers.GetNextDeadlineRequest(name=ticket.name))
    assert plan.plan.step == workers.DEADLINE_STEP_WAIT
    await alice.tickets.StartTicket(tickets.StartTicketRequest(name=ticket.name))
    await tenant.ticket()
    await tenant.form(ticket)


async def test_the_timing_of_a_ticket_keeps_unknown_values(tenant: Tenant, ticket: Ticket) -> None:
    await tenant.agent("alice").tickets.StartTicket(tickets.StartTicketRequest(name=ticket.name))
    after = await stored(tenant, "tickets", "timing")
    assert after["snoozed_until"] == TIMING["snoozed_until"]
    assert after["next_kind"] != TIMING["next_kind"]


async def test_an_update_keeps_unknown_values_of_other_settings(tenant: Tenant, ticket: Ticket) -> None:
    update = tenant.supervisor.settings.UpdateSettings
    await update(pb.UpdateSettingsRequest(settings=Settings(name=settings_name(tenant), warn_customer=True)))
    await tenant.settings(Organization(consent_text="I agree.", form_lifetime=Duration(seconds=86_400)))
    assert await stored(tenant, "organizations", "settings") == ORGANIZATION | {
        "warn_customer": True,
        "consent_text": "I agree.",
        "form_lifetime": "P1D",
    }
    await update(pb.UpdateSettingsRequest(settings=Settings(name=settings_name(tenant, "soho"), inactivity_days=9)))
    assert await stored(tenant, "locations", "settings") == LOCATION | {"inactivity_days": 9}
    assert (await get_settings(tenant)).effective.inactivity_days == 9


async def test_an_update_replaces_an_unreadable_setting(tenant: Tenant, ticket: Ticket) -> None:
    place = Location(name=f"{tenant.name}/locations/soho", preferred_channel=CHANNEL_SMS)
    await tenant.service.directory.UpdateLocation(UpdateLocationRequest(location=place))
    assert await stored(tenant, "locations", "settings") == LOCATION | {"preferred_channel": "SMS"}
    assert (await get_settings(tenant)).effective.preferred_channel == CHANNEL_SMS


async def test_an_update_writes_only_the_settings_of_its_mask(tenant: Tenant, ticket: Ticket) -> None:
    given = Settings(name=settings_name(tenant), grace_days=6, warn_customer=True)
    await tenant.supervisor.settings.UpdateSettings(pb.UpdateSettingsRequest(settings=given))
    given = Settings(name=settings_name(tenant), grace_days=7, warn_customer=False)
    request = pb.UpdateSettingsRequest(settings=given)
    request.update_mask.paths.append("warn_customer")
    answer = await tenant.supervisor.settings.UpdateSettings(request)
    assert (answer.settings.grace_days, answer.settings.warn_customer) == (6, False)
