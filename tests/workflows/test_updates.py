"""Updates by operators on a real server: each follows the service's rules, and its result says what happened."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateHandle, WorkflowUpdateStage
from temporalio.exceptions import ApplicationError

from care.v1 import recovery_pb2 as recovery
from care_workflows import activity_names
from care_workflows.contact_recovery import ContactRecovery
from care_workflows.ticket_workflow import TicketWorkflow
from tests.workflows import fake_ticket
from tests.workflows.conftest import CONTINUE_AFTER_EVENTS
from tests.workflows.fake_activities import refused
from tests.workflows.fake_steps import FakeRecovery, run_recovery, unavailable, until_doing
from tests.workflows.fake_ticket import FakeTicket

CHECK, POST, RETRACT = activity_names.CHECK_RECOVERY, activity_names.POST_REPLY, activity_names.RETRACT_REPLY


async def rejection(update: object) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await update  # type: ignore[misc]
    assert isinstance(failed.value.cause, ApplicationError)
    return failed.value.cause.type or ""


async def test_look_again_returns_the_resulting_status(dev_client: Client) -> None:
    fake = FakeRecovery()
    async with run_recovery(dev_client, fake) as handle:
        await until_doing(handle, "Waiting for the customer")
        asked = fake.calls.count(CHECK)
        text = await handle.execute_update(ContactRecovery.look_again)
        assert text == "Waiting for the customer to answer the form."
        assert fake.calls.count(CHECK) == asked + 1
        fake.submit()
        # The workflow asks, unlocks the chat and ends. The update gets the status during the unlocking or at the end.
        text = await handle.execute_update(ContactRecovery.look_again)
        assert text in {"Opening the chat.", "The chat is open."}
        assert (await handle.result()).plan.state == recovery.RECOVERY_STATE_CHAT_UNLOCKED


async def test_concurrent_updates_are_all_answered(dev_client: Client) -> None:
    fake = FakeRecovery()
    async with run_recovery(dev_client, fake) as handle:
        await until_doing(handle, "Waiting for the customer")
        answers = await asyncio.gather(*(handle.execute_update(ContactRecovery.look_again) for _ in range(8)))
        assert set(answers) == {"Waiting for the customer to answer the form."}


async def test_an_update_returns_the_refusal_of_the_service(dev_client: Client) -> None:
    fake = FakeRecovery()
    async with run_recovery(dev_client, fake) as handle:
        await until_doing(handle, "Waiting for the customer")
        fake.failures[CHECK] = [refused("TOKEN_EXPIRED")]
        assert "TOKEN_EXPIRED" in await handle.execute_update(ContactRecovery.look_again)


async def test_posting_again_does_not_wait_for_the_pause(dev_client: Client) -> None:
    fake = FakeRecovery()
    fake.failures[POST] = [unavailable(timedelta(days=1))]
    async with run_recovery(dev_client, fake) as handle:
        await fake.until(lambda: not fake.failures[POST])
        await handle.execute_update(ContactRecovery.post_again_now)
        await until_doing(handle, "Waiting for the customer")
        assert fake.calls.count(POST) == 2
        assert await rejection(handle.execute_update(ContactRecovery.post_again_now)) == "NOTHING_TO_POST"


async def test_expire_now_ends_the_form_and_removes_its_link(dev_client: Client) -> None:
    fake = FakeRecovery()
    async with run_recovery(dev_client, fake) as handle:
        await until_doing(handle, "Waiting for the customer")
        await handle.execute_update(ContactRecovery.expire_now)
        assert (await handle.result()).plan.state == recovery.RECOVERY_STATE_EXPIRED
    assert fake.calls[-2:] == [activity_names.EXPIRE_FORM_NOW, RETRACT]
    assert not fake.public


async def test_expire_now_does_not_end_an_answered_form(dev_client: Client) -> None:
    fake = FakeRecovery()
    async with run_recovery(dev_client, fake) as handle:
        await until_doing(handle, "Waiting for the customer")
        fake.submit()
        await handle.execute_update(ContactRecovery.expire_now)
        assert (await handle.result()).plan.state == recovery.RECOVERY_STATE_CHAT_UNLOCKED


async def test_expire_now_is_rejected_without_a_live_form(dev_client: Client) -> None:
    fake = FakeRecovery(recovery.RECOVERY_KIND_DIRECT)
    fake.failures[activity_names.UNLOCK_CHAT] = [unavailable(timedelta(days=1))] * 2
    async with run_recovery(dev_client, fake) as handle:
        await until_doing(handle, "Opening the chat")
        assert await rejection(handle.execute_update(ContactRecovery.expire_now)) == "NO_FORM"
        await handle.signal(ContactRecovery.poke)


async def test_a_ticket_workflow_can_look_again(dev_client: Client) -> None:
    fake = FakeTicket(timedelta(days=30))
    async with fake_ticket.run_ticket(dev_client, fake) as handle:
        await fake_ticket.until_doing(handle, "Waiting until the ticket is closed for inactivity")
        fake.closed = True
        assert await handle.execute_update(TicketWorkflow.look_again) == "Done: the ticket is CLOSED."
        await handle.result()


async def test_an_update_is_answered_before_continuing_as_new(dev_client: Client) -> None:
    fake = FakeTicket(timedelta(days=30))
    async with fake_ticket.run_ticket(dev_client, fake) as handle:
        await fake_ticket.until_doing(handle, "Waiting until")
        first = (await handle.describe()).run_id
        for _ in range(CONTINUE_AFTER_EVENTS):
            assert await handle.execute_update(TicketWorkflow.look_again)
            if (await handle.describe()).run_id != first:
                break
        else:
            raise AssertionError("it never continued as new")
        await fake_ticket.until_doing(handle, "Waiting until")
        fake.closed = True
        await handle.execute_update(TicketWorkflow.look_again)


async def test_an_unanswered_update_postpones_continuing_as_new(dev_client: Client) -> None:
    fake = FakeTicket(timedelta(days=30))
    async with fake_ticket.run_ticket(dev_client, fake) as handle:
        await fake_ticket.until_doing(handle, "Waiting until")
        first = (await handle.describe()).run_id
        for _ in range(CONTINUE_AFTER_EVENTS):
            accepted: list[WorkflowUpdateHandle[str]] = []

            async def look(accepted: list[WorkflowUpdateHandle[str]] = accepted) -> None:
                stage = WorkflowUpdateStage.ACCEPTED
                accepted.append(await handle.start_update(TicketWorkflow.look_again, wait_for_stage=stage))

            # The second update is accepted while the workflow asks the service for the first one. So the second still
            # waits after the first has its result. A workflow accepts no update during a local activity. So the local
            # activity fails, and the workflow asks with an activity.
            fake.failures[activity_names.GET_NEXT_DEADLINE] = [unavailable()]
            fake.before_answer[activity_names.GET_NEXT_DEADLINE] = look
            assert await handle.execute_update(TicketWorkflow.look_again)
            assert await accepted[0].result()
            if (await handle.describe()).run_id != first:
                break
        else:
            raise AssertionError("it never continued as new")
        await fake_ticket.until_doing(handle, "Waiting until")
        fake.closed = True
        await handle.execute_update(TicketWorkflow.look_again)
