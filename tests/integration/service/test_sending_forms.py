"""SendRecoveryForm: the review and the reply text that a form needs, its messages in the thread, and its lifetime."""

from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import directory_service_pb2 as directory
from care.v1 import recovery_pb2
from care.v1 import worker_service_pb2 as workers
from care.v1.directory_pb2 import Organization
from tests.integration.service.clocks import SettableClock
from tests.integration.service.commands import Target, assert_refused, run
from tests.support.care import refusal
from tests.support.design_tables import machine_keys
from tests.support.tenant import REPLY, Tenant


async def test_a_form_needs_a_review(tenant: Tenant) -> None:
    ticket = await tenant.ticket(with_review=False)
    error = await refusal(run(tenant.agent("alice"), "SendRecoveryForm", Target(tenant, ticket)))
    assert_refused(error, "NO_REVIEW", {"ticket": ticket.name})


async def test_a_known_contact_is_checked_before_a_missing_review(tenant: Tenant) -> None:
    target = Target(tenant, await tenant.ticket(with_review=False))
    await run(tenant.agent("alice"), "AddContact", target)
    error = await refusal(run(tenant.agent("alice"), "SendRecoveryForm", target))
    keys = machine_keys("recovery", "CONTACT_RECEIVED") | {"ticket": target.ticket.name, "trigger": "request_form"}
    assert_refused(error, "ILLEGAL_TRANSITION", keys)


async def test_a_reply_needs_text_beside_its_link(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    send = conversations.SendRecoveryFormRequest(parent=ticket.name, reply_text=" {form_link} ")
    error = await refusal(tenant.agent("alice").conversations.SendRecoveryForm(send))
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == ["reply_text"]


@pytest.mark.parametrize("text", ["", "Sorry!", "{form_link} or {form_link}", "{ form_link }", "{FORM_LINK}"])
async def test_a_reply_must_contain_the_placeholder_exactly_once(tenant: Tenant, text: str) -> None:
    ticket = await tenant.ticket()
    send = conversations.SendRecoveryFormRequest(parent=ticket.name, reply_text=text)
    error = await refusal(tenant.agent("alice").conversations.SendRecoveryForm(send))
    assert_refused(error, "INVALID_FIELD")
    assert {violation.field for violation in error.field_violations} == {"reply_text"}
    assert "{form_link}" in error.message


async def link_length(tenant: Tenant) -> int:
    """Returns the length of a form's link in bytes, which is the same for all links of one key."""
    recovery = await tenant.form(await tenant.ticket())
    return len((await tenant.begin(recovery, workers.RECOVERY_STEP_POST)).grant.link.encode())


def reply_of(length: int, link: int, letter: str) -> str:
    """Returns a reply of `length` bytes with a link of `link` bytes. Its text repeats `letter`, padded with dots."""
    letters, rest = divmod(length - link, len(letter.encode()))
    return letter * letters + "." * rest + "{form_link}"


@pytest.mark.parametrize("letter", ["e", "é", "語", "🍲"])
async def test_a_reply_may_have_4096_bytes_with_its_link(tenant: Tenant, letter: str) -> None:
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


async def test_the_thread_shows_a_form_as_a_reply_without_link_and_a_form(tenant: Tenant) -> None:
    recovery = await tenant.form(ticket := await tenant.ticket())
    alice = tenant.agent("alice").conversations
    thread = (await alice.ListMessages(conversations.ListMessagesRequest(parent=ticket.name))).messages
    reply, form = thread[1:]
    assert (reply.text, reply.recovery, reply.author) == (REPLY, recovery.name, tenant.agent_name("alice"))
    assert reply.author_display_name == "Alice"
    assert (form.recovery, form.recovery_state) == (recovery.name, recovery_pb2.RECOVERY_STATE_FORM_REQUESTED)
    assert (await tenant.log(ticket))[0].message == reply.name


async def test_the_organization_sets_the_lifetime_of_a_form(timed: Tenant, clock: SettableClock) -> None:
    given = Organization(name=timed.name, form_lifetime=Duration(seconds=3600))
    await timed.service.directory.UpdateOrganization(directory.UpdateOrganizationRequest(organization=given))
    recovery = await timed.form(await timed.ticket())
    assert (recovery.expire_time.ToSeconds() - recovery.create_time.ToSeconds()) == 3600
