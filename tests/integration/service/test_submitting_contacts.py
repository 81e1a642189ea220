"""SubmitContact: contacts, claims, limits and refusals."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from care.v1 import activity_pb2, recovery_pb2, ticket_pb2
from care.v1 import customer_service_pb2 as customers
from care.v1 import ticket_service_pb2 as tickets
from care.v1.directory_pb2 import Organization
from care_client.errors import CareError, ResourceExhausted
from tests.integration.service.contact_forms import assert_refused_without_details, form_state, read_form, submit
from tests.support.care import refusal
from tests.support.tenant import Tenant


@pytest.mark.parametrize("state", ["FORM_REQUESTED", "AWAITING_CONTACT"])
async def test_a_submission_to_an_open_form_stores_the_contact(tenant: Tenant, state: str) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.in_recovery_state(ticket, state)
    woken = await tenant.wakes(recovery.name)
    await tenant.submit(recovery, phone="+1 415 555 2671", display_name=" Robin ", message="Call me\nsoon")
    after = await tenant.recovery(recovery)
    assert after.state == recovery_pb2.RECOVERY_STATE_CONTACT_RECEIVED
    contact = after.contact
    assert (contact.email, contact.phone, contact.display_name, contact.message, contact.verified) == (
        "robin@example.com",
        "+14155552671",
        "Robin",
        "Call me\nsoon",
        False,
    )
    assert after.HasField("contact_time")
    assert await tenant.wakes(recovery.name) == woken + 1
    entry = (await tenant.log(ticket))[0]
    assert entry.type == activity_pb2.ACTIVITY_TYPE_CONTACT_SUBMITTED
    assert (entry.actor_kind, entry.actor) == (activity_pb2.ACTOR_KIND_CUSTOMER, "")
    # The log never contains an address.
    assert "robin" not in str(entry).lower()


async def test_a_submission_reopens_a_resolved_ticket(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.form(ticket)
    await tenant.agent("alice").tickets.ResolveTicket(tickets.ResolveTicketRequest(name=ticket.name))
    await tenant.submit(recovery)
    after = await tenant.get(ticket)
    assert after.status == ticket_pb2.TICKET_STATUS_IN_PROGRESS
    assert not after.HasField("resolve_time")
    # One command, one activity.
    assert (await tenant.log_types(ticket))[:2] == ["CONTACT_SUBMITTED", "RESOLVED"]


async def test_a_submission_leaves_an_open_ticket_open(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    await tenant.submit(await tenant.form(ticket))
    assert (await tenant.get(ticket)).status == ticket_pb2.TICKET_STATUS_OPEN


@pytest.mark.parametrize("state", ["CONTACT_RECEIVED", "CHAT_UNLOCKED", "REJECTED"])
async def test_a_further_submission_is_accepted_and_kept_as_a_claim(tenant: Tenant, state: str) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.in_recovery_state(ticket, state)
    before = await tenant.get(ticket)
    await tenant.submit(recovery, email="kim@example.com")
    found = await tenant.recovery(recovery)
    assert found.contact.email == "robin@example.com"
    assert [claim.email for claim in found.claims] == ["kim@example.com"]
    after = await tenant.get(ticket)
    assert (after.contact_state, after.recovery, after.customer) == (
        before.contact_state,
        before.recovery,
        before.customer,
    )
    assert (await tenant.log_types(ticket))[0] == "CONTACT_CLAIMED"
    # The same contact again changes nothing.
    await tenant.submit(recovery, email="kim@example.com")
    await tenant.submit(recovery)
    assert (await tenant.get(ticket)).etag == after.etag


async def test_only_a_few_claims_are_kept_and_the_rest_get_the_same_answer(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.form(ticket)
    for number in range(9):
        await tenant.submit(recovery, email=f"claim{number}@example.com")
    found = await tenant.recovery(recovery)
    assert found.contact.email == "claim0@example.com"
    kept = [claim.email for claim in found.claims]
    assert 1 < len(kept) < 8
    assert kept == [f"claim{number}@example.com" for number in range(1, 1 + len(kept))]
    assert (await tenant.log_types(ticket)).count("CONTACT_CLAIMED") == len(kept)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("REFUSED", "LINK_WITHDRAWN"),
        ("WITHDRAWN", "LINK_WITHDRAWN"),
        ("REPLACED", "LINK_WITHDRAWN"),
    ],
)
async def test_a_submission_to_an_ended_form_is_refused_and_not_stored(tenant: Tenant, state: str, reason: str) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.in_recovery_state(ticket, state)
    before = await tenant.get(ticket)
    assert_refused_without_details(await refusal(submit(tenant, tenant.form_token(recovery))), reason)
    assert await tenant.get(ticket) == before
    assert not (await tenant.recovery(recovery)).HasField("contact")


async def test_the_link_of_a_withdrawn_form_stays_withdrawn_after_a_newer_form(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    older = await tenant.in_recovery_state(ticket, "WITHDRAWN")
    newer = await tenant.form(ticket)
    assert form_state(await read_form(tenant, tenant.form_token(older))) == "WITHDRAWN"
    assert_refused_without_details(await refusal(submit(tenant, tenant.form_token(older))), "LINK_WITHDRAWN")
    assert (await tenant.recovery(newer)).state == recovery_pb2.RECOVERY_STATE_FORM_REQUESTED


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({}, ["email", "phone"]),
        ({"email": " "}, ["email", "phone"]),
        ({"email": "robin"}, ["email"]),
        ({"phone": "+1 555"}, ["phone"]),
        ({"phone": "020 7946 0018"}, ["phone"]),
        ({"email": "robin@example.com", "display_name": "R" * 201}, ["display_name"]),
        ({"email": "robin@example.com", "message": "m" * 4_001}, ["message"]),
        ({"email": "robin@example.com", "message": "m\0"}, ["message"]),
        ({"email": "robin@example.com", "request_id": "7"}, ["request_id"]),
    ],
)
async def test_the_refusal_of_a_submission_names_its_fields_and_keeps_the_form_open(
    tenant: Tenant, given: dict[str, str], fields: list[str]
) -> None:
    recovery = await tenant.form(await tenant.ticket())
    request = customers.SubmitContactRequest(token=tenant.form_token(recovery), consent=True, **given)
    error = await refusal(tenant.customer.customers.SubmitContact(request))
    assert_refused_without_details(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == fields
    assert (await tenant.recovery(recovery)).state == recovery_pb2.RECOVERY_STATE_FORM_REQUESTED


async def test_a_submission_needs_consent(tenant: Tenant) -> None:
    recovery = await tenant.form(await tenant.ticket())
    request = customers.SubmitContactRequest(token=tenant.form_token(recovery), email="robin@example.com")
    error = await refusal(tenant.customer.customers.SubmitContact(request))
    assert_refused_without_details(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == ["consent"]
    assert (await tenant.recovery(recovery)).state == recovery_pb2.RECOVERY_STATE_FORM_REQUESTED


async def test_the_longest_submission_is_accepted(tenant: Tenant) -> None:
    recovery = await tenant.form(await tenant.ticket())
    await tenant.submit(recovery, display_name="語" * 200, message="🍲" * 4_000)
    contact = (await tenant.recovery(recovery)).contact
    assert (len(contact.display_name), len(contact.message)) == (200, 4_000)


async def test_a_local_number_has_the_region_that_the_form_names(tenant: Tenant) -> None:
    await tenant.settings(Organization(default_phone_region="GB"))
    recovery = await tenant.form(await tenant.ticket())
    assert (await read_form(tenant, tenant.form_token(recovery))).phone_region == "GB"
    request = customers.SubmitContactRequest(token=tenant.form_token(recovery), phone="020 7946 0018", consent=True)
    await tenant.customer.customers.SubmitContact(request)
    assert (await tenant.recovery(recovery)).contact.phone == "+442079460018"


async def test_submissions_are_limited_per_link(tenant: Tenant) -> None:
    recovery, other = await tenant.form(await tenant.ticket()), await tenant.form(await tenant.ticket())
    for _ in range(100):
        request = customers.SubmitContactRequest(
            token=tenant.form_token(recovery), email="robin@example.com", consent=True
        )
        try:
            await tenant.customer.customers.SubmitContact(request)
        except ResourceExhausted:  # checked below
            break
    error = await refusal(submit(tenant, tenant.form_token(recovery)))
    assert_refused_without_details(error, "RATE_LIMITED")
    assert error.retry_after is not None
    assert error.retry_after > timedelta()
    # The form can still be read, and other links are not affected.
    assert form_state(await read_form(tenant, tenant.form_token(recovery))) == "ANSWERED"
    await submit(tenant, tenant.form_token(other))


async def test_submissions_with_one_request_id_and_changing_bodies_are_limited_too(tenant: Tenant) -> None:
    recovery = await tenant.form(await tenant.ticket())
    request_id = str(uuid4())
    reasons = set()
    for number in range(30):
        request = customers.SubmitContactRequest(
            token=tenant.form_token(recovery), email=f"r{number}@example.com", consent=True, request_id=request_id
        )
        try:
            await tenant.customer.customers.SubmitContact(request)
        except CareError as error:
            reasons.add(error.reason)
    assert "RATE_LIMITED" in reasons
