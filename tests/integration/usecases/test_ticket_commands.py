"""The commands on an existing ticket: outcomes, refusals, etags, and the deadlines that each command changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from care_rules import commands
from care_rules.entities.ticket import CloseReason
from care_rules.lifecycle import TicketStatus
from care_rules.names import TicketName
from care_rules.refusals import Reason
from care_rules.snapshot import TicketSnapshot
from care_rules.timing import DeadlineKind
from care_service.usecases import conversation, recoveries, tickets
from care_service.usecases.ports.idempotency import StoredResponse
from care_service.usecases.recoveries import NewContact
from care_service.usecases.request import Request
from tests.integration.usecases.office import REPLY, Office, assert_refused, encode, fresh, refused

CONTACT = NewContact(email="robin@example.com", phone="", display_name="", claim=None)
Command = Callable[[Office, TicketName], Awaitable[object]]
COMMANDS: dict[str, Command] = {
    "update": lambda office, name: tickets.update_ticket(
        office.store, name, commands.UpdateTicket(subject="Soup"), office.request()
    ),
    "assign": lambda office, name: tickets.assign_ticket(office.store, name, "bob", office.request()),
    "release": lambda office, name: tickets.release_ticket(office.store, name, office.request()),
    "start": lambda office, name: tickets.start_ticket(office.store, name, office.request()),
    "resolve": lambda office, name: tickets.resolve_ticket(office.store, name, office.request()),
    "close": lambda office, name: tickets.close_ticket(office.store, name, office.request()),
    "send form": lambda office, name: recoveries.send_recovery_form(
        office.store, office.links, name, REPLY, office.request()
    ),
    "add contact": lambda office, name: recoveries.add_contact(office.store, name, CONTACT, office.request()),
    "add note": lambda office, name: conversation.add_note(office.store, name, "Called.", office.request()),
}


async def test_a_ticket_is_read_with_the_callers_entry(office: Office) -> None:
    name = await office.ticket()
    snapshot = await tickets.get_ticket(office.reader, name, office.agent("bob"))
    assert snapshot.ticket.assignee == "alice"
    assert snapshot.agent is not None
    assert snapshot.agent.id == "bob"


async def test_an_unknown_ticket_and_another_organizations_ticket_are_not_found(office: Office) -> None:
    name = await office.ticket()
    other = replace(office.agent(), organization="another")
    for caller, wanted in ((other, name), (office.agent(), TicketName(office.id, 99))):
        refusal = await refused(tickets.get_ticket(office.reader, wanted, caller))
        assert (refusal.reason, refusal.metadata) == (Reason.RESOURCE_NOT_FOUND, {"resource": str(wanted)})


async def test_another_organizations_agent_is_refused(office: Office) -> None:
    name = await office.ticket()
    other = replace(office.agent(), organization="another")
    refusal = await refused(tickets.start_ticket(office.store, name, office.request(other)))
    assert (refusal.reason, refusal.metadata) == (Reason.RESOURCE_NOT_FOUND, {"resource": str(name)})


async def test_each_command_moves_a_ticket_through_its_life(office: Office) -> None:
    name, store = await office.ticket(taken=False), office.store
    assert fresh(await tickets.take_ticket(store, name, office.request())).ticket.assignee == "alice"
    assert fresh(await tickets.release_ticket(store, name, office.request())).ticket.assignee is None
    assigned = await tickets.assign_ticket(store, name, "alice", office.request(office.supervisor))
    assert fresh(assigned).ticket.assignee == "alice"
    assert fresh(await tickets.start_ticket(store, name, office.request())).ticket.status is TicketStatus.IN_PROGRESS
    assert fresh(await tickets.resolve_ticket(store, name, office.request())).ticket.resolve_time == office.now
    assert fresh(await tickets.reopen_ticket(store, name, office.request())).ticket.resolve_time is None
    closed = fresh(await tickets.close_ticket(store, name, office.request())).ticket
    assert (closed.status, closed.close_reason) == (TicketStatus.CLOSED, CloseReason.MANUAL)
    done = ["CLOSED", "REOPENED", "RESOLVED", "STARTED", "ASSIGNED_BY_OVERRIDE", "RELEASED", "TAKEN", "CREATED"]
    assert await office.log(name) == done


@pytest.mark.parametrize("command", COMMANDS)
async def test_each_command_restarts_the_inactivity(office: Office, command: str) -> None:
    name = await office.ticket()
    office.later(days=5)
    await COMMANDS[command](office, name)
    assert (await office.load(name)).ticket.timing.active_time == office.now


@pytest.mark.parametrize("command", COMMANDS)
async def test_each_command_is_for_the_assignee_of_a_ticket_that_is_not_closed(office: Office, command: str) -> None:
    unassigned = await office.ticket(taken=False)
    await assert_refused(COMMANDS[command](office, unassigned), Reason.UNASSIGNED)
    closed = await office.ticket()
    await tickets.close_ticket(office.store, closed, office.request())
    await assert_refused(COMMANDS[command](office, closed), Reason.TICKET_CLOSED)
    await assert_refused(COMMANDS[command](office, TicketName(office.id, 99)), Reason.RESOURCE_NOT_FOUND)
    assert await office.log(unassigned) == ["CREATED"]


async def test_resolving_and_closing_a_ticket_move_its_deadline(office: Office) -> None:
    name = await office.ticket()
    office.later(days=1)
    timing = fresh(await tickets.resolve_ticket(office.store, name, office.request())).ticket.timing
    assert (timing.next_kind, timing.next_time) == (DeadlineKind.GRACE_CLOSE, office.now + timedelta(days=7))
    timing = fresh(await tickets.close_ticket(office.store, name, office.request())).ticket.timing
    assert (timing.next_kind, timing.next_time) == (None, None)


async def test_an_unknown_agent_is_not_assigned(office: Office) -> None:
    name = await office.ticket()
    refusal = await refused(tickets.assign_ticket(office.store, name, "nobody", office.request()))
    assert refusal.metadata == {"resource": f"organizations/{office.id}/agents/nobody"}


async def test_an_id_of_another_organizations_agent_is_unknown(office: Office) -> None:
    name = await office.ticket()
    await office.directory.ensure_agent(f"{office.id}-other", "mallory", "Mallory", office.now)
    refusal = await refused(tickets.assign_ticket(office.store, name, "mallory", office.request()))
    assert refusal.reason is Reason.RESOURCE_NOT_FOUND
    assert refusal.metadata == {"resource": f"organizations/{office.id}/agents/mallory"}


async def test_a_command_that_changes_nothing_writes_nothing(office: Office) -> None:
    name = await office.ticket()
    before = (await office.load(name)).ticket
    same = commands.UpdateTicket(subject=before.subject)
    assert fresh(await tickets.update_ticket(office.store, name, same, office.request())).ticket == before
    assert (await office.load(name)).ticket == before


async def test_an_etag_of_another_version_is_refused(office: Office) -> None:
    name = await office.ticket()
    version = (await office.load(name)).ticket.version
    await office.note(name)
    refusal = await refused(tickets.start_ticket(office.store, name, office.request(etag=str(version))))
    assert refusal.reason is Reason.ETAG_MISMATCH
    assert refusal.metadata == {"ticket": str(name), "etag": str(version + 1)}
    fresh(await tickets.start_ticket(office.store, name, office.request(etag=str(version + 1))))


async def test_a_repeat_is_answered_before_its_etag_is_compared(office: Office) -> None:
    name = await office.ticket()
    request: Request[TicketSnapshot] = office.request(id=uuid4(), etag=str((await office.load(name)).ticket.version))
    started = fresh(await tickets.start_ticket(office.store, name, request))
    repeated = await tickets.start_ticket(office.store, name, request)
    assert isinstance(repeated, StoredResponse)
    assert repeated.body == encode(started)
    assert await office.log(name) == ["STARTED", "TAKEN", "CREATED"]
