"""The status commands through gRPC: each from its states, its refusals in order, and `Ticket.actions`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from care.v1 import activity_pb2, ticket_pb2
from care.v1 import conversation_service_pb2 as conversations
from care.v1 import ticket_service_pb2 as tickets
from care.v1.activity_pb2 import FieldChange
from care.v1.error_reason_pb2 import ErrorReason
from care.v1.ticket_pb2 import Ticket
from care_client.client import CareClient
from tests.integration.service.commands import Target, assert_refused, ready, request, run, send
from tests.support.care import refusal
from tests.support.design_tables import COMMANDS, STATUS, STATUS_VERBS, STATUSES, machine_keys
from tests.support.tenant import Tenant
from tests.support.watching import current_resume_token, watching

ASSIGNEE_ALONE = tuple(command for command in COMMANDS if command not in {"TakeTicket", "AssignTicket", "AddContact"})
ACTIVITIES = {"start": "STARTED", "resolve": "RESOLVED", "close": "CLOSED", "reopen": "REOPENED"}


def status_of(ticket: Ticket) -> str:
    return ticket_pb2.TicketStatus.Name(ticket.status).removeprefix("TICKET_STATUS_")


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "CLOSED"])
@pytest.mark.parametrize("verb", STATUS_VERBS)
async def test_a_status_command_works_only_from_its_states(tenant: Tenant, status: str, verb: str) -> None:
    before = await tenant.in_status(status)
    trigger = STATUS_VERBS[verb]
    sources, target = STATUS[trigger]
    call = run(tenant.agent("alice"), verb, Target(tenant, before))
    if status not in sources:
        keys = machine_keys("status", status) | {"ticket": before.name, "trigger": trigger}
        assert_refused(await refusal(call), "ILLEGAL_TRANSITION", keys)
        assert await tenant.get(before) == before
        return
    after = (await call).ticket
    assert status_of(after) == target
    assert after == await tenant.get(before)
    assert int(after.etag) == int(before.etag) + 1
    entry = (await tenant.log(before))[0]
    assert activity_pb2.ActivityType.Name(entry.type) == f"ACTIVITY_TYPE_{ACTIVITIES[trigger]}"
    assert (entry.actor, entry.actor_kind) == (tenant.agent_name("alice"), activity_pb2.ACTOR_KIND_AGENT)
    assert entry.name == f"{before.name}/activities/{after.etag}"
    assert FieldChange(field="status", before=status, after=target) in entry.changes
    assert after.HasField("resolve_time") == (target == "RESOLVED" or (status == "RESOLVED" and target == "CLOSED"))
    assert after.HasField("close_time") == (target == "CLOSED")
    reason = ticket_pb2.CLOSE_REASON_MANUAL if target == "CLOSED" else ticket_pb2.CLOSE_REASON_UNSPECIFIED
    assert after.close_reason == reason


async def test_the_log_of_a_status_command_lists_exactly_the_changed_fields(tenant: Tenant) -> None:
    ticket = await tenant.in_status("RESOLVED")
    await tenant.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
    assert list((await tenant.log(ticket))[0].changes) == [
        FieldChange(field="close_reason", before="", after="MANUAL"),
        FieldChange(field="status", before="RESOLVED", after="CLOSED"),
    ]


@pytest.mark.parametrize("command", COMMANDS)
async def test_every_command_on_a_closed_ticket_is_refused(tenant: Tenant, command: str) -> None:
    target = await ready(tenant, command)
    if command == "TakeTicket":
        await run(tenant.agent("alice"), "TakeTicket", target)
    await run(tenant.agent("alice"), "CloseTicket", target)
    before = await tenant.get(target.ticket)
    keys = machine_keys("status", "CLOSED") | {"ticket": target.ticket.name}
    # TICKET_CLOSED is checked before NOT_ASSIGNEE.
    for caller in (tenant.agent("alice"), tenant.agent("bob"), tenant.supervisor):
        assert_refused(await refusal(run(caller, command, target)), "TICKET_CLOSED", keys)
    assert await tenant.get(target.ticket) == before


async def test_a_service_cannot_add_a_contact_to_a_closed_ticket(tenant: Tenant) -> None:
    ticket = await tenant.in_status("CLOSED")
    error = await refusal(run(tenant.service, "AddContact", Target(tenant, ticket)))
    assert_refused(error, "TICKET_CLOSED", machine_keys("status", "CLOSED") | {"ticket": ticket.name})


@pytest.mark.parametrize("command", ASSIGNEE_ALONE)
async def test_a_command_of_the_assignee_is_refused_to_all_other_callers(tenant: Tenant, command: str) -> None:
    target = await ready(tenant, command)
    before = await tenant.get(target.ticket)
    owned = {"ticket": before.name, "assignee": tenant.agent_name("alice")}
    for caller in (tenant.agent("bob"), tenant.supervisor):
        assert_refused(await refusal(run(caller, command, target)), "NOT_ASSIGNEE", owned)
    await refused_to_outsiders(tenant, command, target)
    assert await tenant.get(target.ticket) == before
    await run(tenant.agent("alice"), command, target)


async def test_adding_a_contact_is_refused_to_other_agents_but_not_to_services(tenant: Tenant) -> None:
    target = await ready(tenant, "AddContact")
    owned = {"ticket": target.ticket.name, "assignee": tenant.agent_name("alice")}
    for caller in (tenant.agent("bob"), tenant.supervisor):
        assert_refused(await refusal(run(caller, "AddContact", target)), "NOT_ASSIGNEE", owned)
    await refused_to_outsiders(tenant, "AddContact", target, services=True)
    await run(tenant.service, "AddContact", target)


@pytest.mark.parametrize("command", ["TakeTicket", "AssignTicket"])
async def test_commands_about_ownership_are_refused_to_outsiders(tenant: Tenant, command: str) -> None:
    await refused_to_outsiders(tenant, command, await ready(tenant, command))


async def refused_to_outsiders(tenant: Tenant, command: str, target: Target, *, services: bool = False) -> None:
    """Checks that services, workers, another organization's agent and a caller without a token are refused."""
    method = f"care.v1.{'ConversationService' if is_conversation(tenant, command) else 'TicketService'}/{command}"
    for role, caller in (("service", tenant.service), ("worker", tenant.worker)):
        if role == "service" and services:
            continue
        allowed = "agent,service,supervisor" if services else "agent,supervisor"
        error = await refusal(run(caller, command, target))
        assert_refused(error, "ROLE_NOT_ALLOWED", {"method": method, "roles": role, "allowed": allowed})
    stranger = Tenant(tenant.care, f"{tenant.id}-other").agent("alice")
    error = await refusal(run(stranger, command, target))
    assert_refused(error, "RESOURCE_NOT_FOUND", {"resource": target.recovery or target.ticket.name})
    assert_refused(await refusal(run(tenant.care.client(None), command, target)), "TOKEN_MISSING")


def is_conversation(tenant: Tenant, command: str) -> bool:
    return hasattr(tenant.worker.conversations, command)


@pytest.mark.parametrize("command", [*ASSIGNEE_ALONE, "AssignTicket", "AddContact"])
async def test_a_command_of_the_assignee_is_refused_on_an_unassigned_ticket(tenant: Tenant, command: str) -> None:
    target = await ready(tenant, command)
    await run(tenant.agent("alice"), "ReleaseTicket", target)
    before = await tenant.get(target.ticket)
    error = await refusal(run(tenant.agent("alice"), command, target))
    assert_refused(error, "UNASSIGNED", {"ticket": target.ticket.name})
    assert await tenant.get(target.ticket) == before


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_command_with_an_old_etag_is_refused_with_the_current_one(tenant: Tenant, command: str) -> None:
    target = await ready(tenant, command)
    before = await tenant.get(target.ticket)
    # The ticket of TakeTicket is unassigned, that of the other commands belongs to alice.
    error = await refusal(run(tenant.agent("alice"), command, target, etag="999"))
    assert_refused(error, "ETAG_MISMATCH", {"ticket": before.name, "etag": before.etag})
    assert await tenant.get(target.ticket) == before
    after = (await run(tenant.agent("alice"), command, target, etag=before.etag)).ticket
    assert int(after.etag) == int(before.etag) + 1


async def test_the_etag_inside_the_ticket_counts_if_the_requests_own_is_empty(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    alice = tenant.agent("alice").tickets
    given = Ticket(name=ticket.name, subject="Warm soup", etag="999")
    error = await refusal(alice.UpdateTicket(tickets.UpdateTicketRequest(ticket=given)))
    assert_refused(error, "ETAG_MISMATCH", {"ticket": ticket.name, "etag": ticket.etag})
    update = tickets.UpdateTicketRequest(ticket=given, etag=ticket.etag)
    assert (await alice.UpdateTicket(update)).ticket.subject == "Warm soup"


# --- the order of refusals: if two apply, the earlier one is returned -------------------------------------------------


async def test_a_missing_token_is_checked_before_the_request(tenant: Tenant) -> None:
    error = await refusal(tenant.care.client(None).tickets.StartTicket(tickets.StartTicketRequest(name="nonsense")))
    assert_refused(error, "TOKEN_MISSING")


async def test_a_wrong_role_is_checked_before_invalid_fields(tenant: Tenant) -> None:
    error = await refusal(tenant.service.tickets.StartTicket(tickets.StartTicketRequest(name="nonsense")))
    keys = {"method": "care.v1.TicketService/StartTicket", "roles": "service", "allowed": "agent,supervisor"}
    assert_refused(error, "ROLE_NOT_ALLOWED", keys)


async def test_invalid_fields_are_checked_before_an_unknown_ticket_and_all_are_named(tenant: Tenant) -> None:
    missing = f"{tenant.name}/tickets/999"
    note = conversations.AddNoteRequest(parent=missing, text="", request_id="no uuid")
    error = await refusal(tenant.agent("alice").conversations.AddNote(note))
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == ["request_id", "text"]


async def test_a_phone_number_that_is_invalid_in_every_region_is_checked_before_an_unknown_ticket(
    tenant: Tenant,
) -> None:
    wrong = conversations.AddContactRequest(parent=f"{tenant.name}/tickets/999", phone="+1 555")
    error = await refusal(tenant.agent("alice").conversations.AddContact(wrong))
    assert_refused(error, "INVALID_FIELD")


async def test_an_invalid_phone_number_is_checked_before_an_old_etag(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    wrong = conversations.AddContactRequest(parent=ticket.name, phone="+1 555", etag="999")
    assert_refused(await refusal(tenant.agent("alice").conversations.AddContact(wrong)), "INVALID_FIELD")


async def test_an_unknown_ticket_is_checked_before_an_old_etag(tenant: Tenant) -> None:
    missing = f"{tenant.name}/tickets/999"
    error = await refusal(tenant.agent("alice").tickets.StartTicket(tickets.StartTicketRequest(name=missing, etag="1")))
    assert_refused(error, "RESOURCE_NOT_FOUND", {"resource": missing})


async def test_an_old_etag_is_checked_before_a_closed_ticket(tenant: Tenant) -> None:
    ticket = await tenant.in_status("CLOSED")
    error = await refusal(run(tenant.agent("bob"), "StartTicket", Target(tenant, ticket), etag="999"))
    assert_refused(error, "ETAG_MISMATCH", {"ticket": ticket.name, "etag": ticket.etag})


async def test_an_old_etag_is_checked_before_the_wrong_agent(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    error = await refusal(run(tenant.agent("bob"), "StartTicket", Target(tenant, ticket), etag="999"))
    assert_refused(error, "ETAG_MISMATCH", {"ticket": ticket.name, "etag": ticket.etag})


async def test_a_used_request_id_is_checked_before_an_old_etag(tenant: Tenant) -> None:
    ticket, used = await tenant.ticket(), "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
    alice, target = tenant.agent("alice"), Target(tenant, ticket)
    await send(alice, request("StartTicket", target, request_id=used))
    error = await refusal(send(alice, request("ResolveTicket", target, etag="999", request_id=used)))
    assert_refused(error, "REQUEST_ID_REUSED", {"request_id": used})


async def test_the_wrong_agent_is_checked_before_an_illegal_transition(tenant: Tenant) -> None:
    ticket = await tenant.in_status("RESOLVED")
    error = await refusal(run(tenant.agent("bob"), "StartTicket", Target(tenant, ticket)))
    assert_refused(error, "NOT_ASSIGNEE", {"ticket": ticket.name, "assignee": tenant.agent_name("alice")})


async def test_a_missing_assignee_is_checked_before_an_illegal_transition(tenant: Tenant) -> None:
    target = Target(tenant, await tenant.in_status("RESOLVED"))
    await run(tenant.agent("alice"), "ReleaseTicket", target)
    error = await refusal(run(tenant.agent("alice"), "StartTicket", target))
    assert_refused(error, "UNASSIGNED", {"ticket": target.ticket.name})


# --- Ticket.actions --------------------------------------------------------------------------------------------------


async def nobodys(tenant: Tenant) -> Target:
    return Target(tenant, await tenant.ticket(None))


async def working_with_a_form_out(tenant: Tenant) -> Target:
    ticket = await tenant.in_status("IN_PROGRESS")
    recovery = await tenant.in_recovery_state(ticket, "AWAITING_CONTACT")
    return Target(tenant, await tenant.get(ticket), recovery.name)


async def resolved_with_the_chat_open(tenant: Tenant) -> Target:
    ticket = await tenant.ticket()
    recovery = await tenant.in_recovery_state(ticket, "CHAT_UNLOCKED")
    await tenant.agent("alice").tickets.ResolveTicket(tickets.ResolveTicketRequest(name=ticket.name))
    return Target(tenant, await tenant.get(ticket), recovery.name)


async def without_a_review(tenant: Tenant) -> Target:
    return Target(tenant, await tenant.ticket(with_review=False))


async def closed(tenant: Tenant) -> Target:
    ticket = await tenant.ticket()
    recovery = await tenant.in_recovery_state(ticket, "ENDED_BY_CLOSE")
    return Target(tenant, await tenant.get(ticket), recovery.name)


def caller_named(tenant: Tenant, caller: str) -> CareClient:
    match caller:
        case "service":
            return tenant.service
        case "sue":
            return tenant.supervisor
        case _:
            return tenant.agent(caller)


@pytest.mark.parametrize("caller", ["alice", "bob", "carol", "sue", "service"])
@pytest.mark.parametrize(
    "situation", [nobodys, working_with_a_form_out, resolved_with_the_chat_open, without_a_review, closed]
)
async def test_the_actions_of_a_ticket_predict_the_answers_of_its_methods(
    tenant: Tenant, caller: str, situation: Callable[[Tenant], Awaitable[Target]]
) -> None:
    await tenant.meet("alice", "bob")
    await tenant.toggle("carol", can_be_assignee=False)
    client, target = caller_named(tenant, caller), await situation(tenant)
    shown = (await client.tickets.GetTicket(tickets.GetTicketRequest(name=target.ticket.name))).ticket
    assert sorted(action.command for action in shown.actions) == sorted(COMMANDS)
    request = tickets.ListTicketsRequest(parent=tenant.name, view=ticket_pb2.TICKET_VIEW_FULL)
    assert (await client.tickets.ListTickets(request)).tickets[0] == shown
    for action in shown.actions:
        if action.command in {"WithdrawRecoveryForm", "RejectContact"} and not target.recovery:
            continue
        if action.allowed:
            await run(client, action.command, target)
            target = await situation(tenant)
        else:
            error = await refusal(run(client, action.command, target))
            assert error.reason == action_reason(action), action.command


async def test_a_list_has_no_actions_unless_requested(tenant: Tenant) -> None:
    ticket, alice = await tenant.ticket(), tenant.agent("alice").tickets
    basic = await tenant.get(ticket)
    basic.ClearField("actions")
    for view in (ticket_pb2.TICKET_VIEW_UNSPECIFIED, ticket_pb2.TICKET_VIEW_BASIC):
        request = tickets.ListTicketsRequest(parent=tenant.name, view=view)
        assert list((await alice.ListTickets(request)).tickets) == [basic]
    unknown = tickets.ListTicketsRequest(parent=tenant.name, view=ticket_pb2.TicketView.ValueType(7))
    error = await refusal(alice.ListTickets(unknown))
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == ["view"]


async def test_pages_may_have_different_views(tenant: Tenant) -> None:
    for _ in range(2):
        await tenant.ticket()
    request = tickets.ListTicketsRequest(parent=tenant.name, page_size=1, view=ticket_pb2.TICKET_VIEW_FULL)
    alice = tenant.agent("alice").tickets
    first = await alice.ListTickets(request)
    request.page_token, request.view = first.next_page_token, ticket_pb2.TICKET_VIEW_BASIC
    second = await alice.ListTickets(request)
    assert [(ticket.number, bool(ticket.actions)) for page in (first, second) for ticket in page.tickets] == [
        (2, True),
        (1, False),
    ]


async def test_a_list_without_actions_does_not_read_the_caller(tenant: Tenant) -> None:
    await tenant.meet("alice")
    begin = await current_resume_token(tenant.agent("alice"), tenant.name)
    ticket = await tenant.ticket()
    async with tenant.care.database.driver() as connection, connection.transaction():
        await connection.execute(
            "LOCK TABLE agents IN ACCESS EXCLUSIVE MODE"
        )  # a reader of the caller's row would wait
        request = tickets.ListTicketsRequest(parent=tenant.name)
        assert [each.name for each in (await tenant.agent("alice").tickets.ListTickets(request)).tickets] == [
            ticket.name
        ]
        async with watching(tenant.agent("alice"), tenant.name, resume_token=begin) as opened:
            assert (await opened.next()).ticket.name == ticket.name


def action_reason(action: ticket_pb2.TicketAction) -> str:
    return ErrorReason.Name(action.reason).removeprefix("ERROR_REASON_")
