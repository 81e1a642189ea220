"""Retracting the link of an ended recovery from its public reply."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.integration.service.clocks import SettableClock
from tests.integration.service.worker_reports import (
    RETRACT,
    begin_attempt,
    report_refused,
    report_retracted,
    state_and_step,
    wait_of,
)
from tests.support.tenant import Tenant


@pytest.mark.parametrize("state", ["WITHDRAWN", "REPLACED", "REJECTED", "ENDED_BY_CLOSE"])
async def test_the_public_link_of_an_ended_recovery_is_retracted(timed: Tenant, state: str) -> None:
    ticket = await timed.ticket()
    recovery = await timed.in_recovery_state(ticket, state)
    assert state_and_step(await timed.check(recovery)) == f"{state}: RETRACT"
    grant = (await timed.begin(recovery, RETRACT)).grant
    assert grant.text.startswith("We are sorry. Please tell us how to reach you")
    assert grant.link not in grant.text
    assert "form_link" not in grant.text
    etag = (await timed.get(ticket)).etag
    assert state_and_step(await report_retracted(timed, recovery, grant.attempt)) == f"{state}: DONE"
    assert (await timed.recovery(recovery)).HasField("retract_time")
    assert (await timed.log_types(ticket))[0] == "REPLY_RETRACTED"
    # The report is recorded on a CLOSED ticket too.
    assert int((await timed.get(ticket)).etag) == int(etag) + 1


async def test_a_retraction_can_begin_again(timed: Tenant) -> None:
    recovery = await timed.in_recovery_state(await timed.ticket(), "WITHDRAWN")
    first, second = await begin_attempt(timed, recovery, RETRACT), await begin_attempt(timed, recovery, RETRACT)
    assert state_and_step(await report_retracted(timed, recovery, first)) == "WITHDRAWN: RETRACT"
    assert state_and_step(await report_retracted(timed, recovery, second)) == "WITHDRAWN: DONE"
    assert state_and_step(await report_retracted(timed, recovery, second)) == "WITHDRAWN: DONE"


async def test_a_refused_retraction_is_retried_after_a_pause(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    recovery = await timed.in_recovery_state(ticket, "WITHDRAWN")
    plan = await report_refused(timed, recovery, await begin_attempt(timed, recovery, RETRACT))
    assert state_and_step(plan) == "WITHDRAWN: WAIT"
    assert wait_of(plan) > timedelta()
    assert (await timed.log_types(ticket))[0] == "RETRACTION_REFUSED"
    clock.advance(seconds=wait_of(plan).total_seconds())
    assert state_and_step(await timed.check(recovery)) == "WITHDRAWN: RETRACT"
    assert (
        state_and_step(await report_retracted(timed, recovery, await begin_attempt(timed, recovery, RETRACT)))
        == "WITHDRAWN: DONE"
    )


async def test_a_pausing_retraction_does_not_hold_a_newer_form(timed: Tenant) -> None:
    ticket = await timed.ticket()
    older = await timed.in_recovery_state(ticket, "WITHDRAWN")
    number = await begin_attempt(timed, older, RETRACT)
    newer = await timed.form(ticket)
    assert state_and_step(await timed.check(newer)) == "FORM_REQUESTED: HOLD"
    await report_refused(timed, older, number)
    assert state_and_step(await timed.check(newer)) == "FORM_REQUESTED: POST"
