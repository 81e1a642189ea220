"""Machine 2 through gRPC: forms and contacts from every state, for the right caller, and every refusal in full."""

from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration

from care.v1 import activity_pb2, recovery_pb2, ticket_pb2
from care.v1 import conversation_service_pb2 as conversations
from care.v1 import directory_service_pb2 as directory
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.activity_pb2 import Activity, FieldChange
from care.v1.directory_pb2 import Location, Organization
from care.v1.recovery_pb2 import Recovery
from care.v1.ticket_pb2 import Customer, Ticket
from tests.integration.service.clocks import SettableClock
from tests.integration.service.commands import Target, assert_refused, run
from tests.support.care import refusal
from tests.support.design_tables import LIVE_STATES, RECOVERY, machine_keys
from tests.support.tenant import REPLY, Tenant

FORM_LIVE = ("FORM_REQUESTED", "AWAITING_CONTACT")
ENDED_ON_AN_OPEN_TICKET = ("REFUSED", "WITHDRAWN", "REJECTED")


def state_of(recovery: Recovery) -> str:
    return recovery_pb2.RecoveryState.Name(recovery.state).removeprefix("RECOVERY_STATE_")


def contact_state_of(ticket: Ticket) -> str:
    return ticket_pb2.ContactState.Name(ticket.contact_state).removeprefix("CONTACT_STATE_")


def type_of(entry: Activity) -> str:
    return activity_pb2.ActivityType.Name(entry.type).removeprefix("ACTIVITY_TYPE_")


async def in_state(tenant: Tenant, state: str) -> Target:
    """A ticket of alice's whose last recovery is in `state`; without any for NO_CONTACT."""
    ticket = await tenant.ticket()
    if state == "NO_CONTACT":
        return Target(tenant, ticket)
    recovery = await tenant.in_recovery_state(ticket, state)
    return Target(tenant, await tenant.get(ticket), recovery.name)


# --- each command from each state -------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["NO_CONTACT", *ENDED_ON_AN_OPEN_TICKET])
async def test_a_form_can_be_sent_while_no_recovery_is_live(tenant: Tenant, state: str) -> None:
    target = await in_state(tenant, state)
    alice = tenant.agent("alice")
    send = conversations.SendRecoveryFormRequest(parent=target.ticket.name, reply_text=REPLY)
    answer = await alice.conversations.SendRecoveryForm(send)
    assert state_of(answer.recovery) == contact_state_of(answer.ticket) == "FORM_REQUESTED"
    assert answer.recovery.kind == recovery_pb2.RECOVERY_KIND_FORM
    assert answer.recovery.creator == tenant.agent_name("alice")
    assert answer.recovery.reply_text == REPLY
    assert answer.ticket.recovery == answer.recovery.name
    assert answer.recovery == await tenant.recovery(answer.recovery)
    assert answer.ticket == await tenant.get(target.ticket)
    assert int(answer.ticket.etag) == int(target.ticket.etag) + 1
    assert await tenant.wakes(answer.recovery.name) == 1


@pytest.mark.parametrize("state", FORM_LIVE)
async def test_a_second_form_is_refused_while_one_is_out_and_the_refusal_names_it(tenant: Tenant, state: str) -> None:
    target = await in_state(tenant, state)
    error = await refusal(run(tenant.agent("alice"), "SendRecoveryForm", target))
    named = {"ticket": target.ticket.name, "recovery": target.recovery}
    assert_refused(error, "FORM_LIVE", machine_keys("recovery", state) | named)
    assert await tenant.get(target.ticket) == target.ticket


@pytest.mark.parametrize("command", ["SendRecoveryForm", "AddContact"])
@pytest.mark.parametrize("state", ["CONTACT_RECEIVED", "CHAT_UNLOCKED"])
async def test_neither_form_nor_contact_is_taken_while_a_contact_is_known(
    tenant: Tenant, command: str, state: str
) -> None:
    target = await in_state(tenant, state)
    error = await refusal(run(tenant.agent("alice"), command, target))
    trigger = "request_form" if command == "SendRecoveryForm" else "add_contact"
    keys = machine_keys("recovery", state) | {"ticket": target.ticket.name, "trigger": trigger}
    assert_refused(error, "ILLEGAL_TRANSITION", keys)
    assert await tenant.get(target.ticket) == target.ticket


@pytest.mark.parametrize("state", [*LIVE_STATES, *ENDED_ON_AN_OPEN_TICKET])
@pytest.mark.parametrize("command", ["WithdrawRecoveryForm", "RejectContact"])
async def test_ending_a_recovery_works_from_the_states_of_the_table_alone(
    tenant: Tenant, command: str, state: str
) -> None:
    target = await in_state(tenant, state)
    trigger = "withdraw_form" if command == "WithdrawRecoveryForm" else "reject_contact"
    sources, ended = RECOVERY[trigger]
    woken = await tenant.wakes(target.recovery)
    call = run(tenant.agent("alice"), command, target)
    if state not in sources:
        keys = machine_keys("recovery", state) | {"ticket": target.ticket.name, "trigger": trigger}
        assert_refused(await refusal(call), "ILLEGAL_TRANSITION", keys)
        assert await tenant.get(target.ticket) == target.ticket
        return
    answer = await call
    after = await tenant.recovery(Recovery(name=target.recovery))
    assert state_of(after) == ended
    assert after.HasField("end_time")
    assert answer.ticket == await tenant.get(target.ticket)
    assert (contact_state_of(answer.ticket), answer.ticket.recovery) == ("NO_CONTACT", "")
    assert not answer.ticket.HasField("customer")
    assert await tenant.wakes(target.recovery) == woken + 1
    entry = (await tenant.log(target.ticket))[0]
    assert type_of(entry) == {"WITHDRAWN": "FORM_WITHDRAWN", "REJECTED": "CONTACT_REJECTED"}[ended]
    assert entry.recovery == target.recovery
    assert list(entry.changes) == [
        FieldChange(field="contact_state", before=state, after="NO_CONTACT"),
        FieldChange(field="recovery", before=target.recovery, after=""),
        FieldChange(field="recovery.state", before=state, after=ended),
    ]


async def test_the_answers_of_withdraw_and_reject_hold_the_recovery_as_it_is_afterwards(tenant: Tenant) -> None:
    alice = tenant.agent("alice").conversations
    form = await tenant.form(await tenant.ticket())
    withdrawn = await alice.WithdrawRecoveryForm(conversations.WithdrawRecoveryFormRequest(name=form.name))
    assert withdrawn.recovery == await tenant.recovery(form)
    answered = await tenant.in_recovery_state(await tenant.ticket(), "CONTACT_RECEIVED")
    rejected = await alice.RejectContact(conversations.RejectContactRequest(name=answered.name))
    assert rejected.recovery == await tenant.recovery(answered)
    assert rejected.recovery.contact.email == "robin@example.com"


@pytest.mark.parametrize("state", ["NO_CONTACT", *ENDED_ON_AN_OPEN_TICKET])
async def test_a_contact_can_be_added_while_no_recovery_is_live(tenant: Tenant, state: str) -> None:
    target = await in_state(tenant, state)
    alice = tenant.agent("alice").conversations
    add = conversations.AddContactRequest(parent=target.ticket.name, email="robin@example.com", display_name="Robin")
    answer = await alice.AddContact(add)
    assert state_of(answer.recovery) == contact_state_of(answer.ticket) == "CONTACT_RECEIVED"
    assert answer.recovery.kind == recovery_pb2.RECOVERY_KIND_DIRECT
    assert answer.recovery.creator == tenant.agent_name("alice")
    assert not answer.recovery.HasField("expire_time")
    assert answer.recovery.contact.email == "robin@example.com"
    assert answer.ticket.customer == Customer(email="robin@example.com", display_name="Robin")
    assert answer.recovery == await tenant.recovery(answer.recovery)
    assert answer.ticket == await tenant.get(target.ticket)
    assert await tenant.wakes(answer.recovery.name) == 1


@pytest.mark.parametrize("state", FORM_LIVE)
async def test_adding_a_contact_replaces_a_live_form_in_one_commit(tenant: Tenant, state: str) -> None:
    target = await in_state(tenant, state)
    woken = await tenant.wakes(target.recovery)
    add = conversations.AddContactRequest(parent=target.ticket.name, phone="+44 20 7946 0018")
    answer = await tenant.agent("alice").conversations.AddContact(add)
    assert int(answer.ticket.etag) == int(target.ticket.etag) + 1
    assert answer.ticket.recovery == answer.recovery.name != target.recovery
    assert answer.ticket.customer.phone == "+442079460018"
    assert state_of(await tenant.recovery(Recovery(name=target.recovery))) == "REPLACED"
    # Both moved, so both are woken: the old one takes its link out, the new one opens the chat.
    assert await tenant.wakes(target.recovery) == woken + 1
    assert await tenant.wakes(answer.recovery.name) == 1
    entry = (await tenant.log(target.ticket))[0]
    assert (type_of(entry), entry.recovery) == ("CONTACT_ADDED", answer.recovery.name)


@pytest.mark.parametrize("assignee", ["alice", None])
async def test_a_service_adds_a_contact_whoever_owns_the_ticket(tenant: Tenant, assignee: str | None) -> None:
    ticket = await tenant.ticket(assignee)
    add = conversations.AddContactRequest(parent=ticket.name, email="robin@example.com")
    answer = await tenant.service.conversations.AddContact(add)
    assert (state_of(answer.recovery), answer.recovery.creator) == ("CONTACT_RECEIVED", "")
    entry = (await tenant.log(ticket))[0]
    assert (entry.actor_kind, entry.actor) == (activity_pb2.ACTOR_KIND_SERVICE, "intake")


@pytest.mark.parametrize("state", LIVE_STATES)
async def test_closing_the_ticket_ends_the_live_recovery_in_the_same_commit(tenant: Tenant, state: str) -> None:
    target = await in_state(tenant, state)
    woken = await tenant.wakes(target.recovery)
    after = (await run(tenant.agent("alice"), "CloseTicket", target)).ticket
    assert (contact_state_of(after), after.recovery) == ("NO_CONTACT", "")
    assert int(after.etag) == int(target.ticket.etag) + 1
    assert state_of(await tenant.recovery(Recovery(name=target.recovery))) == "ENDED_BY_CLOSE"
    assert await tenant.wakes(target.recovery) == woken + 1
    entry = (await tenant.log(target.ticket))[0]
    assert FieldChange(field="recovery.state", before=state, after="ENDED_BY_CLOSE") in entry.changes


async def test_an_expired_form_is_out_of_the_way_of_the_next_one(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    clock.advance(days=30)
    await timed.worker.workers.ExpireForm(workers.ExpireFormRequest(name=recovery.name))
    assert state_of(await timed.recovery(recovery)) == "EXPIRED"
    target = Target(timed, ticket, recovery.name)
    error = await refusal(run(timed.agent("alice"), "WithdrawRecoveryForm", target))
    keys = machine_keys("recovery", "EXPIRED") | {"ticket": ticket.name, "trigger": "withdraw_form"}
    assert_refused(error, "ILLEGAL_TRANSITION", keys)
    assert state_of(await timed.form(ticket)) == "FORM_REQUESTED"


async def test_only_a_field_of_the_ticket_or_an_ended_recovery_stands_among_the_changes(tenant: Tenant) -> None:
    recovery = await tenant.form(ticket := await tenant.ticket())
    assert list((await tenant.log(ticket))[0].changes) == [
        FieldChange(field="contact_state", before="NO_CONTACT", after="FORM_REQUESTED"),
        FieldChange(field="recovery", before="", after=recovery.name),
    ]


# --- SendRecoveryForm's own refusals ----------------------------------------------------------------------------------


async def test_a_form_needs_a_review(tenant: Tenant) -> None:
    ticket = await tenant.ticket(with_review=False)
    error = await refusal(run(tenant.agent("alice"), "SendRecoveryForm", Target(tenant, ticket)))
    assert_refused(error, "NO_REVIEW", {"ticket": ticket.name})


async def test_a_known_contact_comes_before_a_missing_review(tenant: Tenant) -> None:
    target = Target(tenant, await tenant.ticket(with_review=False))
    await run(tenant.agent("alice"), "AddContact", target)
    error = await refusal(run(tenant.agent("alice"), "SendRecoveryForm", target))
    keys = machine_keys("recovery", "CONTACT_RECEIVED") | {"ticket": target.ticket.name, "trigger": "request_form"}
    assert_refused(error, "ILLEGAL_TRANSITION", keys)


async def test_a_reply_says_something_beside_its_link(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    send = conversations.SendRecoveryFormRequest(parent=ticket.name, reply_text=" {form_link} ")
    error = await refusal(tenant.agent("alice").conversations.SendRecoveryForm(send))
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == ["reply_text"]


@pytest.mark.parametrize("text", ["", "Sorry!", "{form_link} or {form_link}", "{ form_link }", "{FORM_LINK}"])
async def test_the_reply_must_hold_the_placeholder_exactly_once(tenant: Tenant, text: str) -> None:
    ticket = await tenant.ticket()
    send = conversations.SendRecoveryFormRequest(parent=ticket.name, reply_text=text)
    error = await refusal(tenant.agent("alice").conversations.SendRecoveryForm(send))
    assert_refused(error, "INVALID_FIELD")
    assert {violation.field for violation in error.field_violations} == {"reply_text"}
    assert "{form_link}" in error.message


async def link_length(tenant: Tenant) -> int:
    """Bytes of a form's link; every one of the same key has as many."""
    recovery = await tenant.form(await tenant.ticket())
    return len((await tenant.begin(recovery, workers.RECOVERY_STEP_POST)).grant.link.encode())


def reply_of(length: int, link: int, letter: str) -> str:
    """A reply that has `length` bytes with a link of `link` bytes, made of `letter` as far as it goes."""
    letters, rest = divmod(length - link, len(letter.encode()))
    return letter * letters + "." * rest + "{form_link}"


@pytest.mark.parametrize("letter", ["e", "é", "語", "🍲"])
async def test_a_reply_of_4096_bytes_with_its_link_is_taken_and_one_more_is_not(tenant: Tenant, letter: str) -> None:
    link, ticket = await link_length(tenant), await tenant.ticket()
    alice = tenant.agent("alice").conversations
    longer = conversations.SendRecoveryFormRequest(parent=ticket.name, reply_text=reply_of(4097, link, letter))
    error = await refusal(alice.SendRecoveryForm(longer))
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == ["reply_text"]
    assert "4097" in error.message
    fitting = conversations.SendRecoveryFormRequest(parent=ticket.name, reply_text=reply_of(4096, link, letter))
    recovery = (await alice.SendRecoveryForm(fitting)).recovery
    grant = (await tenant.begin(recovery, workers.RECOVERY_STEP_POST)).grant
    assert len(grant.text.encode()) == 4096


async def test_a_form_stands_in_the_thread_as_reply_and_form_without_its_link(tenant: Tenant) -> None:
    recovery = await tenant.form(ticket := await tenant.ticket())
    alice = tenant.agent("alice").conversations
    thread = (await alice.ListMessages(conversations.ListMessagesRequest(parent=ticket.name))).messages
    reply, form = thread[1:]
    assert (reply.text, reply.recovery, reply.author) == (REPLY, recovery.name, tenant.agent_name("alice"))
    assert reply.author_display_name == "Alice"
    assert (form.recovery, form.recovery_state) == (recovery.name, recovery_pb2.RECOVERY_STATE_FORM_REQUESTED)
    assert (await tenant.log(ticket))[0].message == reply.name


async def test_a_form_lives_as_long_as_the_organization_says(timed: Tenant, clock: SettableClock) -> None:
    given = Organization(name=timed.name, form_lifetime=Duration(seconds=3600))
    await timed.service.directory.UpdateOrganization(directory.UpdateOrganizationRequest(organization=given))
    recovery = await timed.form(await timed.ticket())
    assert (recovery.expire_time.ToSeconds() - recovery.create_time.ToSeconds()) == 3600


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kept"),
    [("robin@example.com", "robin@example.com"), ("  Robin@EXAMPLE.Com ", "Robin@example.com")],
)
async def test_an_email_address_is_normalized(tenant: Tenant, given: str, kept: str) -> None:
    ticket = await tenant.ticket()
    add = conversations.AddContactRequest(parent=ticket.name, email=given)
    assert (await tenant.agent("alice").conversations.AddContact(add)).recovery.contact.email == kept


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, {"email", "phone"}),
        ({"email": " ", "phone": ""}, {"email", "phone"}),
        ({"email": "robin"}, {"email"}),
        ({"email": "robin@"}, {"email"}),
        ({"email": "robin@example.com\0"}, {"email"}),
        ({"email": "robin@example.com, kim@example.com"}, {"email"}),
        ({"email": "r" * 250 + "@example.com"}, {"email"}),
        ({"phone": "call me"}, {"phone"}),
        ({"phone": "+1 555"}, {"phone"}),
        ({"phone": "+44 20 7946 0018 ext 7"}, {"phone"}),
        ({"phone": "1" * 50}, {"phone"}),
        ({"phone": "+4420\x007946 0018"}, {"phone"}),
        ({"phone": "020 7946 0018"}, {"phone"}),
        ({"email": "robin@example.com", "phone": "nonsense"}, {"phone"}),
        ({"email": "robin@example.com", "display_name": "R" * 201}, {"display_name"}),
        ({"email": "robin@example.com", "display_name": "Robin\nP."}, {"display_name"}),
    ],
)
async def test_a_wrong_address_is_refused_and_the_field_named(
    tenant: Tenant, fields: dict[str, str], wrong: set[str]
) -> None:
    ticket = await tenant.ticket()
    add = conversations.AddContactRequest(parent=ticket.name, **fields)
    error = await refusal(tenant.agent("alice").conversations.AddContact(add))
    assert_refused(error, "INVALID_FIELD")
    assert {violation.field for violation in error.field_violations} == wrong
    assert await tenant.get(ticket) == ticket


async def test_a_local_number_is_read_in_the_locations_region_or_else_the_organizations(tenant: Tenant) -> None:
    await tenant.settings(Organization(default_phone_region="GB"))
    alice = tenant.agent("alice").conversations
    add = conversations.AddContactRequest(parent=(await tenant.ticket()).name, phone="020 7946 0018")
    assert (await alice.AddContact(add)).ticket.customer.phone == "+442079460018"
    soho = Location(name=f"{tenant.name}/locations/soho", default_phone_region="US")
    await tenant.service.directory.UpdateLocation(directory.UpdateLocationRequest(location=soho))
    add = conversations.AddContactRequest(parent=(await tenant.ticket()).name, phone="(415) 555-2671")
    assert (await alice.AddContact(add)).ticket.customer.phone == "+14155552671"


# --- CreateTicket with a contact --------------------------------------------------------------------------------------


async def test_a_ticket_created_with_a_contact_begins_with_a_direct_recovery(tenant: Tenant) -> None:
    contact = tickets.NewContact(display_name="Robin", email="robin@example.com", phone="+1 415 555 2671")
    given = Ticket(subject="Cold soup", location=f"{tenant.name}/locations/soho")
    create = tickets.CreateTicketRequest(parent=tenant.name, ticket=given, contact=contact)
    ticket = (await tenant.service.tickets.CreateTicket(create)).ticket
    assert contact_state_of(ticket) == "CONTACT_RECEIVED"
    kept = Customer(display_name="Robin", email="robin@example.com", phone="+14155552671")
    assert ticket.customer == kept
    assert await tenant.get(ticket) == (await tenant.agent("alice").tickets.GetTicket(get(ticket))).ticket
    recovery = await tenant.recovery(Recovery(name=ticket.recovery))
    assert (recovery.kind, state_of(recovery)) == (recovery_pb2.RECOVERY_KIND_DIRECT, "CONTACT_RECEIVED")
    assert [type_of(entry) for entry in await tenant.log(ticket)] == ["CREATED"]
    assert await tenant.wakes(ticket.recovery) == 1


def get(ticket: Ticket) -> tickets.GetTicketRequest:
    return tickets.GetTicketRequest(name=ticket.name)


async def test_a_copy_of_a_ticket_has_no_customer(tenant: Tenant) -> None:
    given = Ticket(subject="Cold soup", location=f"{tenant.name}/locations/soho")
    contact = tickets.NewContact(email="robin@example.com")
    create = tickets.CreateTicketRequest(parent=tenant.name, ticket=given, contact=contact)
    original = (await tenant.service.tickets.CreateTicket(create)).ticket
    assert original.customer.email == "robin@example.com"
    copy = await tenant.service.tickets.CreateTicket(
        tickets.CreateTicketRequest(parent=tenant.name, ticket=await tenant.get(original))
    )
    assert (copy.ticket.subject, copy.ticket.location) == (original.subject, original.location)
    assert (contact_state_of(copy.ticket), copy.ticket.recovery) == ("NO_CONTACT", "")
    assert not copy.ticket.HasField("customer")
    listed = conversations.ListContactsRequest(parent=copy.ticket.name)
    assert list((await tenant.service.conversations.ListContacts(listed)).contacts) == []


async def test_a_customer_in_a_request_is_ignored_whatever_it_holds(tenant: Tenant) -> None:
    customer = Customer(email="robin", phone="none", display_name="R" * 201, verified=True)
    given = Ticket(subject="Cold soup", location=f"{tenant.name}/locations/soho", customer=customer)
    create = tickets.CreateTicketRequest(parent=tenant.name, ticket=given)
    created = (await tenant.service.tickets.CreateTicket(create)).ticket
    assert not created.HasField("customer")
    taken = await tenant.agent("alice").tickets.TakeTicket(tickets.TakeTicketRequest(name=created.name))
    given = Ticket(name=created.name, subject="Hot soup", customer=customer)
    updated = (await tenant.agent("alice").tickets.UpdateTicket(tickets.UpdateTicketRequest(ticket=given))).ticket
    assert (updated.subject, updated.HasField("customer")) == ("Hot soup", False)
    assert updated.etag == str(int(taken.ticket.etag) + 1)


async def test_a_wrong_address_of_a_new_ticket_is_named_by_its_path(tenant: Tenant) -> None:
    for contact, fields in (
        (tickets.NewContact(email="robin"), ["contact.email"]),
        (tickets.NewContact(phone="+1 555"), ["contact.phone"]),
        (tickets.NewContact(phone="020 7946 0018"), ["contact.phone"]),
        (tickets.NewContact(email="robin@example.com", display_name="R" * 201), ["contact.display_name"]),
        (tickets.NewContact(display_name="Robin"), ["contact.email", "contact.phone"]),
        (tickets.NewContact(), ["contact.email", "contact.phone"]),
    ):
        given = Ticket(subject="Cold soup", location=f"{tenant.name}/locations/soho")
        create = tickets.CreateTicketRequest(parent=tenant.name, ticket=given, contact=contact)
        error = await refusal(tenant.service.tickets.CreateTicket(create))
        assert_refused(error, "INVALID_FIELD")
        assert [violation.field for violation in error.field_violations] == fields
    listed = await tenant.service.tickets.ListTickets(tickets.ListTicketsRequest(parent=tenant.name))
    assert list(listed.tickets) == []
