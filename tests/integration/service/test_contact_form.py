"""GetContactForm: what the holder of a form's link sees, and what they never see."""

from __future__ import annotations

from uuid import UUID

import pytest

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import directory_service_pb2 as directory
from care.v1 import worker_service_pb2 as workers
from care.v1.directory_pb2 import Location, Organization
from care_service.usecases.links import Links
from tests.integration.service.clocks import SettableClock
from tests.integration.service.contact_forms import assert_refused_without_details, form_state, read_form, submit
from tests.support.care import WEB_URL, refusal
from tests.support.tenant import Tenant

READABLE = "We are sorry. Please tell us how to reach you"
"""The text before the placeholder in the reply of the tests."""
FORM_STATES = {
    "FORM_REQUESTED": "OPEN",
    "AWAITING_CONTACT": "OPEN",
    "CONTACT_RECEIVED": "ANSWERED",
    "CHAT_UNLOCKED": "ANSWERED",
    "REJECTED": "ANSWERED",
    "REFUSED": "WITHDRAWN",
    "WITHDRAWN": "WITHDRAWN",
    "REPLACED": "REPLACED",
    "ENDED_BY_CLOSE": "CLOSED",
}


@pytest.mark.parametrize(("state", "shown"), FORM_STATES.items())
async def test_a_form_shows_its_state_and_its_text_only_while_it_takes_answers(
    tenant: Tenant, state: str, shown: str
) -> None:
    recovery = await tenant.in_recovery_state(await tenant.ticket(), state)
    found = await read_form(tenant, tenant.form_token(recovery))
    assert form_state(found) == shown
    if shown in {"OPEN", "ANSWERED", "CLOSED"}:
        assert found.reply_text.startswith(READABLE)
        assert "form_link" not in found.reply_text
    else:
        assert found.reply_text == ""
    assert found.business_name == tenant.id
    assert found.consent_text
    assert found.expire_time == recovery.expire_time


async def test_reading_a_form_writes_nothing(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.form(ticket)
    before = await tenant.get(ticket)
    for _ in range(3):
        assert form_state(await read_form(tenant, tenant.form_token(recovery))) == "OPEN"
    assert await tenant.get(ticket) == before


async def test_a_form_names_the_location_or_else_the_organization(tenant: Tenant) -> None:
    await tenant.settings(
        Organization(display_name="Soup & Co", default_phone_region="GB", consent_text="Call me, nothing else.")
    )
    token = tenant.form_token(await tenant.form(await tenant.ticket()))
    found = await read_form(tenant, token)
    assert (found.business_name, found.phone_region, found.consent_text) == (
        "Soup & Co",
        "GB",
        "Call me, nothing else.",
    )
    soho = Location(name=f"{tenant.name}/locations/soho", display_name="Soup Soho", default_phone_region="US")
    await tenant.service.directory.UpdateLocation(directory.UpdateLocationRequest(location=soho))
    found = await read_form(tenant, token)
    assert (found.business_name, found.phone_region) == ("Soup Soho", "US")


async def test_a_form_expires_on_the_microsecond_even_before_the_workflow_reports_it(
    timed: Tenant, clock: SettableClock
) -> None:
    recovery = await timed.form(await timed.ticket())
    token = timed.form_token(recovery)
    clock.advance(days=30, microseconds=-1)
    assert form_state(await read_form(timed, token)) == "OPEN"
    clock.advance(microseconds=1)
    assert form_state(await read_form(timed, token)) == "EXPIRED"
    assert_refused_without_details(await refusal(submit(timed, token)), "LINK_EXPIRED")
    await timed.worker.workers.ExpireForm(workers.ExpireFormRequest(name=recovery.name))
    assert form_state(await read_form(timed, token)) == "EXPIRED"
    assert_refused_without_details(await refusal(submit(timed, token)), "LINK_EXPIRED")


async def invalid_tokens(tenant: Tenant) -> list[str]:
    """Returns tokens that are malformed, forged or of a recovery without a form."""
    recovery = await tenant.form(await tenant.ticket())
    token = tenant.form_token(recovery)
    key_id, resource, mac = token.split(".")
    other = tenant.form_token(await tenant.form(await tenant.ticket()))
    direct = conversations.AddContactRequest(parent=(await tenant.ticket()).name, email="kim@example.com")
    contact = (await tenant.agent("alice").conversations.AddContact(direct)).recovery
    own, current = tenant.care.links, tenant.care.links.current
    forged = Links({current: b"f" * 32}, current, WEB_URL)
    altered = "A" if mac[0] != "A" else "B"
    return [
        "",
        "nonsense",
        "..",
        "....",
        "ä.ö.ü",
        "x" * 100_000,
        f"{key_id}.{resource}",
        f"{key_id}.{resource}.",
        f"{key_id}..{mac}",
        f"{key_id}.{resource}.{altered}{mac[1:]}",
        f"{key_id}.{resource}.{mac}A",
        f"{key_id}.{resource}.{mac}==",
        f"{key_id}.{resource}=.{mac}",
        f"{key_id}.{resource}.{mac} ",
        f"{key_id}.{other.split('.')[1]}.{mac}",
        f"other.{resource}.{mac}",
        f"{key_id.upper()}.{resource}.{mac}",
        forged.form_token(UUID(recovery.name.rpartition("/")[2]), current),
        # Correctly signed, but for an unknown recovery and for a recovery without a form.
        own.form_token(UUID("0190a0a0-0000-7000-8000-000000000000"), current),
        own.form_token(UUID(contact.name.rpartition("/")[2]), current),
    ]


async def test_unknown_and_forged_links_get_the_same_answer(tenant: Tenant) -> None:
    answers = set()
    for token in await invalid_tokens(tenant):
        for error in (await refusal(read_form(tenant, token)), await refusal(submit(tenant, token))):
            assert_refused_without_details(error, "LINK_UNKNOWN")
            answers.add((error.message, error.field_violations, error.retry_after))
    assert len(answers) == 1


async def test_a_customer_never_sees_a_note(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.form(ticket)
    note = conversations.AddNoteRequest(parent=ticket.name, text="Difficult guest")
    await tenant.agent("alice").conversations.AddNote(note)
    assert "Difficult" not in str(await read_form(tenant, tenant.form_token(recovery)))
