"""Checks of a posted reply at the review site, and reminders of a form without an answer."""

from __future__ import annotations

from datetime import timedelta

from care.v1 import worker_service_pb2 as workers
from tests.integration.service.clocks import SettableClock
from tests.integration.service.worker_reports import (
    MONTH,
    POST,
    READ,
    TAKEN_DOWN,
    begin_attempt,
    report_posted,
    report_refused,
    set_reminders,
    state_and_step,
    wait_of,
)
from tests.support.tenant import Tenant

CHECKS = (timedelta(minutes=10), timedelta(hours=1), timedelta(days=1), timedelta(days=3))
"""The default of CARE_MODERATION_CHECKS: times after posting."""


async def test_the_site_is_read_again_at_each_configured_time_after_posting(
    timed: Tenant, clock: SettableClock
) -> None:
    recovery = await timed.form(await timed.ticket())
    await set_reminders(timed)
    plan = await report_posted(timed, recovery, await begin_attempt(timed, recovery, POST))
    passed = timedelta()
    for check in CHECKS:
        assert (state_and_step(plan), wait_of(plan)) == ("AWAITING_CONTACT: WAIT", check - passed)
        clock.advance(seconds=(check - passed).total_seconds())
        passed = check
        assert state_and_step(await timed.check(recovery)) == "AWAITING_CONTACT: READ"
        plan = await report_posted(timed, recovery, await begin_attempt(timed, recovery, READ))
    assert (state_and_step(plan), wait_of(plan)) == ("AWAITING_CONTACT: WAIT", MONTH - passed)


async def test_a_reminder_is_due_at_its_time_but_a_due_check_comes_first(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    await set_reminders(timed, 2)
    await report_posted(timed, recovery, await begin_attempt(timed, recovery, POST))
    clock.advance(hours=1)
    plan = await report_posted(timed, recovery, await begin_attempt(timed, recovery, READ))
    assert (state_and_step(plan), wait_of(plan)) == ("AWAITING_CONTACT: WAIT", timedelta(hours=1))
    clock.advance(hours=1)
    assert state_and_step(await timed.check(recovery)) == "AWAITING_CONTACT: REMIND"
    await timed.worker.workers.FireDeadline(workers.FireDeadlineRequest(name=ticket.name))
    assert (await timed.log_types(ticket))[0] == "FORM_REMINDED"
    assert wait_of(await timed.check(recovery)) == timedelta(hours=22)
    # A check of the site comes first: a reply that was taken down needs no reminder.
    await set_reminders(timed, 1, 24)
    clock.advance(hours=22)
    assert state_and_step(await timed.check(recovery)) == "AWAITING_CONTACT: READ"
    plan = await report_posted(timed, recovery, await begin_attempt(timed, recovery, READ))
    assert state_and_step(plan) == "AWAITING_CONTACT: REMIND"


async def test_one_check_makes_up_for_all_missed_ones(timed: Tenant, clock: SettableClock) -> None:
    recovery = await timed.form(await timed.ticket())
    await timed.posted(recovery)
    clock.advance(days=2)
    assert state_and_step(await timed.check(recovery)) == "AWAITING_CONTACT: READ"
    plan = await report_posted(timed, recovery, await begin_attempt(timed, recovery, READ))
    assert (state_and_step(plan), wait_of(plan)) == ("AWAITING_CONTACT: WAIT", timedelta(days=1))


async def test_a_reply_that_was_taken_down_ends_its_recovery(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    await timed.posted(recovery)
    clock.advance(hours=1)
    before = await timed.wakes(recovery.name)
    plan = await report_refused(timed, recovery, await begin_attempt(timed, recovery, READ), TAKEN_DOWN)
    assert state_and_step(plan) == "REFUSED: DONE"
    assert await timed.wakes(recovery.name) == before + 1
    assert (await timed.log_types(ticket))[0] == "FORM_REFUSED"
    assert (await timed.recovery(recovery)).refusal_reason == TAKEN_DOWN


async def test_reading_again_writes_no_activity_and_keeps_the_etag(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    await timed.posted(recovery)
    before = await timed.get(ticket)
    clock.advance(hours=1)
    await report_posted(timed, recovery, await begin_attempt(timed, recovery, READ))
    assert await timed.get(ticket) == before


async def test_a_repeated_posted_report_does_not_count_as_a_check(timed: Tenant, clock: SettableClock) -> None:
    recovery = await timed.form(await timed.ticket())
    number = await begin_attempt(timed, recovery, POST)
    await report_posted(timed, recovery, number)
    clock.advance(minutes=11)
    # The repeated report must not count as a check, because the site was not read.
    assert state_and_step(await report_posted(timed, recovery, number)) == "AWAITING_CONTACT: READ"


async def test_a_read_that_ends_after_a_submission_changes_nothing(timed: Tenant, clock: SettableClock) -> None:
    recovery = await timed.form(await timed.ticket())
    await timed.posted(recovery)
    clock.advance(hours=1)
    number = await begin_attempt(timed, recovery, READ)
    await timed.submit(recovery)
    assert state_and_step(await report_refused(timed, recovery, number, TAKEN_DOWN)) == "CONTACT_RECEIVED: UNLOCK"
