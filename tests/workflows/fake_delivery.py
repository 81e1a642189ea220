"""A fake of the service and the provider for `MessageDelivery`, with one message.

By the plan, the workflow asks the provider again in a day. So every check within a test is the effect of a poke.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.common import TypedSearchAttributes
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from care.v1 import worker_service_pb2 as worker
from care.v1.message_pb2 import (
    CHANNEL_SMS,
    DELIVERY_STATE_DELIVERED,
    DELIVERY_STATE_QUEUED,
    DELIVERY_STATE_SENT,
    DeliveryState,
)
from care.v1.workflows_pb2 import MessageDeliveryInput, MessageDeliveryResult, MessageDeliveryStatus
from care_client.workflow_names import message_delivery_id
from care_workflows import activity_names
from care_workflows.message_delivery import MessageDelivery
from tests.workflows.fake_activities import FakeActivities

PLANNED = datetime(2031, 5, 3, 14, 5, tzinfo=UTC)
"""The `plan_time` of the plans that make the workflow wait for a day."""

Handle = WorkflowHandle[MessageDelivery, MessageDeliveryResult]


def unavailable() -> ApplicationError:
    """Returns the error of an attempt while the provider is down. Temporal retries the attempt after a day."""
    return ApplicationError("TIMEOUT", type="MessengerUnavailable", next_retry_delay=timedelta(days=1))


class FakeDelivery(FakeActivities[worker.DeliveryPlan]):
    """One message, and its state at the provider."""

    def __init__(self) -> None:
        super().__init__()
        self.id = str(uuid4())
        self.state: DeliveryState.ValueType = DELIVERY_STATE_QUEUED
        self.arrived = False
        """Whether the provider reports the message as delivered from now on."""
        self.ends_with_sending = False
        """Whether the channel reports no more after sending."""

    @property
    def workflow_id(self) -> str:
        return message_delivery_id("acme", 17, self.id)

    @property
    def activities(self) -> Sequence[Callable[..., Any]]:
        return [self.ask_delivery, self.send_message, self.check_message]

    @activity.defn(name=activity_names.ASK_DELIVERY)
    async def ask_delivery(self, start: MessageDeliveryInput) -> worker.DeliveryPlan:
        async with self._called(activity_names.ASK_DELIVERY):
            return await self._answer(activity_names.ASK_DELIVERY)

    @activity.defn(name=activity_names.SEND_MESSAGE)
    async def send_message(self, start: MessageDeliveryInput) -> worker.DeliveryPlan:
        async with self._called(activity_names.SEND_MESSAGE):
            self._fail(activity_names.SEND_MESSAGE)
            self.state = DELIVERY_STATE_DELIVERED if self.ends_with_sending else DELIVERY_STATE_SENT
            return await self._answer(activity_names.SEND_MESSAGE)

    @activity.defn(name=activity_names.CHECK_MESSAGE)
    async def check_message(self, start: MessageDeliveryInput) -> worker.DeliveryPlan:
        async with self._called(activity_names.CHECK_MESSAGE):
            self._fail(activity_names.CHECK_MESSAGE)
            if self.arrived:
                self.state = DELIVERY_STATE_DELIVERED
            return await self._answer(activity_names.CHECK_MESSAGE)

    def plan(self) -> worker.DeliveryPlan:
        plan = worker.DeliveryPlan(state=self.state, channel=CHANNEL_SMS, ticket="organizations/acme/tickets/17")
        if self.state == DELIVERY_STATE_QUEUED:
            plan.step = worker.DELIVERY_STEP_SEND
        elif self.state == DELIVERY_STATE_SENT:
            plan.step = worker.DELIVERY_STEP_WAIT
            plan.wait.FromTimedelta(timedelta(days=1))
            plan.plan_time.FromDatetime(PLANNED)
        else:
            plan.step = worker.DELIVERY_STEP_DONE
        return plan


@asynccontextmanager
async def run_delivery(
    client: Client, fake: FakeDelivery, attributes: TypedSearchAttributes = TypedSearchAttributes.empty
) -> AsyncIterator[Handle]:
    """Runs a worker, and starts the workflow with a poke and without a plan. The relay starts workflows with a plan."""
    async with Worker(client, task_queue=fake.task_queue, workflows=[MessageDelivery], activities=fake.activities):
        yield await client.start_workflow(
            MessageDelivery.run,
            MessageDeliveryInput(message=f"organizations/acme/tickets/17/messages/{fake.id}"),
            id=fake.workflow_id,
            task_queue=fake.task_queue,
            start_signal="poke",
            search_attributes=attributes,
        )


async def until_waiting(handle: Handle) -> MessageDeliveryStatus:
    """Queries the workflow until it waits for the next check. The timeout of the test limits the time."""
    while not (status := await handle.query(MessageDelivery.status)).doing.startswith("Waiting"):
        pass
    return status
