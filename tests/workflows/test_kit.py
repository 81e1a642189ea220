"""The test kit as a team that embeds the workflows uses it: real workflows, a real worker, and skipped time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from care.v1.recovery_pb2 import RECOVERY_STATE_CHAT_UNLOCKED
from care_client.errors import FailedPrecondition, IllegalTransition
from care_workflows.channels.errors import (
    DeliveryFailure,
    MessageRefused,
    RefusalReason,
    ReplyRefused,
    SiteUnavailable,
    UnavailableReason,
)
from care_workflows.channels.messenger import Progress
from care_workflows.testing import CareTestKit, Policy
from tests.support import temporal

DAY = timedelta(days=1)


@pytest.fixture
async def skipping() -> AsyncIterator[WorkflowEnvironment]:
    """One server per test, as the kit requires."""
    async with temporal.time_skipping() as environment:
        yield environment


@asynccontextmanager
async def run_kit(environment: WorkflowEnvironment, policy: Policy | None = None) -> AsyncIterator[CareTestKit]:
    """Runs a kit, and a worker with only the kit's plugin."""
    async with (
        CareTestKit(environment, policy=policy) as kit,
        Worker(environment.client, task_queue="care", plugins=[kit.plugin]),
    ):
        yield kit


async def test_a_review_becomes_an_open_chat(skipping: WorkflowEnvironment) -> None:
    async with run_kit(skipping) as kit:
        ticket = await kit.create_ticket()
        form = await kit.send_form(ticket)
        await kit.wait_until_idle(form)
        [(review, reply)] = kit.review_site.writes
        assert review == "review-1"
        assert kit.recovery(form).link in reply

        await skipping.sleep(2 * DAY)
        assert await kit.submit_contact(form) == form
        result = await kit.run_to_end(form)
        assert result.plan.state == RECOVERY_STATE_CHAT_UNLOCKED

        [greeting] = kit.ticket(ticket).messages
        await kit.run_to_end(greeting.name)
        assert [message.address for message in kit.messenger.sent] == [kit.recovery(form).email]
        assert kit.message(greeting.name).state == "DELIVERED"


async def test_an_unanswered_form_expires_and_its_link_is_removed(skipping: WorkflowEnvironment) -> None:
    async with run_kit(skipping, Policy(form_lifetime=10 * DAY)) as kit:
        form = await kit.send_form(await kit.create_ticket())
        result = await kit.run_to_end(form)
    assert kit.recovery(form).state == "EXPIRED"
    ended = kit.recovery(form).end_time
    assert ended is not None
    assert ended - kit.recovery(form).create_time >= 10 * DAY
    assert result.plan.post_time.seconds > 0
    assert kit.recovery(form).link not in kit.review_site.replies["review-1"]


async def test_a_refused_reply_ends_the_recovery_with_the_sites_reason(skipping: WorkflowEnvironment) -> None:
    async with run_kit(skipping) as kit:
        kit.review_site.fails_with.append(ReplyRefused(RefusalReason.LINKS_NOT_ALLOWED, "no links here"))
        form = await kit.send_form(await kit.create_ticket())
        await kit.run_to_end(form)
    found = kit.recovery(form)
    assert (found.state, found.refusal_reason, found.refusal_message) == (
        "REFUSED",
        "LINKS_NOT_ALLOWED",
        "no links here",
    )
    assert kit.review_site.writes == []


async def test_a_site_that_is_down_gets_the_reply_once_it_is_back(skipping: WorkflowEnvironment) -> None:
    async with run_kit(skipping) as kit:
        kit.review_site.fails_with.extend(SiteUnavailable(UnavailableReason.CONNECTION) for _ in range(5))
        form = await kit.send_form(await kit.create_ticket())
        await kit.run_to_end(form)  # the form expires at the end
    assert kit.recovery(form).post_time is not None


async def test_a_withdrawn_form_is_retracted(skipping: WorkflowEnvironment) -> None:
    async with run_kit(skipping) as kit:
        form = await kit.send_form(await kit.create_ticket())
        await kit.wait_until_idle(form)
        await kit.withdraw_form(form)
        await kit.run_to_end(form)
        assert kit.recovery(form).reply_state == "RETRACTED"
        with pytest.raises(FailedPrecondition) as caught:
            await kit.submit_contact(form)
    assert caught.value.reason == "LINK_WITHDRAWN"


async def test_a_form_can_be_expired_at_once(skipping: WorkflowEnvironment) -> None:
    async with run_kit(skipping) as kit:
        form = await kit.send_form(await kit.create_ticket())
        await kit.wait_until_idle(form)
        await kit.expire(form)
        await kit.run_to_end(form)
    assert kit.recovery(form).state == "EXPIRED"


async def test_a_message_is_checked_until_it_has_arrived(skipping: WorkflowEnvironment) -> None:
    async with run_kit(skipping) as kit:
        kit.messenger.progress = Progress.SENT
        ticket = await kit.create_ticket(review=None)
        recovery = await kit.add_contact(ticket, email="", phone="+442079460001")
        await kit.run_to_end(recovery)
        answer = await kit.send_message(ticket)
        await kit.wait_until_idle(answer)
        assert kit.message(answer).state == "SENT"
        kit.messenger.progress = Progress.DELIVERED
        await kit.run_to_end(answer)
        assert kit.message(answer).state == "DELIVERED"
        assert kit.message(answer).channel == "SMS"


async def test_a_message_that_is_refused_has_failed(skipping: WorkflowEnvironment) -> None:
    async with run_kit(skipping) as kit:
        kit.messenger.fails_with.append(MessageRefused(DeliveryFailure.ADDRESS_REFUSED))
        ticket = await kit.create_ticket(review=None)
        await kit.run_to_end(await kit.add_contact(ticket))
        [greeting] = kit.ticket(ticket).messages
        await kit.run_to_end(greeting.name)
    assert (greeting.state, greeting.failure_reason) == ("FAILED", "ADDRESS_REFUSED")


async def test_an_inactive_ticket_is_warned_of_and_closed(skipping: WorkflowEnvironment) -> None:
    async with run_kit(skipping) as kit:
        ticket = await kit.create_ticket()
        await kit.run_to_end(ticket)
    found = kit.ticket(ticket)
    assert found.fired_deadlines == ["INACTIVITY_WARNING", "INACTIVITY_CLOSE"]
    assert (found.status, found.close_reason) == ("CLOSED", "INACTIVITY")


async def test_an_illegal_command_is_refused(skipping: WorkflowEnvironment) -> None:
    async with CareTestKit(skipping, relay=False) as kit:
        ticket = await kit.create_ticket()
        with pytest.raises(FailedPrecondition) as locked:
            await kit.send_message(ticket)
        form = await kit.send_form(ticket)
        with pytest.raises(FailedPrecondition) as live:
            await kit.send_form(ticket)
        with pytest.raises(IllegalTransition) as early:
            await kit.reject_contact(form)
        await kit.close(ticket)
        with pytest.raises(FailedPrecondition) as closed:
            await kit.start(ticket)
    reasons = [caught.value.reason for caught in (locked, live, early, closed)]
    assert reasons == ["CHAT_LOCKED", "FORM_LIVE", "ILLEGAL_TRANSITION", "TICKET_CLOSED"]
    assert (early.value.machine, early.value.state) == ("recovery", "FORM_REQUESTED")


def test_a_policy_counts_whole_days() -> None:
    with pytest.raises(ValueError, match="grace must be a whole number of days"):
        Policy(grace=timedelta(hours=1))
