"""What whoever holds a form's link can see and do, and what they never learn."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import timedelta
from secrets import token_bytes
from uuid import UUID, uuid4

import pytest

from care.v1 import activity_pb2, customer_service_pb2, recovery_pb2, ticket_pb2
from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import directory_service_pb2 as directory
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.customer_service_pb2 import ContactForm
from care.v1.directory_pb2 import Location, Organization
from care.v1.message_pb2 import DELIVERY_STATE_SENT
from care.v1.recovery_pb2 import Recovery
from care_client.errors import CareError, ResourceExhausted
from care_dev.stack import postgres
from care_service.running.application import MissingKeysError
from care_service.usecases.links import Links
from tests.integration.service.clocks import SettableClock
from tests.integration.service.commands import assert_refused
from tests.support.care import WEB_URL, care, refusal
from tests.support.tenant import Tenant

READABLE = "We are sorry. Please tell us how to reach you"
"""What the reply of the tests says before its placeholder."""


async def form(tenant: Tenant, token: str) -> ContactForm:
    return (await tenant.customer.customers.GetContactForm(customers.GetContactFormRequest(token=token))).form


def state_of(shown: ContactForm) -> str:
    name = customer_service_pb2.ContactFormState.Name(shown.state)
    return name.removeprefix("CONTACT_FORM_STATE_")


async def submit(tenant: Tenant, token: str, email: str = "robin@example.com") -> None:
    request = customers.SubmitContactRequest(token=token, email=email, consent=True)
    await tenant.customer.customers.SubmitContact(request)


def assert_says_nothing(error: CareError, reason: str) -> None:
    """An error that a customer gets names its reason, and nothing of the ticket."""
    assert_refused(error, reason)
    assert "organizations/" not in error.message


# --- the page ---------------------------------------------------------------------------------------------------------

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
async def test_a_form_says_what_became_of_it_and_its_text_only_while_it_takes_answers(
    tenant: Tenant, state: str, shown: str
) -> None:
    recovery = await tenant.in_recovery_state(await tenant.ticket(), state)
    found = await form(tenant, tenant.form_token(recovery))
    assert state_of(found) == shown
    if shown in {"OPEN", "ANSWERED", "CLOSED"}:
        assert found.reply_text.startswith(READABLE)
        assert "form_link" not in found.reply_text
    else:
        assert found.reply_text == ""
    assert found.business_name == tenant.id
    assert found.consent_text
    assert found.expire_time == recovery.expire_time


async def test_reading_a_form_never_uses_it_up_and_writes_nothing(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.form(ticket)
    before = await tenant.get(ticket)
    for _ in range(3):
        assert state_of(await form(tenant, tenant.form_token(recovery))) == "OPEN"
    assert await tenant.get(ticket) == before


async def test_a_form_names_the_location_or_else_the_organization(tenant: Tenant) -> None:
    await tenant.settings(
        Organization(display_name="Soup & Co", default_phone_region="GB", consent_text="Call me, nothing else.")
    )
    token = tenant.form_token(await tenant.form(await tenant.ticket()))
    found = await form(tenant, token)
    assert (found.business_name, found.phone_region, found.consent_text) == (
        "Soup & Co",
        "GB",
        "Call me, nothing else.",
    )
    soho = Location(name=f"{tenant.name}/locations/soho", display_name="Soup Soho", default_phone_region="US")
    await tenant.service.directory.UpdateLocation(directory.UpdateLocationRequest(location=soho))
    found = await form(tenant, token)
    assert (found.business_name, found.phone_region) == ("Soup Soho", "US")


async def test_a_form_is_over_to_the_microsecond_even_before_the_workflow_says_so(
    timed: Tenant, clock: SettableClock
) -> None:
    recovery = await timed.form(await timed.ticket())
    token = timed.form_token(recovery)
    clock.advance(days=30, microseconds=-1)
    assert state_of(await form(timed, token)) == "OPEN"
    clock.advance(microseconds=1)
    assert state_of(await form(timed, token)) == "EXPIRED"
    assert_says_nothing(await refusal(submit(timed, token)), "LINK_EXPIRED")
    await timed.worker.workers.ExpireForm(workers.ExpireFormRequest(name=recovery.name))
    assert state_of(await form(timed, token)) == "EXPIRED"
    assert_says_nothing(await refusal(submit(timed, token)), "LINK_EXPIRED")


# --- links that are none of ours --------------------------------------------------------------------------------------


async def foreign_links(tenant: Tenant) -> list[str]:
    """Every way to come by a token that is none of ours."""
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
        # Well made, but of nothing that there is, and of a recovery that has no form.
        own.form_token(UUID("0190a0a0-0000-7000-8000-000000000000"), current),
        own.form_token(UUID(contact.name.rpartition("/")[2]), current),
    ]


async def test_unknown_and_forged_links_get_one_uniform_answer(tenant: Tenant) -> None:
    answers = set()
    for token in await foreign_links(tenant):
        for error in (await refusal(form(tenant, token)), await refusal(submit(tenant, token))):
            assert_says_nothing(error, "LINK_UNKNOWN")
            answers.add((error.message, error.field_violations, error.retry_after))
    assert len(answers) == 1


# --- submitting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["FORM_REQUESTED", "AWAITING_CONTACT"])
async def test_a_submission_brings_the_contact_of_an_open_form(tenant: Tenant, state: str) -> None:
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
    # The log names who and what, never an address.
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
async def test_a_further_submission_is_thanked_for_and_kept_as_a_claim(tenant: Tenant, state: str) -> None:
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
    # The very same again is no news.
    await tenant.submit(recovery, email="kim@example.com")
    await tenant.submit(recovery)
    assert (await tenant.get(ticket)).etag == after.etag


async def test_only_a_few_claims_are_kept_and_the_rest_gets_the_same_thanks(tenant: Tenant) -> None:
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
async def test_a_submission_to_an_ended_form_is_refused_and_nothing_is_kept(
    tenant: Tenant, state: str, reason: str
) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.in_recovery_state(ticket, state)
    before = await tenant.get(ticket)
    assert_says_nothing(await refusal(submit(tenant, tenant.form_token(recovery))), reason)
    assert await tenant.get(ticket) == before
    assert not (await tenant.recovery(recovery)).HasField("contact")


async def test_a_newer_form_of_the_ticket_leaves_the_older_link_withdrawn(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    older = await tenant.in_recovery_state(ticket, "WITHDRAWN")
    newer = await tenant.form(ticket)
    assert state_of(await form(tenant, tenant.form_token(older))) == "WITHDRAWN"
    assert_says_nothing(await refusal(submit(tenant, tenant.form_token(older))), "LINK_WITHDRAWN")
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
async def test_a_wrong_submission_names_its_fields_and_uses_nothing_up(
    tenant: Tenant, given: dict[str, str], fields: list[str]
) -> None:
    recovery = await tenant.form(await tenant.ticket())
    request = customers.SubmitContactRequest(token=tenant.form_token(recovery), consent=True, **given)
    error = await refusal(tenant.customer.customers.SubmitContact(request))
    assert_says_nothing(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == fields
    assert (await tenant.recovery(recovery)).state == recovery_pb2.RECOVERY_STATE_FORM_REQUESTED


async def test_a_submission_needs_consent(tenant: Tenant) -> None:
    recovery = await tenant.form(await tenant.ticket())
    request = customers.SubmitContactRequest(token=tenant.form_token(recovery), email="robin@example.com")
    error = await refusal(tenant.customer.customers.SubmitContact(request))
    assert_says_nothing(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == ["consent"]
    assert (await tenant.recovery(recovery)).state == recovery_pb2.RECOVERY_STATE_FORM_REQUESTED


async def test_the_longest_submission_is_taken(tenant: Tenant) -> None:
    recovery = await tenant.form(await tenant.ticket())
    await tenant.submit(recovery, display_name="語" * 200, message="🍲" * 4_000)
    contact = (await tenant.recovery(recovery)).contact
    assert (len(contact.display_name), len(contact.message)) == (200, 4_000)


async def test_a_local_number_is_read_in_the_region_that_the_form_names(tenant: Tenant) -> None:
    await tenant.settings(Organization(default_phone_region="GB"))
    recovery = await tenant.form(await tenant.ticket())
    assert (await form(tenant, tenant.form_token(recovery))).phone_region == "GB"
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
        except ResourceExhausted:  # looked at below
            break
    error = await refusal(submit(tenant, tenant.form_token(recovery)))
    assert_says_nothing(error, "RATE_LIMITED")
    assert error.retry_after is not None
    assert error.retry_after > timedelta()
    # Reading stays possible, and so does every other link.
    assert state_of(await form(tenant, tenant.form_token(recovery))) == "ANSWERED"
    await submit(tenant, tenant.form_token(other))


async def test_a_customer_never_sees_a_note(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.form(ticket)
    note = conversations.AddNoteRequest(parent=ticket.name, text="Difficult guest")
    await tenant.agent("alice").conversations.AddNote(note)
    assert "Difficult" not in str(await form(tenant, tenant.form_token(recovery)))


# --- links and keys ---------------------------------------------------------------------------------------------------


async def test_the_link_is_made_from_the_configured_base_url(tenant: Tenant) -> None:
    recovery = await tenant.form(await tenant.ticket())
    link = (await tenant.begin(recovery, workers.RECOVERY_STEP_POST)).grant.link
    base, _, token = link.rpartition("/")
    assert base.startswith(WEB_URL)
    assert state_of(await form(tenant, token)) == "OPEN"


async def test_no_answer_to_the_team_holds_the_link(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.form(ticket)
    token = tenant.form_token(recovery)
    alice = tenant.agent("alice")
    thread = await alice.conversations.ListMessages(conversations.ListMessagesRequest(parent=ticket.name))
    shown = (await tenant.get(ticket), await tenant.recovery(recovery), thread, *await tenant.log(ticket))
    assert all(token not in str(message) for message in shown)


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


@pytest.mark.parametrize(
    ("state", "is_needed"),
    [
        ("FORM_REQUESTED", True),
        # Its link takes further answers, and one that raises a follow-up after the close.
        ("CHAT_UNLOCKED", True),
        # In the public reply it still stands.
        ("WITHDRAWN", True),
        ("DIRECT", False),
        # Chats: an open one, and one that was closed with the greeting not sent yet, and with it sent.
        ("DIRECT_UNLOCKED", True),
        ("DIRECT_QUEUED", True),
        ("DIRECT_SENT", False),
    ],
)
async def test_a_service_without_the_key_of_a_link_that_is_out_does_not_start(
    server: postgres.Server, state: str, is_needed: bool
) -> None:
    async with care(server.create_database(f"key_of_{state.lower()}")) as service:
        tenant = Tenant(service, "acme")
        ticket = await tenant.ticket()
        if state.startswith("DIRECT"):
            added = await tenant.agent("alice").conversations.AddContact(
                conversations.AddContactRequest(parent=ticket.name, email="kim@example.com")
            )
            if state != "DIRECT":
                await tenant.unlock(added.recovery)
            if state in {"DIRECT_QUEUED", "DIRECT_SENT"}:
                await tenant.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
            if state == "DIRECT_SENT":
                [greeting] = await tenant.thread(ticket, "AGENT_MESSAGE")
                begin = workers.BeginDeliveryRequest(name=greeting.name, step=workers.DELIVERY_STEP_SEND)
                attempt = (await tenant.worker.workers.BeginDelivery(begin)).grant.attempt
                sent = workers.RecordDeliveredRequest(name=greeting.name, attempt=attempt, state=DELIVERY_STATE_SENT)
                await tenant.worker.workers.RecordDelivered(sent)
        else:
            await tenant.in_recovery_state(ticket, state)
            async with service.database.driver() as connection:
                await connection.execute(
                    "UPDATE recoveries SET expire_time = now() - interval '1 minute' WHERE state = 'WITHDRAWN'"
                )
        variables = {"CARE_LINK_KEYS": f"k2:{urlsafe_b64encode(token_bytes(32)).decode()}"}
        if is_needed:
            with pytest.raises(MissingKeysError, match="k1"):
                async with care(service.settings.database_url, variables=variables):
                    raise AssertionError("it started")
        else:
            async with care(service.settings.database_url, variables=variables) as other:
                assert other.address


async def test_after_a_rotation_of_keys_the_old_link_still_works_and_stays_the_same(tenant: Tenant) -> None:
    recovery = await tenant.form(await tenant.ticket())
    link = (await tenant.begin(recovery, workers.RECOVERY_STEP_POST)).grant.link
    (key_id, old), *_ = tenant.care.settings.link_keys.items()
    keys = f"k2:{encoded(b'n' * 32)},{key_id}:{encoded(old)}"
    async with care(tenant.care.settings.database_url, variables={"CARE_LINK_KEYS": keys}) as rotated:
        later = Tenant(rotated, tenant.id)
        assert (await later.begin(recovery, workers.RECOVERY_STEP_POST)).grant.link == link
        assert state_of(await form(later, link.rpartition("/")[2])) == "OPEN"
        fresh = await later.form(await later.ticket())
        newer = (await later.begin(fresh, workers.RECOVERY_STEP_POST)).grant.link
        assert newer.rpartition("/")[2].startswith("k2.")
        # The new key makes no link for a recovery that the old one's was given out for.
        forged = later.care.links.form_token(UUID(recovery.name.rpartition("/")[2]), "k2")
        assert_says_nothing(await refusal(form(later, forged)), "LINK_UNKNOWN")
        await submit(later, link.rpartition("/")[2])
    assert (await tenant.recovery(Recovery(name=recovery.name))).contact.email == "robin@example.com"


def encoded(key: bytes) -> str:
    return urlsafe_b64encode(key).decode()
