"""ExpireForm: when a form expires, and that an expiry after a submission changes nothing."""

from __future__ import annotations

from datetime import timedelta

from care.v1 import worker_service_pb2 as workers
from tests.integration.service.clocks import SettableClock
from tests.integration.service.worker_reports import (
    POST,
    READ,
    begin_attempt,
    report_posted,
    set_reminders,
    state_and_step,
    wait_of,
)
from tests.support.tenant import Tenant


async def test_a_form_expires_exactly_at_its_expiry_time(timed: Tenant, clock: SettableClock) -> None:
    recovery = await timed.form(await timed.ticket())
    await set_reminders(timed)
    await timed.posted(recovery)
    clock.advance(days=4)
    assert (
        state_and_step(await report_posted(timed, recovery, await begin_attempt(timed, recovery, READ)))
        == "AWAITING_CONTACT: WAIT"
    )
    plan = await timed.check(recovery)
    assert wait_of(plan) == timedelta(days=26)
    clock.advance(days=26, microseconds=-1)
    expire = workers.ExpireFormRequest(name=recovery.name)
    before = await timed.wakes(recovery.name)
    plan = (await timed.worker.workers.ExpireForm(expire)).plan
    assert (state_and_step(plan), wait_of(plan)) == ("AWAITING_CONTACT: WAIT", timedelta(microseconds=1))
    assert await timed.wakes(recovery.name) == before
    clock.advance(microseconds=1)
    assert state_and_step(await timed.check(recovery)) == "AWAITING_CONTACT: EXPIRE"
    assert state_and_step((await timed.worker.workers.ExpireForm(expire)).plan) == "EXPIRED: RETRACT"
    assert await timed.wakes(recovery.name) == before + 1
    assert state_and_step((await timed.worker.workers.ExpireForm(expire)).plan) == "EXPIRED: RETRACT"
    assert await timed.wakes(recovery.name) == before + 1


async def test_an_operator_can_expire_a_form_early(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    await timed.posted(recovery)
    clock.advance(hours=5)
    early = workers.ExpireFormRequest(name=recovery.name, early=True)
    assert state_and_step((await timed.worker.workers.ExpireForm(early)).plan) == "EXPIRED: RETRACT"
    assert (await timed.log_types(ticket))[0] == "FORM_EXPIRED"
    ended = await timed.recovery(recovery)
    assert ended.expire_time == ended.end_time
    assert state_and_step((await timed.worker.workers.ExpireForm(early)).plan) == "EXPIRED: RETRACT"
    assert (await timed.log_types(ticket)).count("FORM_EXPIRED") == 1


async def test_an_early_expiry_after_a_submission_changes_nothing(timed: Tenant) -> None:
    recovery = await timed.form(await timed.ticket())
    await timed.posted(recovery)
    await timed.submit(recovery)
    early = workers.ExpireFormRequest(name=recovery.name, early=True)
    assert state_and_step((await timed.worker.workers.ExpireForm(early)).plan) == "CONTACT_RECEIVED: UNLOCK"


async def test_a_form_that_was_not_posted_in_time_expires(timed: Tenant, clock: SettableClock) -> None:
    recovery = await timed.form(await timed.ticket())
    await begin_attempt(timed, recovery, POST)
    clock.advance(days=30)
    assert state_and_step(await timed.check(recovery)) == "FORM_REQUESTED: EXPIRE"
    assert not (await timed.begin(recovery, POST)).HasField("grant")
    answer = await timed.worker.workers.ExpireForm(workers.ExpireFormRequest(name=recovery.name))
    assert state_and_step(answer.plan) == "EXPIRED: READ"


async def test_an_expiry_after_a_submission_changes_nothing(timed: Tenant, clock: SettableClock) -> None:
    recovery = await timed.form(await timed.ticket())
    await timed.submit(recovery)
    clock.advance(days=31)
    answer = await timed.worker.workers.ExpireForm(workers.ExpireFormRequest(name=recovery.name))
    assert state_and_step(answer.plan) == "CONTACT_RECEIVED: UNLOCK"
