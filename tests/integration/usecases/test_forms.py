"""The customer's form: what it shows, where a submission goes, and what the holder of a link never sees."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from care_rules.entities.recovery import Recovery
from care_rules.lifecycle import RecoveryState, TicketStatus
from care_rules.names import TicketName
from care_rules.refusals import Reason
from care_rules.settings import AutoAssign, Settings
from care_service.usecases import forms, recoveries, tickets
from care_service.usecases.forms import Submission
from care_service.usecases.links import Links
from care_service.usecases.ports.idempotency import StoredResponse
from care_service.usecases.request import Replayable, Request
from tests.integration.usecases.office import STRANGER, Office, assert_refused, recovery_name, refused

SUBMISSION = Submission(email="robin@example.com", phone="", display_name="Robin", message="Please call.")


async def public_form(office: Office) -> tuple[TicketName, Recovery]:
    name = await office.ticket()
    recovery = await office.form(name)
    await office.post(recovery_name(recovery))
    return name, recovery


async def submit(
    office: Office, recovery: Recovery, submission: Submission = SUBMISSION, request_id: UUID | None = None
) -> Replayable[str]:
    return await forms.submit_contact(
        office.store, office.links, office.token(recovery), submission, office.request(STRANGER, id=request_id)
    )


async def test_a_form_is_read_by_its_link(office: Office) -> None:
    _, recovery = await public_form(office)
    form = await forms.load_form(office.store, office.links, office.token(recovery), office.now)
    assert (form.recovery.id, form.base.business_name) == (recovery.id, office.id)


async def test_a_link_that_is_not_valid_opens_nothing(office: Office) -> None:
    _, recovery = await public_form(office)
    other = Links({"k1": office.links.keys["k1"], "k2": b"o" * 32}, "k2", office.links.base_url)
    tokens = ("", "a.b.c", other.form_token(recovery.id, "k2"), other.form_token(uuid4(), "k1"))
    for token in tokens:
        await assert_refused(forms.load_form(office.store, other, token, office.now), Reason.LINK_UNKNOWN)
        submitted = forms.submit_contact(office.store, other, token, SUBMISSION, office.request(STRANGER))
        await assert_refused(submitted, Reason.LINK_UNKNOWN)


async def test_a_submission_starts_the_chat_and_restarts_the_inactivity(office: Office) -> None:
    name, recovery = await public_form(office)
    assert (await office.load(name)).ticket.timing.waits_since == office.now
    office.later(days=2)
    assert await office.submit(recovery) == recovery.reference
    snapshot = await office.load(name)
    assert snapshot.ticket.contact_state is RecoveryState.CONTACT_RECEIVED
    assert (snapshot.ticket.timing.active_time, snapshot.ticket.timing.waits_since) == (office.now, None)
    assert snapshot.contact is not None
    assert snapshot.contact.email == "robin@example.com"


async def test_a_submission_reopens_a_resolved_ticket(office: Office) -> None:
    name, recovery = await public_form(office)
    await tickets.resolve_ticket(office.store, name, office.request())
    await office.submit(recovery)
    assert (await office.load(name)).ticket.status is TicketStatus.IN_PROGRESS


async def test_a_second_submission_is_kept_as_a_claim_and_a_known_one_changes_nothing(office: Office) -> None:
    name, recovery = await public_form(office)
    await office.submit(recovery)
    assert await office.submit(recovery, "sam@example.com") == recovery.reference
    version = (await office.load(name)).ticket.version
    assert await office.submit(recovery, "sam@example.com") == recovery.reference
    assert (await office.load(name)).ticket.version == version
    assert await office.log(name) == [
        "CONTACT_CLAIMED",
        "CONTACT_SUBMITTED",
        "FORM_POSTED",
        "FORM_REQUESTED",
        "TAKEN",
        "CREATED",
    ]


async def test_a_submission_after_the_close_creates_a_follow_up_of_the_same_assignee(office: Office) -> None:
    name, recovery = await public_form(office)
    await tickets.close_ticket(office.store, name, office.request())
    await office.submit(recovery)
    followed, follow_up = await office.load(name), await office.load(TicketName(office.id, 2))
    assert (followed.ticket.follow_up, follow_up.ticket.follow_up_of) == (2, 1)
    assert follow_up.ticket.assignee == "alice"
    assert follow_up.ticket.timing.active_time == office.now
    # The next submission goes to the follow-up.
    await office.submit(recovery, "sam@example.com")
    assert (await office.log(TicketName(office.id, 2)))[0] == "CONTACT_CLAIMED"


async def test_a_follow_up_is_assigned_by_the_settings_if_the_old_assignee_is_not_assignable(office: Office) -> None:
    name, recovery = await public_form(office)
    await tickets.release_ticket(office.store, name, office.request())
    await tickets.assign_ticket(office.store, name, "bob", office.request(office.supervisor))
    await tickets.close_ticket(office.store, name, office.request(office.supervisor))
    await office.set(Settings(auto_assign=AutoAssign.ROUND_ROBIN), "auto_assign")
    query = "UPDATE agents SET can_be_assignee = false WHERE organization = $1 AND id = 'bob'"
    async with office.database.driver() as connection:
        await connection.execute(query, office.id)
    await office.submit(recovery)
    assert (await office.load(TicketName(office.id, 2))).ticket.assignee == "alice"


async def test_a_refused_submission_takes_no_number(office: Office) -> None:
    name, recovery = await public_form(office)
    await tickets.close_ticket(office.store, name, office.request())
    nothing = replace(SUBMISSION, email="")
    await assert_refused(submit(office, recovery, nothing), Reason.INVALID_FIELD)
    office.later(days=31)
    await assert_refused(submit(office, recovery), Reason.LINK_EXPIRED)
    assert await office.ticket() == TicketName(office.id, 2)


async def test_a_withdrawn_form_says_nothing_about_its_ticket(office: Office) -> None:
    _, recovery = await public_form(office)
    await recoveries.withdraw_recovery_form(office.store, office.reader, recovery_name(recovery), office.request())
    refusal = await refused(submit(office, recovery))
    assert (refusal.reason, refusal.metadata) == (Reason.LINK_WITHDRAWN, {})


async def test_a_refusal_through_a_link_has_no_metadata(office: Office) -> None:
    _, recovery = await public_form(office)
    request_id = uuid4()
    await submit(office, recovery, request_id=request_id)
    request: Request[str] = office.request(STRANGER, id=request_id, fingerprint=b"another")
    again = forms.submit_contact(office.store, office.links, office.token(recovery), SUBMISSION, request)
    refusal = await refused(again)
    assert (refusal.reason, refusal.metadata) == (Reason.REQUEST_ID_REUSED, {})


@pytest.mark.parametrize("after_close", [False, True])
async def test_a_repeated_submission_is_carried_out_once(office: Office, *, after_close: bool) -> None:
    name, recovery = await public_form(office)
    if after_close:
        await tickets.close_ticket(office.store, name, office.request())
    request_id = uuid4()
    assert await submit(office, recovery, request_id=request_id) == recovery.reference
    repeated = await submit(office, recovery, request_id=request_id)
    assert isinstance(repeated, StoredResponse)
    assert repeated.body == repr(recovery.reference).encode()
    assert await office.ticket() == TicketName(office.id, 3 if after_close else 2)
