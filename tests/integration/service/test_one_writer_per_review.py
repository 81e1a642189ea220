"""Recoveries of one review write to the review site one after the other."""

from __future__ import annotations

from datetime import timedelta

import pytest

from care.v1.recovery_pb2 import Recovery
from tests.integration.service.clocks import SettableClock
from tests.integration.service.worker_reports import (
    POST,
    READ,
    RETRACT,
    begin_attempt,
    follow_up,
    report_posted,
    report_refused,
    report_retracted,
    settle,
    state_and_step,
    wait_of,
    withdraw,
)
from tests.support.tenant import Tenant


async def older_and_newer(timed: Tenant, clock: SettableClock, *, same_ticket: bool) -> tuple[Recovery, Recovery]:
    """Returns a recovery that ended during its post, and a newer one of the same ticket or only of the same review."""
    ticket = await timed.ticket()
    older = await timed.form(ticket)
    await begin_attempt(timed, older, POST)
    if same_ticket:
        await withdraw(timed, older)
    else:
        ticket = await follow_up(timed, ticket)
    newer = await timed.form(ticket)
    settle(clock)
    return older, newer


@pytest.mark.parametrize("same_ticket", [True, False])
async def test_a_newer_form_holds_until_the_older_ones_outcome_is_recorded(
    timed: Tenant, clock: SettableClock, *, same_ticket: bool
) -> None:
    older, newer = await older_and_newer(timed, clock, same_ticket=same_ticket)
    plan = await timed.check(newer)
    assert state_and_step(plan) == "FORM_REQUESTED: HOLD"
    assert timedelta() < wait_of(plan) < timedelta(minutes=1)
    assert not (await timed.begin(newer, POST)).HasField("grant")
    await report_refused(timed, older, await begin_attempt(timed, older, READ))
    assert state_and_step(await timed.check(newer)) == "FORM_REQUESTED: POST"


@pytest.mark.parametrize("same_ticket", [True, False])
async def test_a_retraction_holds_during_a_newer_post_and_is_done_once_it_is_posted(
    timed: Tenant, clock: SettableClock, *, same_ticket: bool
) -> None:
    older, newer = await older_and_newer(timed, clock, same_ticket=same_ticket)
    await report_posted(timed, older, await begin_attempt(timed, older, READ))
    number = await begin_attempt(timed, newer, POST)
    plan = await timed.check(older)
    assert state_and_step(plan).endswith(": HOLD")
    assert timedelta() < wait_of(plan) < timedelta(minutes=1)
    assert not (await timed.begin(older, RETRACT)).HasField("grant")
    await report_posted(timed, newer, number)
    assert state_and_step(await timed.check(older)).endswith(": DONE")


@pytest.mark.parametrize("same_ticket", [True, False])
async def test_a_retraction_is_still_needed_after_a_newer_reply_was_refused(
    timed: Tenant, clock: SettableClock, *, same_ticket: bool
) -> None:
    older, newer = await older_and_newer(timed, clock, same_ticket=same_ticket)
    await report_posted(timed, older, await begin_attempt(timed, older, READ))
    assert state_and_step(await timed.check(older)).endswith(": RETRACT")
    await report_refused(timed, newer, await begin_attempt(timed, newer, POST))
    assert state_and_step(await timed.check(older)).endswith(": RETRACT")
    assert state_and_step(await report_retracted(timed, older, await begin_attempt(timed, older, RETRACT))).endswith(
        ": DONE"
    )


@pytest.mark.parametrize("same_ticket", [True, False])
async def test_a_newer_form_holds_while_the_older_link_is_retracted(
    timed: Tenant, clock: SettableClock, *, same_ticket: bool
) -> None:
    older, newer = await older_and_newer(timed, clock, same_ticket=same_ticket)
    await report_posted(timed, older, await begin_attempt(timed, older, READ))
    number = await begin_attempt(timed, older, RETRACT)
    assert state_and_step(await timed.check(newer)) == "FORM_REQUESTED: HOLD"
    await report_retracted(timed, older, number)
    assert state_and_step(await timed.check(newer)) == "FORM_REQUESTED: POST"


async def test_attempts_are_numbered_per_review_across_its_tickets(timed: Tenant, clock: SettableClock) -> None:
    ticket = await timed.ticket()
    older = await timed.form(ticket)
    numbers = [await begin_attempt(timed, older, POST)]
    newer = await timed.form(await follow_up(timed, ticket))
    settle(clock)
    numbers.append(await begin_attempt(timed, older, READ))
    await report_refused(timed, older, numbers[-1])
    numbers.append(await begin_attempt(timed, newer, POST))
    assert numbers == sorted(set(numbers))
    # An attempt number of the older recovery is not valid for the newer one.
    assert state_and_step(await report_posted(timed, newer, numbers[0])) == "FORM_REQUESTED: POST"


async def test_forms_of_two_reviews_do_not_wait_for_each_other(timed: Tenant) -> None:
    first, second = await timed.form(await timed.ticket()), await timed.form(await timed.ticket())
    await begin_attempt(timed, first, POST)
    assert state_and_step(await timed.check(second)) == "FORM_REQUESTED: POST"
