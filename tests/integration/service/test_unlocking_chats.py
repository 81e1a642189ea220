"""UnlockChat: the chat opens once, without waiting for the review site."""

from __future__ import annotations

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import recovery_pb2, ticket_pb2
from care.v1 import worker_service_pb2 as workers
from tests.integration.service.clocks import SettableClock
from tests.integration.service.worker_reports import (
    POST,
    READ,
    begin_attempt,
    report_posted,
    report_refused,
    settle,
    state_and_step,
)
from tests.support.tenant import Tenant


async def test_a_chat_is_unlocked_without_waiting_for_the_site(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    await begin_attempt(timed, recovery, POST)
    before = await timed.wakes(recovery.name)
    await timed.submit(recovery)
    assert await timed.wakes(recovery.name) == before + 1
    assert state_and_step(await timed.check(recovery)) == "CONTACT_RECEIVED: UNLOCK"
    answer = await timed.worker.workers.UnlockChat(workers.UnlockChatRequest(name=recovery.name))
    # The posting attempt has no outcome yet, so the site is read afterwards.
    assert state_and_step(answer.plan) == "CHAT_UNLOCKED: HOLD"
    settle(clock)
    assert (
        state_and_step(await report_posted(timed, recovery, await begin_attempt(timed, recovery, READ)))
        == "CHAT_UNLOCKED: DONE"
    )
    assert (await timed.get(ticket)).contact_state == ticket_pb2.CONTACT_STATE_CHAT_UNLOCKED


async def test_a_second_unlock_changes_nothing(timed: Tenant) -> None:
    ticket = await timed.ticket()
    recovery = await timed.in_recovery_state(ticket, "CHAT_UNLOCKED")
    before = await timed.recovery(recovery)
    log, woken = await timed.log_types(ticket), await timed.wakes(recovery.name)
    await timed.unlock(recovery)
    assert await timed.recovery(recovery) == before
    assert (await timed.log_types(ticket), await timed.wakes(recovery.name)) == (log, woken)


async def test_a_direct_recovery_only_unlocks(timed: Tenant) -> None:
    add = conversations.AddContactRequest(parent=(await timed.ticket()).name, email="robin@example.com")
    recovery = (await timed.agent("alice").conversations.AddContact(add)).recovery
    plan = await timed.check(recovery)
    assert (state_and_step(plan), plan.kind) == ("CONTACT_RECEIVED: UNLOCK", recovery_pb2.RECOVERY_KIND_DIRECT)
    assert not (await timed.begin(recovery, POST)).HasField("grant")
    assert await timed.wakes(recovery.name) == 1
    answer = await timed.worker.workers.UnlockChat(workers.UnlockChatRequest(name=recovery.name))
    assert state_and_step(answer.plan) == "CHAT_UNLOCKED: DONE"
    assert await timed.wakes(recovery.name) == 1


async def test_the_link_of_a_rejected_contact_is_to_be_retracted(timed: Tenant) -> None:
    recovery = await timed.in_recovery_state(await timed.ticket(), "REJECTED")
    assert state_and_step(await timed.check(recovery)) == "REJECTED: RETRACT"


async def test_a_check_with_the_time_of_the_report_removes_its_wake(timed: Tenant, clock: SettableClock) -> None:
    recovery = await timed.form(await timed.ticket())
    before = await timed.wakes(recovery.name)
    plan = await report_refused(timed, recovery, await begin_attempt(timed, recovery, POST))
    assert await timed.wakes(recovery.name) == before + 1
    # A wrong time, another recovery's time, and a wake that is not of a report remove nothing.
    other = await timed.form(await timed.ticket())
    for name, off in ((recovery.name, 1), (other.name, 0)):
        request = workers.CheckRecoveryRequest(name=name, report_time=plan.plan_time)
        request.report_time.nanos += off * 1000
        await timed.worker.workers.CheckRecovery(request)
    assert await timed.wakes(recovery.name) == before + 1
    request = workers.CheckRecoveryRequest(name=recovery.name, report_time=plan.plan_time)
    assert state_and_step((await timed.worker.workers.CheckRecovery(request)).plan) == "REFUSED: DONE"
    assert await timed.wakes(recovery.name) == before
