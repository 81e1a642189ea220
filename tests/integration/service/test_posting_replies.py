"""Posting the reply of a form: grants, reports, refusals, and writes without an outcome."""

from __future__ import annotations

from datetime import timedelta

import pytest

from care.v1 import recovery_pb2, ticket_pb2
from care.v1 import worker_service_pb2 as workers
from tests.integration.service.clocks import SettableClock
from tests.integration.service.commands import assert_refused
from tests.integration.service.worker_reports import (
    LINKS_NOT_ALLOWED,
    MONTH,
    POST,
    READ,
    RETRACT,
    TAKEN_DOWN,
    begin_attempt,
    report_posted,
    report_refused,
    report_retracted,
    settle,
    state_and_step,
    wait_of,
    withdraw,
)
from tests.support.care import WEB_URL, refusal
from tests.support.tenant import REPLY, Tenant


async def test_the_plan_of_a_new_form_is_to_post_and_shows_what_an_operator_looks_for(
    timed: Tenant, clock: SettableClock
) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    plan = await timed.check(recovery)
    assert state_and_step(plan) == "FORM_REQUESTED: POST"
    assert not plan.HasField("wait")
    assert plan.kind == recovery_pb2.RECOVERY_KIND_FORM
    assert (plan.ticket, plan.location, plan.assignee) == (ticket.name, ticket.location, ticket.assignee)
    assert (plan.ticket_status, plan.ticket_priority) == (ticket.status, ticket.priority)
    assert plan.review_site == "local"
    assert plan.plan_time.ToDatetime() == clock.now().replace(tzinfo=None)
    assert plan.expire_time.ToDatetime() == (clock.now() + MONTH).replace(tzinfo=None)
    assert not plan.HasField("post_time")


async def test_the_grant_of_a_post_contains_the_text_with_the_link(timed: Tenant) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    grant = (await timed.begin(recovery, POST)).grant
    assert grant.link.startswith(f"{WEB_URL}/")
    assert grant.text == REPLY.replace("{form_link}", grant.link)
    assert (grant.review_site, grant.location) == ("local", ticket.location)
    assert grant.review_external_id
    assert grant.attempt > 0


async def test_a_post_can_begin_again_as_another_attempt(timed: Tenant) -> None:
    recovery = await timed.form(await timed.ticket())
    before = await timed.wakes(recovery.name)
    first, second = await begin_attempt(timed, recovery, POST), await begin_attempt(timed, recovery, POST)
    assert first < second
    assert state_and_step(await report_posted(timed, recovery, first)) == "FORM_REQUESTED: POST"
    assert await timed.wakes(recovery.name) == before
    plan = await report_posted(timed, recovery, second)
    assert state_and_step(plan) == "AWAITING_CONTACT: WAIT"
    assert plan.HasField("post_time")
    # The workflow does not sleep before it knows the outcome, so the report wakes nobody.
    assert await timed.wakes(recovery.name) == before


@pytest.mark.parametrize("number", [-1, 0])
async def test_a_report_needs_an_attempt(timed: Tenant, number: int) -> None:
    recovery = await timed.form(await timed.ticket())
    for report in (report_posted, report_refused, report_retracted):
        error = await refusal(report(timed, recovery, number))
        assert_refused(error, "INVALID_FIELD")
        assert [violation.field for violation in error.field_violations] == ["attempt"]


@pytest.mark.parametrize("number", [1, 99, 2**63 - 1])
async def test_the_report_of_an_attempt_that_was_never_granted_changes_nothing(timed: Tenant, number: int) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    before = await timed.recovery(recovery)
    for report in (report_posted, report_refused, report_retracted):
        assert state_and_step(await report(timed, recovery, number)) == "FORM_REQUESTED: POST"
    assert await timed.recovery(recovery) == before
    assert await timed.log_types(ticket) == ["FORM_REQUESTED", "TAKEN", "CREATED"]


async def test_a_refused_post_ends_the_recovery_with_the_sites_reason_and_message(timed: Tenant) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    before = await timed.wakes(recovery.name)
    plan = await report_refused(
        timed, recovery, await begin_attempt(timed, recovery, POST), provider_message="No links, please. " * 200
    )
    assert state_and_step(plan) == "REFUSED: DONE"
    assert plan.refusal_reason == LINKS_NOT_ALLOWED
    after = await timed.recovery(recovery)
    assert after.refusal_reason == LINKS_NOT_ALLOWED
    assert after.refusal_message == ("No links, please. " * 200)[:2000]
    assert after.HasField("end_time")
    assert (await timed.get(ticket)).contact_state == ticket_pb2.CONTACT_STATE_NO_CONTACT
    assert await timed.log_types(ticket) == ["FORM_REFUSED", "FORM_REQUESTED", "TAKEN", "CREATED"]
    assert await timed.wakes(recovery.name) == before + 1


@pytest.mark.parametrize("report", [report_posted, report_refused])
async def test_a_repeated_report_changes_nothing(timed: Tenant, report: object) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    number = await begin_attempt(timed, recovery, POST)
    send = report_posted if report is report_posted else report_refused
    plan = await send(timed, recovery, number)
    before, log, woken = await timed.recovery(recovery), await timed.log_types(ticket), await timed.wakes(recovery.name)
    assert state_and_step(await send(timed, recovery, number)) == state_and_step(plan)
    assert await timed.recovery(recovery) == before
    assert (await timed.log_types(ticket), await timed.wakes(recovery.name)) == (log, woken)


async def test_a_late_refusal_of_the_attempt_that_was_recorded_as_posted_changes_nothing(timed: Tenant) -> None:
    recovery = await timed.form(await timed.ticket())
    number = await begin_attempt(timed, recovery, POST)
    await report_posted(timed, recovery, number)
    assert state_and_step(await report_refused(timed, recovery, number)) == "AWAITING_CONTACT: WAIT"


async def test_a_recovery_that_ends_during_a_post_lets_it_settle_and_reads_the_site(
    timed: Tenant, clock: SettableClock
) -> None:
    recovery = await timed.form(await timed.ticket())
    first = await begin_attempt(timed, recovery, POST)
    clock.advance(seconds=20)
    await withdraw(timed, recovery)
    plan = await timed.check(recovery)
    assert (state_and_step(plan), wait_of(plan)) == ("WITHDRAWN: HOLD", timedelta(seconds=40))
    assert not (await timed.begin(recovery, READ)).HasField("grant")
    clock.advance(seconds=40)
    assert state_and_step(await timed.check(recovery)) == "WITHDRAWN: READ"
    grant = (await timed.begin(recovery, READ)).grant
    assert grant.text == REPLY.replace("{form_link}", grant.link)
    # The report of the earlier attempt no longer counts, that of the reading attempt does.
    assert state_and_step(await report_refused(timed, recovery, first)) == "WITHDRAWN: READ"
    assert state_and_step(await report_posted(timed, recovery, grant.attempt)) == "WITHDRAWN: RETRACT"


async def test_an_attempt_after_one_without_an_outcome_reads_first(timed: Tenant) -> None:
    recovery = await timed.form(await timed.ticket())
    assert not (await timed.begin(recovery, POST)).grant.read_first
    assert (await timed.begin(recovery, POST)).grant.read_first


async def test_a_link_is_not_retracted_while_an_earlier_write_may_still_put_it_back(
    timed: Tenant, clock: SettableClock
) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    await begin_attempt(timed, recovery, POST)
    clock.advance(seconds=20)
    await report_posted(timed, recovery, await begin_attempt(timed, recovery, POST))
    await withdraw(timed, recovery)
    plan = await timed.check(recovery)
    assert (state_and_step(plan), wait_of(plan)) == ("WITHDRAWN: HOLD", timedelta(seconds=40))
    newer = await timed.form(ticket)
    assert state_and_step(await timed.check(newer)) == "FORM_REQUESTED: HOLD"
    clock.advance(seconds=40)
    assert state_and_step(await timed.check(recovery)) == "WITHDRAWN: RETRACT"
    assert state_and_step(await timed.check(newer)) == "FORM_REQUESTED: POST"


async def test_a_reply_that_appears_after_the_refusal_is_found_and_retracted(
    timed: Tenant, clock: SettableClock
) -> None:
    """The first attempt got no response, and the second was refused. Then the site publishes the reply of the first."""
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    await begin_attempt(timed, recovery, POST)
    clock.advance(seconds=20)
    plan = await report_refused(timed, recovery, await begin_attempt(timed, recovery, POST))
    assert (state_and_step(plan), wait_of(plan)) == ("REFUSED: HOLD", timedelta(minutes=1))
    settle(clock)
    assert (
        state_and_step(await report_posted(timed, recovery, await begin_attempt(timed, recovery, READ)))
        == "REFUSED: RETRACT"
    )
    assert (
        state_and_step(await report_retracted(timed, recovery, await begin_attempt(timed, recovery, RETRACT)))
        == "REFUSED: DONE"
    )
    found = await timed.recovery(recovery)
    assert (found.state, found.refusal_reason) == (recovery_pb2.RECOVERY_STATE_REFUSED, LINKS_NOT_ALLOWED)
    assert await timed.log_types(ticket) == [
        "REPLY_RETRACTED",
        "FORM_POSTED",
        "FORM_REFUSED",
        "FORM_REQUESTED",
        "TAKEN",
        "CREATED",
    ]


async def test_a_refusal_that_is_confirmed_after_settling_is_logged_once(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    recovery = await timed.form(ticket)
    await begin_attempt(timed, recovery, POST)
    await report_refused(timed, recovery, await begin_attempt(timed, recovery, POST))
    settle(clock)
    assert (
        state_and_step(await report_refused(timed, recovery, await begin_attempt(timed, recovery, READ), TAKEN_DOWN))
        == "REFUSED: DONE"
    )
    assert (await timed.recovery(recovery)).refusal_reason == LINKS_NOT_ALLOWED
    assert await timed.log_types(ticket) == ["FORM_REFUSED", "FORM_REQUESTED", "TAKEN", "CREATED"]


async def test_an_ended_recovery_without_a_public_reply_is_done(timed: Tenant, clock: SettableClock) -> None:
    recovery = await timed.form(await timed.ticket())
    await begin_attempt(timed, recovery, POST)
    await withdraw(timed, recovery)
    settle(clock)
    assert (
        state_and_step(await report_refused(timed, recovery, await begin_attempt(timed, recovery, READ)))
        == "WITHDRAWN: DONE"
    )
    assert not (await timed.begin(recovery, RETRACT)).HasField("grant")


async def test_an_ended_recovery_that_was_never_posted_is_done(timed: Tenant) -> None:
    recovery = await timed.form(await timed.ticket())
    await withdraw(timed, recovery)
    assert state_and_step(await timed.check(recovery)) == "WITHDRAWN: DONE"


@pytest.mark.parametrize("step", [POST, READ, RETRACT])
async def test_a_step_that_is_not_planned_is_not_granted(timed: Tenant, step: workers.RecoveryStep.ValueType) -> None:
    recovery = await timed.form(await timed.ticket())
    await timed.posted(recovery)
    answer = await timed.begin(recovery, step)
    assert not answer.HasField("grant")
    assert state_and_step(answer.plan) == "AWAITING_CONTACT: WAIT"
