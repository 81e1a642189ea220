"""`TicketWorkflow` sleeps until a deadline, fires it, and asks the service again when it is poked."""

from datetime import timedelta

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from care.v1 import worker_service_pb2 as worker
from care.v1.workflows_pb2 import TicketWorkflowInput
from care_workflows import activity_names
from care_workflows.ticket_workflow import TicketWorkflow
from tests.workflows.fake_activities import refused
from tests.workflows.fake_ticket import PLANNED, FakeTicket, run_ticket, until_doing
from tests.workflows.test_contact_recovery_for_operators import AS_STARTED, attributes, details, events

ASK, FIRE = activity_names.GET_NEXT_DEADLINE, activity_names.FIRE_DEADLINE
MONTH = timedelta(days=30)


async def test_each_deadline_is_fired_at_its_time(skipping: WorkflowEnvironment) -> None:
    fake = FakeTicket(MONTH, timedelta(hours=1), 3 * MONTH)
    begin = await skipping.get_current_time()
    async with run_ticket(skipping.client, fake) as handle:
        result = await handle.result()
    assert fake.calls == [ASK, FIRE, FIRE, FIRE]
    assert result.plan.step == worker.DEADLINE_STEP_DONE
    assert await skipping.get_current_time() - begin >= 4 * MONTH + timedelta(hours=1)


async def test_a_poke_brings_an_earlier_deadline(skipping: WorkflowEnvironment) -> None:
    fake = FakeTicket(10 * MONTH)
    begin = await skipping.get_current_time()
    async with run_ticket(skipping.client, fake) as handle:
        await until_doing(handle, "Waiting")
        fake.waits = [MONTH]
        await handle.signal(TicketWorkflow.poke)
        # Time may pass only now, when the workflow no longer sleeps until the old deadline.
        while (await handle.query(TicketWorkflow.status)).plan.wait.ToTimedelta() != MONTH:
            pass
        await handle.result()
        closed = (await handle.describe()).close_time
    assert fake.calls == [ASK, ASK, FIRE]
    assert closed is not None
    assert closed - begin < 2 * MONTH


async def test_a_ticket_without_deadlines_waits_for_a_poke(dev_client: Client) -> None:
    fake = FakeTicket()
    async with run_ticket(dev_client, fake, AS_STARTED) as handle:
        await until_doing(handle, "Waiting: the ticket has no deadline")
        assert "CareNextDeadline" not in await attributes(handle)
        fake.closed = True
        await handle.signal(TicketWorkflow.poke)
        await handle.result()
        found = await events(handle)
    assert fake.calls == [ASK, ASK]
    assert found["TIMER_STARTED"] == found["UPSERT_WORKFLOW_SEARCH_ATTRIBUTES"] == 0


async def test_unknown_signals_and_strange_arguments_do_no_harm(dev_client: Client) -> None:
    fake = FakeTicket(MONTH)
    async with run_ticket(dev_client, fake) as handle:
        await until_doing(handle, "Waiting")
        await handle.signal("settings-changed", "twice")
        fake.closed = True
        await handle.signal("poke", args=["with", 2, "arguments"])
        await handle.result()
    assert fake.calls == [ASK, ASK]


async def test_operators_see_what_comes_next_and_when(dev_client: Client) -> None:
    fake = FakeTicket(MONTH)
    fake.waits_for_customer = True
    async with run_ticket(dev_client, fake, AS_STARTED) as handle:
        await until_doing(handle, "Waiting until the ticket is closed for inactivity")
        found = await attributes(handle)
        assert (found["CareWaitsFor"], found["CareNextDeadline"]) == ("customer", PLANNED + MONTH)
        shown = await details(handle)
        assert "- Next: the ticket is closed for inactivity, 2031-06-02 14:05:00 UTC" in shown
        assert "- Waiting for the customer since 2031-05-03 14:05:00 UTC" in shown
        fake.closed = True
        await handle.signal(TicketWorkflow.poke)
        await handle.result()
        assert await attributes(handle) == found


async def test_a_worker_that_is_refused_waits_for_an_operator(dev_client: Client) -> None:
    fake = FakeTicket()
    fake.failures[ASK] = [refused("TOKEN_EXPIRED")]
    async with run_ticket(dev_client, fake, AS_STARTED) as handle:
        await until_doing(handle, "TOKEN_EXPIRED")
        assert (await attributes(handle))["CareWaitsFor"] == "operator"
        fake.closed = True
        await handle.signal(TicketWorkflow.poke)
        await handle.result()


async def test_an_invalid_ticket_name_fails_at_once(dev_client: Client) -> None:
    async with Worker(dev_client, task_queue="care-none", workflows=[TicketWorkflow]):
        start = TicketWorkflowInput(ticket="organizations/acme/tickets/seven")
        with pytest.raises(WorkflowFailureError) as failed:
            await dev_client.execute_workflow(TicketWorkflow.run, start, id="ticket/none", task_queue="care-none")
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "INVALID_FIELD"


async def test_a_long_history_continues_as_new(dev_client: Client) -> None:
    fake = FakeTicket(MONTH)
    async with run_ticket(dev_client, fake) as handle:
        first = handle.first_execution_run_id
        while (await handle.describe()).run_id == first:
            await handle.signal(TicketWorkflow.poke)
            await until_doing(handle, "Waiting")
        fake.closed = True
        await dev_client.get_workflow_handle(handle.id).signal("poke")
        await dev_client.get_workflow_handle(handle.id).result()
