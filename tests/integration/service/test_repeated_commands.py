"""Commands on a ticket that are repeated with their request ID."""

from __future__ import annotations

from uuid import uuid4

import pytest

from care.v1 import ticket_pb2
from tests.integration.service.clocks import SettableClock
from tests.integration.service.commands import Target, assert_refused, ready, request, send
from tests.integration.service.simultaneous import reassign_and_close, repeat
from tests.support.care import refusal
from tests.support.design_tables import COMMANDS
from tests.support.tenant import Tenant


@pytest.mark.parametrize("command", COMMANDS)
async def test_fifty_repeats_of_a_command_act_once_and_get_the_same_answer_even_after_later_changes(
    tenant: Tenant, command: str
) -> None:
    target, alice, request_id = await ready(tenant, command), tenant.agent("alice"), str(uuid4())
    before = len(await tenant.log(target.ticket))
    # The etag is current only for the first request: a repeat is recognized before the etag is compared.
    message = request(command, target, etag=target.ticket.etag, request_id=request_id)
    answer = await repeat(lambda: send(alice, message))
    log = await tenant.log(target.ticket)
    assert len(log) == before + 1
    assert log[0].request_id == request_id
    await reassign_and_close(tenant, target.ticket)
    after = await tenant.log(target.ticket)
    assert (await send(alice, message)).SerializeToString(deterministic=True) == answer
    assert await tenant.log(target.ticket) == after


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_repeat_may_write_the_request_id_in_capitals(tenant: Tenant, command: str) -> None:
    target, alice, request_id = await ready(tenant, command), tenant.agent("alice"), str(uuid4())
    answer = await send(alice, request(command, target, request_id=request_id.upper()))
    after = await tenant.log(target.ticket)
    assert after[0].request_id == request_id
    assert await send(alice, request(command, target, request_id=request_id)) == answer
    assert await tenant.log(target.ticket) == after
    other = request(command, target, etag="999", request_id=request_id.upper())
    assert_refused(await refusal(send(alice, other)), "REQUEST_ID_REUSED", {"request_id": request_id})


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_request_id_is_refused_with_another_body_or_method(tenant: Tenant, command: str) -> None:
    target, alice, request_id = await ready(tenant, command), tenant.agent("alice"), str(uuid4())
    await send(alice, request(command, target, request_id=request_id))
    other = "AddNote" if command != "AddNote" else "StartTicket"
    after = await tenant.get(target.ticket)
    for message in (
        request(command, target, etag="999", request_id=request_id),
        request(other, target, request_id=request_id),
    ):
        assert_refused(await refusal(send(alice, message)), "REQUEST_ID_REUSED", {"request_id": request_id})
    assert await tenant.get(target.ticket) == after


async def test_each_caller_has_its_own_request_ids(tenant: Tenant) -> None:
    request_id = str(uuid4())
    first, second = Target(tenant, await tenant.ticket("alice")), Target(tenant, await tenant.ticket("bob"))
    await send(tenant.agent("alice"), request("StartTicket", first, request_id=request_id))
    await send(tenant.agent("bob"), request("StartTicket", second, request_id=request_id))
    other = Tenant(tenant.care, f"{tenant.id}-other")
    third = Target(other, await other.ticket("alice"))
    await send(other.agent("alice"), request("StartTicket", third, request_id=request_id))
    assert (await tenant.get(second.ticket)).status == ticket_pb2.TICKET_STATUS_IN_PROGRESS
    assert (await other.get(third.ticket)).status == ticket_pb2.TICKET_STATUS_IN_PROGRESS


async def test_the_request_id_of_a_refused_request_may_be_used_again(tenant: Tenant) -> None:
    target, alice = Target(tenant, await tenant.in_status("RESOLVED")), tenant.agent("alice")
    message = request("StartTicket", target, request_id=str(uuid4()))
    assert (await refusal(send(alice, message))).reason == "ILLEGAL_TRANSITION"
    fresh = Target(tenant, await tenant.ticket())
    again = request("StartTicket", fresh, request_id=message.request_id)  # type: ignore[attr-defined]
    assert (await send(alice, again)).ticket.status == ticket_pb2.TICKET_STATUS_IN_PROGRESS


async def test_the_request_id_of_a_request_that_changed_nothing_may_be_used_again(tenant: Tenant) -> None:
    alice, request_id = tenant.agent("alice"), str(uuid4())
    target = Target(tenant, await tenant.ticket())
    take = request("TakeTicket", target, request_id=request_id)
    assert (await send(alice, take)).ticket.assignee == tenant.agent_name("alice")
    await send(alice, request("StartTicket", target, request_id=request_id))


@pytest.mark.parametrize("hours", [23, 25])
async def test_a_request_id_is_kept_for_24_hours(timed: Tenant, clock: SettableClock, hours: int) -> None:
    alice, request_id = timed.agent("alice"), str(uuid4())
    target = Target(timed, await timed.ticket())
    await send(alice, request("StartTicket", target, request_id=request_id))
    clock.advance(hours=hours)
    message = request("ResolveTicket", target, request_id=request_id)
    if hours < 24:
        assert_refused(await refusal(send(alice, message)), "REQUEST_ID_REUSED", {"request_id": request_id})
    else:
        assert (await send(alice, message)).ticket.status == ticket_pb2.TICKET_STATUS_RESOLVED
        again = (await send(alice, message)).ticket
        assert again.status == ticket_pb2.TICKET_STATUS_RESOLVED
