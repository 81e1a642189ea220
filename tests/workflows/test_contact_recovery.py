"""`ContactRecovery` follows the service's plans. The test server skips time, so days take moments.

Pokes during an activity are tested in `test_contact_recovery_pokes`: the time-skipping server orders them differently
from the real one.
"""

from datetime import UTC, timedelta

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from care.v1 import recovery_pb2 as recovery
from care.v1 import worker_service_pb2 as worker
from care_workflows import activity_names
from care_workflows.contact_recovery import ContactRecovery
from tests.workflows.fake_activities import refused
from tests.workflows.fake_steps import FORM_TIME, HOLD_TIME, FakeRecovery, run_recovery, unavailable, until_doing

CHECK, POST, READ = activity_names.CHECK_RECOVERY, activity_names.POST_REPLY, activity_names.READ_REPLY
RETRACT, UNLOCK, EXPIRE = activity_names.RETRACT_REPLY, activity_names.UNLOCK_CHAT, activity_names.EXPIRE_FORM


FIRST_PAUSE = timedelta(minutes=1)


async def test_form_is_posted_answered_after_days_and_the_chat_unlocked(skipping: WorkflowEnvironment) -> None:
    fake = FakeRecovery()
    async with run_recovery(skipping.client, fake) as handle:
        await until_doing(handle, "Waiting for the customer")
        await skipping.sleep(timedelta(days=3))
        fake.submit()
        await handle.signal(ContactRecovery.poke)
        result = await handle.result()
    assert fake.state == recovery.RECOVERY_STATE_CHAT_UNLOCKED
    assert result.plan.step == worker.RECOVERY_STEP_DONE
    # The response to a report is the next plan, so the workflow asks for no plan between two steps.
    assert fake.calls == [CHECK, POST, CHECK, UNLOCK]


async def test_known_contact_is_unlocked_at_once(skipping: WorkflowEnvironment) -> None:
    fake = FakeRecovery(recovery.RECOVERY_KIND_DIRECT)
    async with run_recovery(skipping.client, fake) as handle:
        await handle.result()
    assert fake.calls == [CHECK, UNLOCK]


async def test_refused_reply_ends_the_recovery(skipping: WorkflowEnvironment) -> None:
    fake = FakeRecovery()
    fake.refusals[POST] = [recovery.REFUSAL_REASON_LINKS_NOT_ALLOWED]
    async with run_recovery(skipping.client, fake) as handle:
        result = await handle.result()
        status = await handle.query(ContactRecovery.status)
    assert result.plan.state == recovery.RECOVERY_STATE_REFUSED
    assert fake.calls == [CHECK, POST]
    assert status.plan == result.plan


async def test_unanswered_form_expires_and_its_link_is_removed(skipping: WorkflowEnvironment) -> None:
    fake = FakeRecovery()
    async with run_recovery(skipping.client, fake) as handle:
        result = await handle.result()
    assert fake.posted
    assert result.plan.plan_time.ToDatetime(UTC) - fake.posted >= FORM_TIME
    assert fake.state == recovery.RECOVERY_STATE_EXPIRED
    assert not fake.public
    assert fake.calls == [CHECK, POST, CHECK, EXPIRE, RETRACT]


async def test_refused_retraction_is_tried_again_after_a_pause(skipping: WorkflowEnvironment) -> None:
    fake = FakeRecovery()
    fake.refusals[RETRACT] = [recovery.REFUSAL_REASON_OTHER, recovery.REFUSAL_REASON_OTHER]
    async with run_recovery(skipping.client, fake) as handle:
        await handle.result()
    assert fake.calls == [CHECK, POST, CHECK, EXPIRE, RETRACT, CHECK, RETRACT, CHECK, RETRACT]
    assert not fake.public


async def test_reply_removed_by_moderation_ends_the_recovery(skipping: WorkflowEnvironment) -> None:
    fake = FakeRecovery()
    async with run_recovery(skipping.client, fake) as handle:
        await until_doing(handle, "Waiting for the customer")
        fake.handed_out = True  # a moderation check is due
        fake.refusals[READ] = [recovery.REFUSAL_REASON_TAKEN_DOWN]
        await handle.signal(ContactRecovery.poke)
        result = await handle.result()
    assert result.plan.refusal_reason == recovery.REFUSAL_REASON_TAKEN_DOWN
    assert fake.calls == [CHECK, POST, CHECK, READ]


async def test_recovery_on_hold_continues_after_the_hold_time(skipping: WorkflowEnvironment) -> None:
    fake = FakeRecovery()
    fake.holds = 3
    async with run_recovery(skipping.client, fake) as handle:
        await skipping.sleep(4 * HOLD_TIME)
        await until_doing(handle, "Waiting for the customer")
        fake.submit()
        await handle.signal(ContactRecovery.poke)
        await handle.result()
    assert fake.calls == [CHECK, CHECK, CHECK, CHECK, POST, CHECK, UNLOCK]


async def test_site_that_comes_back_gets_the_reply(skipping: WorkflowEnvironment) -> None:
    fake = FakeRecovery()
    fake.failures[POST] = [unavailable() for _ in range(20)]
    async with run_recovery(skipping.client, fake) as handle:
        await handle.result()  # the form expires at the end
    assert fake.calls.count(POST) == 21
    assert fake.posted


async def test_service_that_is_down_is_asked_until_it_answers(skipping: WorkflowEnvironment) -> None:
    fake = FakeRecovery(recovery.RECOVERY_KIND_DIRECT)
    fake.failures[CHECK] = [ApplicationError("UNAVAILABLE", type="DATABASE_UNAVAILABLE") for _ in range(12)]
    async with run_recovery(skipping.client, fake) as handle:
        await handle.result()
    assert fake.calls == [CHECK] * 13 + [UNLOCK]


@pytest.mark.parametrize("step", [CHECK, POST])
async def test_refused_worker_pauses_and_continues_once_it_is_allowed(skipping: WorkflowEnvironment, step: str) -> None:
    fake = FakeRecovery()
    fake.failures[step] = [refused("TOKEN_EXPIRED") for _ in range(10)]
    async with run_recovery(skipping.client, fake) as handle:
        await handle.result()
    assert fake.state == recovery.RECOVERY_STATE_EXPIRED
    assert fake.calls.count(step) >= 11


async def test_poke_ends_the_pause_of_a_refused_worker(skipping: WorkflowEnvironment) -> None:
    fake = FakeRecovery(recovery.RECOVERY_KIND_DIRECT)
    fake.failures[CHECK] = [refused("TOKEN_EXPIRED")]
    async with run_recovery(skipping.client, fake) as handle:
        await until_doing(handle, "TOKEN_EXPIRED")
        before = await skipping.get_current_time()
        await handle.signal(ContactRecovery.poke)
        result = await handle.result()
    assert result.plan.plan_time.ToDatetime(UTC) - before < FIRST_PAUSE
    assert fake.calls == [CHECK, CHECK, UNLOCK]


async def test_step_of_a_newer_service_waits_for_a_newer_worker(skipping: WorkflowEnvironment) -> None:
    fake = FakeRecovery(recovery.RECOVERY_KIND_DIRECT)
    fake.unknown_step = True
    async with run_recovery(skipping.client, fake) as handle:
        await handle.result()
    assert fake.calls == [CHECK, CHECK, UNLOCK]


async def test_recovery_that_does_not_exist_fails_once(skipping: WorkflowEnvironment) -> None:
    fake = FakeRecovery()
    fake.failures[CHECK] = [refused("RESOURCE_NOT_FOUND")]
    async with run_recovery(skipping.client, fake) as handle:
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.type == "RESOURCE_NOT_FOUND"
    assert fake.name in str(caught.value.cause)
    assert fake.calls == [CHECK]


async def test_invalid_name_fails_without_a_call(skipping: WorkflowEnvironment) -> None:
    fake = FakeRecovery()
    fake.name = "tickets/17"
    async with run_recovery(skipping.client, fake) as handle:
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.type == "INVALID_FIELD"
    assert fake.calls == []
