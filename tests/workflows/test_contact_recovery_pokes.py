"""Pokes at any moment, on a real server: no poke is lost, does harm, or has to wait for a review site."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import RawValue
from temporalio.exceptions import CancelledError

from care.v1 import recovery_pb2 as recovery
from care.v1 import worker_service_pb2 as worker
from care_workflows import activity_names
from care_workflows.contact_recovery import ContactRecovery
from tests.workflows.conftest import CONTINUE_AFTER_EVENTS
from tests.workflows.fake_steps import FakeRecovery, recovery_worker, run_recovery, unavailable, until_doing, wake

CHECK, POST, READ = activity_names.CHECK_RECOVERY, activity_names.POST_REPLY, activity_names.READ_REPLY
RETRACT, UNLOCK = activity_names.RETRACT_REPLY, activity_names.UNLOCK_CHAT
IN_EACH_ATTEMPT = pytest.mark.parametrize("failed", [0, 1], ids=["local activity", "activity"])
"""The workflow first asks with a local activity, and gets signals only after it. If that fails, an activity asks."""


async def test_contact_that_arrives_while_the_site_is_down_is_unlocked_at_once(dev_client: Client) -> None:
    fake = FakeRecovery()
    fake.failures[POST] = [unavailable(timedelta(days=1))]
    async with run_recovery(dev_client, fake) as handle:
        await fake.until(lambda: not fake.failures[POST])
        fake.submit()
        await handle.signal(ContactRecovery.poke)
        await handle.result()
    # The pause of a day ended without a second attempt. The chat is unlocked before the workflow reads the outcome of
    # the first attempt from the site.
    assert fake.calls == [CHECK, POST, CHECK, UNLOCK, READ]


async def test_running_attempt_ends_before_the_workflow_continues(dev_client: Client) -> None:
    fake = FakeRecovery()
    fake.gate = asyncio.Event()
    async with run_recovery(dev_client, fake) as handle:
        await fake.until(lambda: fake.handed_out)
        fake.submit()
        await handle.signal(ContactRecovery.poke)
        # A query is answered after all earlier signals, so the poke has been processed.
        status = await handle.query(ContactRecovery.status)
        assert "Posting" in status.doing
        assert fake.calls == [CHECK, POST]
        fake.gate.set()
        await handle.result()
    assert fake.public
    assert fake.calls == [CHECK, POST, CHECK, UNLOCK]


async def test_form_withdrawn_while_it_is_posted_is_retracted(dev_client: Client) -> None:
    fake = FakeRecovery()
    async with run_recovery(dev_client, fake) as handle:

        async def withdraw() -> None:
            fake.end(recovery.RECOVERY_STATE_WITHDRAWN)
            await handle.signal(ContactRecovery.poke)

        fake.before_answer[POST] = withdraw
        await handle.result()
    assert fake.calls == [CHECK, POST, CHECK, RETRACT]
    assert not fake.public


async def test_form_withdrawn_before_the_outcome_was_known_is_read_first(dev_client: Client) -> None:
    fake = FakeRecovery()
    fake.failures[POST] = [unavailable(timedelta(days=1))]
    async with run_recovery(dev_client, fake) as handle:
        await fake.until(lambda: not fake.failures[POST])
        fake.public = True  # the failed attempt did post the reply
        fake.end(recovery.RECOVERY_STATE_WITHDRAWN)
        await handle.signal(ContactRecovery.poke)
        await handle.result()
    assert fake.calls == [CHECK, POST, CHECK, READ, RETRACT]
    assert not fake.public


async def test_poke_while_a_result_is_pending_prevents_the_sleep(dev_client: Client) -> None:
    fake = FakeRecovery()
    async with run_recovery(dev_client, fake) as handle:

        async def submit() -> None:
            fake.submit()
            await handle.signal(ContactRecovery.poke)

        fake.before_answer[POST] = submit  # the pending result says: wait for two weeks
        await handle.result()
    assert fake.calls == [CHECK, POST, CHECK, UNLOCK]


@IN_EACH_ATTEMPT
async def test_poke_while_the_service_is_asked_makes_the_workflow_ask_again(dev_client: Client, failed: int) -> None:
    fake = FakeRecovery()
    async with run_recovery(dev_client, fake) as handle:
        await until_doing(handle, "Waiting for the customer")

        async def submit() -> None:
            fake.submit()
            await handle.signal(ContactRecovery.poke)

        fake.failures[CHECK] = [unavailable() for _ in range(failed)]
        fake.before_answer[CHECK] = submit  # the pending result is older and says: wait for two weeks
        await handle.signal(ContactRecovery.poke)
        await handle.result()
    assert fake.calls == [CHECK, POST, *[CHECK] * failed, CHECK, CHECK, UNLOCK]


@IN_EACH_ATTEMPT
async def test_poke_while_the_last_result_is_pending_prevents_the_end(dev_client: Client, failed: int) -> None:
    fake = FakeRecovery(recovery.RECOVERY_KIND_DIRECT)
    fake.failures[UNLOCK] = [unavailable() for _ in range(failed)]
    async with run_recovery(dev_client, fake) as handle:

        async def reject() -> None:
            fake.end(recovery.RECOVERY_STATE_REJECTED)
            await handle.signal(ContactRecovery.poke)

        fake.before_answer[UNLOCK] = reject  # the pending result says: done
        result = await handle.result()
    assert fake.calls == [CHECK, *[UNLOCK] * failed, UNLOCK, CHECK]
    assert result.plan.state == recovery.RECOVERY_STATE_REJECTED


async def test_signals_of_any_shape_do_no_harm(dev_client: Client) -> None:
    fake = FakeRecovery()
    garbage = RawValue(Payload(metadata={"encoding": b"json/protobuf", "messageType": b"no.such.Message"}, data=b"{"))
    async with run_recovery(dev_client, fake) as handle:
        await until_doing(handle, "Waiting for the customer")
        for name, arguments in (
            ("poke", [1, "two", {"three": 4}]),
            ("poke", [garbage]),
            ("unheard_of", []),
            ("unheard_of", [garbage, garbage]),
        ):
            await handle.signal(name, args=arguments)
        status = await handle.query(ContactRecovery.status)
        assert status.plan.state == recovery.RECOVERY_STATE_AWAITING_CONTACT
        fake.submit()

        async def poke_often() -> None:
            for _ in range(10):
                await handle.signal(ContactRecovery.poke)

        fake.before_answer[CHECK] = poke_often
        await handle.signal(ContactRecovery.poke)
        await handle.result()
    assert fake.state == recovery.RECOVERY_STATE_CHAT_UNLOCKED
    assert fake.calls.count(POST) == fake.calls.count(UNLOCK) == 1


async def test_wake_runs_a_completed_workflow_again(dev_client: Client) -> None:
    fake = FakeRecovery(recovery.RECOVERY_KIND_DIRECT)
    async with recovery_worker(dev_client, fake):
        first = await wake(dev_client, fake)
        await first.result()
        fake.end(recovery.RECOVERY_STATE_REJECTED)
        second = await wake(dev_client, fake)
        result = await second.result()
    assert second.result_run_id != first.result_run_id
    assert result.plan.step == worker.RECOVERY_STEP_DONE
    assert fake.calls == [CHECK, UNLOCK, CHECK]


async def test_long_history_continues_as_new_and_loses_nothing(dev_client: Client) -> None:
    fake = FakeRecovery()
    async with run_recovery(dev_client, fake) as handle:
        await fake.until(lambda: fake.public)
        for _ in range(CONTINUE_AFTER_EVENTS // 4):  # each poke makes more than four events
            checks = fake.calls.count(CHECK)
            await handle.signal(ContactRecovery.poke)
            await fake.until_called(CHECK, checks + 1)
        latest = dev_client.get_workflow_handle(handle.id)
        assert (await latest.describe()).run_id != handle.result_run_id
        fake.submit()
        await latest.signal(ContactRecovery.poke)
        await handle.result()  # waits for the last run
    assert fake.state == recovery.RECOVERY_STATE_CHAT_UNLOCKED
    assert fake.calls.count(POST) == 1


async def test_cancelled_workflow_lets_the_attempt_end(dev_client: Client) -> None:
    fake = FakeRecovery()
    fake.gate = asyncio.Event()
    async with run_recovery(dev_client, fake) as handle:
        await fake.until(lambda: fake.handed_out)
        await handle.cancel()
        await handle.query(ContactRecovery.status)  # a query is answered after the cancellation was processed
        assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
        fake.gate.set()
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
    assert isinstance(caught.value.cause, CancelledError)
    assert fake.public
