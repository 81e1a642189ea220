"""Reports about ended recoveries and closed tickets, and calls with invalid values."""

from __future__ import annotations

import pytest

from care.v1 import ticket_pb2
from care.v1 import worker_service_pb2 as workers
from tests.integration.service.commands import assert_refused
from tests.integration.service.worker_reports import (
    LINKS_NOT_ALLOWED,
    POST,
    begin_attempt,
    close,
    report_posted,
    report_refused,
    report_retracted,
    state_and_step,
)
from tests.support.care import refusal
from tests.support.design_tables import ENDED_STATES
from tests.support.tenant import Tenant


@pytest.mark.parametrize("state", [state for state in ENDED_STATES if state != "EXPIRED"])
async def test_every_report_about_an_ended_recovery_succeeds_and_keeps_its_state(timed: Tenant, state: str) -> None:
    ticket = await timed.ticket()
    recovery = await timed.in_recovery_state(ticket, state)
    before, woken = await timed.recovery(recovery), await timed.wakes(recovery.name)
    plans = [
        await report_posted(timed, recovery, 1),
        await report_refused(timed, recovery, 1),
        await report_retracted(timed, recovery, 1),
        (await timed.worker.workers.UnlockChat(workers.UnlockChatRequest(name=recovery.name))).plan,
        (await timed.worker.workers.ExpireForm(workers.ExpireFormRequest(name=recovery.name))).plan,
    ]
    assert {state_and_step(plan).partition(":")[0] for plan in plans} == {state}
    assert await timed.recovery(recovery) == before
    assert await timed.wakes(recovery.name) == woken


async def test_an_outcome_is_still_recorded_after_the_ticket_is_closed(timed: Tenant) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    number = await begin_attempt(timed, recovery, POST)
    await close(timed, ticket)
    assert state_and_step(await timed.check(recovery)) == "ENDED_BY_CLOSE: HOLD"
    # The report of the attempt counts as long as no later attempt began.
    assert state_and_step(await report_posted(timed, recovery, number)) == "ENDED_BY_CLOSE: RETRACT"
    after = await timed.get(ticket)
    assert (after.status, after.recovery) == (ticket_pb2.TICKET_STATUS_CLOSED, "")


@pytest.mark.parametrize(
    "method",
    ["CheckRecovery", "BeginPosting", "RecordPosted", "RecordRefused", "RecordRetracted", "UnlockChat", "ExpireForm"],
)
async def test_an_unknown_recovery_is_not_found(timed: Tenant, method: str) -> None:
    ticket = await timed.ticket()
    missing = f"{ticket.name}/recoveries/0190a0a0-0000-7000-8000-000000000000"
    needed = {"step": POST, "attempt": 1, "reason": LINKS_NOT_ALLOWED}
    request = getattr(workers, f"{method}Request")
    fields = {name: value for name, value in needed.items() if name in request.DESCRIPTOR.fields_by_name}
    message = request(name=missing, **fields)
    error = await refusal(getattr(timed.worker.workers, method)(message))
    assert_refused(error, "RESOURCE_NOT_FOUND", {"resource": missing})


async def test_invalid_steps_and_reasons_are_refused(timed: Tenant) -> None:
    recovery = await timed.form(await timed.ticket())
    worker = timed.worker.workers
    for step in (workers.RECOVERY_STEP_UNSPECIFIED, workers.RECOVERY_STEP_UNLOCK, workers.RECOVERY_STEP_DONE):
        error = await refusal(worker.BeginPosting(workers.BeginPostingRequest(name=recovery.name, step=step)))
        assert_refused(error, "INVALID_FIELD")
        assert [violation.field for violation in error.field_violations] == ["step"]
    error = await refusal(worker.RecordRefused(workers.RecordRefusedRequest(name=recovery.name, attempt=1)))
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == ["reason"]


async def test_a_plan_contains_nothing_of_the_customer(timed: Tenant) -> None:
    recovery = await timed.in_recovery_state(await timed.ticket(), "CHAT_UNLOCKED")
    token = timed.form_token(recovery)
    plan = str(await timed.check(recovery))
    assert all(secret not in plan for secret in ("robin@example.com", "Robin", "Cold soup", "sorry", token))
