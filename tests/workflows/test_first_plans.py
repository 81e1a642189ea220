"""A workflow follows the plan with which it is started. A ticket's workflow also follows the plan in a close signal."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from google.protobuf.json_format import MessageToDict
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from care.v1 import recovery_pb2 as recovery
from care.v1 import worker_service_pb2 as worker
from care.v1.workflows_pb2 import ContactRecoveryInput, MessageDeliveryInput, TicketWorkflowInput
from care_client import workflow_names
from care_workflows import activity_names
from care_workflows.contact_recovery import ContactRecovery
from care_workflows.message_delivery import MessageDelivery
from care_workflows.ticket_workflow import TicketWorkflow
from tests.workflows.fake_delivery import FakeDelivery
from tests.workflows.fake_steps import FakeRecovery, until_doing
from tests.workflows.fake_ticket import FakeTicket, Handle
from tests.workflows.test_contact_recovery_for_operators import events

ASK, FIRE = activity_names.GET_NEXT_DEADLINE, activity_names.FIRE_DEADLINE
DAY = timedelta(days=1)


async def start_ticket(client: Client, fake: FakeTicket, first_task_after: timedelta | None = None) -> Handle:
    """Starts the workflow with its plan, as the relay does."""
    return await client.start_workflow(
        TicketWorkflow.run,
        TicketWorkflowInput(ticket=f"organizations/acme/tickets/{fake.number}", plan=fake.plan()),
        id=workflow_names.ticket_workflow_id("acme", fake.number),
        task_queue=fake.task_queue,
        start_delay=first_task_after,
    )


def ticket_worker(client: Client, fake: FakeTicket) -> Worker:
    return Worker(client, task_queue=fake.task_queue, workflows=[TicketWorkflow], activities=fake.activities)


@asynccontextmanager
async def waiting_ticket(client: Client, fake: FakeTicket) -> AsyncIterator[Handle]:
    """Runs a ticket's workflow that waits for its first deadline."""
    async with ticket_worker(client, fake):
        handle = await start_ticket(client, fake)
        while not (await handle.query(TicketWorkflow.status)).doing.startswith("Waiting until"):
            pass
        yield handle


async def test_a_ticket_waits_for_its_first_deadline_without_asking(skipping: WorkflowEnvironment) -> None:
    fake = FakeTicket(30 * DAY)
    begin = await skipping.get_current_time()
    async with waiting_ticket(skipping.client, fake) as handle:
        await handle.result()
    assert fake.calls == [FIRE]
    assert await skipping.get_current_time() - begin >= 30 * DAY


async def test_a_wait_counts_from_the_start_and_not_from_the_first_task(dev_client: Client) -> None:
    fake = FakeTicket(30 * DAY)
    late = timedelta(seconds=1)
    async with ticket_worker(dev_client, fake):
        handle = await start_ticket(dev_client, fake, first_task_after=late)
        while True:
            events_so_far = (await handle.fetch_history()).events
            timers = [each for each in events_so_far if each.HasField("timer_started_event_attributes")]
            if timers:
                break
        fires_after = timers[0].timer_started_event_attributes.start_to_fire_timeout.ToTimedelta()
        # The remaining wait is rounded to milliseconds.
        begin, first_task = events_so_far[0].event_time.ToDatetime(), timers[0].event_time.ToDatetime()
        assert first_task - begin >= late
        assert 30 * DAY - (first_task - begin) <= fires_after <= 30 * DAY - late
        await handle.terminate()


async def test_a_form_is_posted_without_asking(dev_client: Client) -> None:
    fake = FakeRecovery()
    async with Worker(dev_client, task_queue=fake.task_queue, workflows=[ContactRecovery], activities=fake.activities):
        handle = await dev_client.start_workflow(
            ContactRecovery.run,
            ContactRecoveryInput(recovery=fake.name, plan=fake.plan()),
            id=fake.name,
            task_queue=fake.task_queue,
        )
        await until_doing(handle, "Waiting for the customer")
        assert fake.calls == [activity_names.POST_REPLY]
        fake.end(recovery.RECOVERY_STATE_REFUSED)
        fake.public = False
        await handle.signal(ContactRecovery.poke)
        await handle.result()


async def test_a_message_is_sent_without_asking(dev_client: Client) -> None:
    fake = FakeDelivery()
    fake.ends_with_sending = True
    async with Worker(dev_client, task_queue=fake.task_queue, workflows=[MessageDelivery], activities=fake.activities):
        await dev_client.execute_workflow(
            MessageDelivery.run,
            MessageDeliveryInput(message=f"organizations/acme/tickets/17/messages/{fake.id}", plan=fake.plan()),
            id=fake.workflow_id,
            task_queue=fake.task_queue,
        )
    assert fake.calls == [activity_names.SEND_MESSAGE]


async def test_a_poke_before_the_first_task_makes_the_workflow_ask(dev_client: Client) -> None:
    fake = FakeTicket(30 * DAY)
    handle = await start_ticket(dev_client, fake)
    fake.closed = True
    await handle.signal(TicketWorkflow.poke)
    async with ticket_worker(dev_client, fake):
        await handle.result()
    assert fake.calls == [ASK]


# --- the signal of a close --------------------------------------------------------------------------------------------


async def test_a_closed_ticket_ends_its_workflow_without_asking(dev_client: Client) -> None:
    fake = FakeTicket(30 * DAY)
    async with waiting_ticket(dev_client, fake) as handle:
        fake.closed = True
        last = fake.plan()
        await handle.signal(workflow_names.TICKET_CLOSED, MessageToDict(last))
        assert (await handle.result()).plan == last
    assert fake.calls == []


async def test_a_close_before_the_first_task_ends_the_workflow(dev_client: Client) -> None:
    fake = FakeTicket(30 * DAY)
    handle = await start_ticket(dev_client, fake)
    fake.closed = True
    await handle.signal(workflow_names.TICKET_CLOSED, MessageToDict(fake.plan()))
    async with ticket_worker(dev_client, fake):
        await handle.result()
    assert fake.calls == []


def strange_arguments(fake: FakeTicket) -> list[list[object]]:
    """Returns arguments of the signal that are not the last plan of this ticket."""
    plan = fake.plan()
    waits, other = worker.DeadlinePlan(), worker.DeadlinePlan()
    waits.CopyFrom(plan)
    waits.step = worker.DEADLINE_STEP_WAIT
    other.CopyFrom(plan)
    other.ticket = "organizations/acme/tickets/1"
    return [[], ["closed"], [{"step": ["none"]}], [{}], [MessageToDict(waits)], [MessageToDict(other)], [{}, 2]]


async def test_a_close_without_the_last_plan_makes_the_workflow_ask(dev_client: Client) -> None:
    fake = FakeTicket(30 * DAY)
    async with waiting_ticket(dev_client, fake) as handle:
        fake.closed = True
        signals = strange_arguments(fake)
        fake.closed = False
        for number, arguments in enumerate(signals, start=1):
            await handle.signal(workflow_names.TICKET_CLOSED, args=arguments)
            await fake.until_called(ASK, number)
        fake.closed = True
        await handle.signal(TicketWorkflow.poke)
        await handle.result()


# --- local activities -------------------------------------------------------------------------------------------------


async def test_the_service_is_asked_by_a_local_activity(dev_client: Client) -> None:
    fake = FakeTicket(30 * DAY)
    async with waiting_ticket(dev_client, fake) as handle:
        fake.closed = True
        await handle.signal(TicketWorkflow.poke)
        await handle.result()
        found = await events(handle)
    assert fake.calls == [ASK]
    assert (found["MARKER_RECORDED"], found["ACTIVITY_TASK_SCHEDULED"]) == (1, 0)


@pytest.mark.parametrize("failures", [1, 2])
async def test_a_service_that_is_down_is_asked_by_an_activity(dev_client: Client, failures: int) -> None:
    """Operators see the attempts of an activity, but not those of a local activity."""
    fake = FakeTicket(30 * DAY)
    fake.failures[ASK] = [ApplicationError("UNAVAILABLE", next_retry_delay=timedelta(milliseconds=1))] * failures
    async with waiting_ticket(dev_client, fake) as handle:
        fake.closed = True
        await handle.signal(TicketWorkflow.poke)
        await handle.result()
        found = await events(handle)
    assert fake.calls == [ASK] * (failures + 1)
    assert (found["MARKER_RECORDED"], found["ACTIVITY_TASK_SCHEDULED"]) == (1, 1)
