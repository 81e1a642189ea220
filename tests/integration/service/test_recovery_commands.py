"""The commands on recoveries from every state: their effects and their refusals."""

from __future__ import annotations

import pytest

from care.v1 import activity_pb2, recovery_pb2
from care.v1 import conversation_service_pb2 as conversations
from care.v1 import worker_service_pb2 as workers
from care.v1.activity_pb2 import FieldChange
from care.v1.recovery_pb2 import Recovery
from care.v1.ticket_pb2 import Customer
from tests.integration.service.clocks import SettableClock
from tests.integration.service.commands import Target, assert_refused, run
from tests.integration.service.recovery_states import (
    ENDED_ON_AN_OPEN_TICKET,
    contact_state_of,
    in_state,
    state_of,
    type_of,
)
from tests.support.care import refusal
from tests.support.design_tables import LIVE_STATES, RECOVERY, machine_keys
from tests.support.tenant import REPLY, Tenant

FORM_LIVE = ("FORM_REQUESTED", "AWAITING_CONTACT")


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
async def test_a_second_form_is_refused_while_one_is_live_and_the_refusal_names_it(tenant: Tenant, state: str) -> None:
    target = await in_state(tenant, state)
    error = await refusal(run(tenant.agent("alice"), "SendRecoveryForm", target))
    named = {"ticket": target.ticket.name, "recovery": target.recovery}
    assert_refused(error, "FORM_LIVE", machine_keys("recovery", state) | named)
    assert await tenant.get(target.ticket) == target.ticket


@pytest.mark.parametrize("command", ["SendRecoveryForm", "AddContact"])
@pytest.mark.parametrize("state", ["CONTACT_RECEIVED", "CHAT_UNLOCKED"])
async def test_a_form_and_a_contact_are_refused_while_a_contact_is_known(
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
async def test_a_recovery_can_be_ended_only_from_the_states_of_the_table(
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


async def test_withdraw_and_reject_return_the_changed_recovery(tenant: Tenant) -> None:
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
    # Both workflows are woken: the old one retracts its link, the new one opens the chat.
    assert await tenant.wakes(target.recovery) == woken + 1
    assert await tenant.wakes(answer.recovery.name) == 1
    entry = (await tenant.log(target.ticket))[0]
    assert (type_of(entry), entry.recovery) == ("CONTACT_ADDED", answer.recovery.name)


@pytest.mark.parametrize("assignee", ["alice", None])
async def test_a_service_adds_a_contact_to_any_ticket(tenant: Tenant, assignee: str | None) -> None:
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


async def test_a_form_can_be_sent_after_the_last_one_expired(timed: Tenant, clock: SettableClock) -> None:
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


async def test_the_changes_name_only_ticket_fields_and_an_ended_recovery(tenant: Tenant) -> None:
    recovery = await tenant.form(ticket := await tenant.ticket())
    assert list((await tenant.log(ticket))[0].changes) == [
        FieldChange(field="contact_state", before="NO_CONTACT", after="FORM_REQUESTED"),
        FieldChange(field="recovery", before="", after=recovery.name),
    ]
