"""The service and the provider as far as `MessageDelivery` sees them: activities of the real names over one message.

The provider would be asked again in a day, so what is asked in a test is asked because of a poke.
"""

import asyncio
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

PLANNED = datetime(2031, 5, 3, 14, 5, tzinfo=UTC)
"""When the service said that the provider is asked again in a day."""

Handle = WorkflowHandle[MessageDelivery, MessageDeliveryResult]


class FakeDelivery:
    """One message, and what the provider knows of it."""

    def __init__(self) -> None:
        self.task_queue = f"care-{uuid4().hex}"
        self.id = str(uuid4())
        self.state: DeliveryState.ValueType = DELIVERY_STATE_QUEUED
        self.arrived = False
        """Whether the provider says so from now on."""
        self.ends_with_sending = False
        """Whether there is nothing to be asked later."""
        self.down: list[str] = []
        """Activities whose next call fails, to be repeated in a day."""
        self.refused: list[str] = []
        """Activities whose next call the service refuses for good."""
        self.gates: dict[str, asyncio.Event] = {}
        """What an activity waits for between what it learned and its answer; each once."""
        self.calls: list[str] = []
        self._changed = asyncio.Condition()

    @property
    def workflow_id(self) -> str:
        return message_delivery_id("acme", 17, self.id)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is looked at whenever an activity begins or waits."""
        async with self._changed:
            await self._changed.wait_for(condition)

    async def until_called(self, name: str, times: int = 1) -> None:
        await self.until(lambda: self.calls.count(name) >= times)

    @property
    def activities(self) -> Sequence[Callable[..., Any]]:
        return [self.ask_delivery, self.send_message, self.check_message]

    @activity.defn(name=activity_names.ASK_DELIVERY)
    async def ask_delivery(self, start: MessageDeliveryInput) -> worker.DeliveryPlan:
        return await self._do(activity_names.ASK_DELIVERY)

    @activity.defn(name=activity_names.SEND_MESSAGE)
    async def send_message(self, start: MessageDeliveryInput) -> worker.DeliveryPlan:
        return await self._do(activity_names.SEND_MESSAGE)

    @activity.defn(name=activity_names.CHECK_MESSAGE)
    async def check_message(self, start: MessageDeliveryInput) -> worker.DeliveryPlan:
        return await self._do(activity_names.CHECK_MESSAGE)

    async def _do(self, name: str) -> worker.DeliveryPlan:
        self.calls.append(name)
        await self._notify()
        if name in self.down:
            self.down.remove(name)
            raise ApplicationError("TIMEOUT", type="MessengerUnavailable", next_retry_delay=timedelta(days=1))
        if name in self.refused:
            self.refused.remove(name)
            raise ApplicationError("TOKEN_EXPIRED", type="TOKEN_EXPIRED", non_retryable=True)
        if name == activity_names.SEND_MESSAGE:
            self.state = DELIVERY_STATE_DELIVERED if self.ends_with_sending else DELIVERY_STATE_SENT
        if name == activity_names.CHECK_MESSAGE and self.arrived:
            self.state = DELIVERY_STATE_DELIVERED
        plan = self._plan()
        if gate := self.gates.pop(name, None):
            await self._notify()
            await gate.wait()
        return plan

    def _plan(self) -> worker.DeliveryPlan:
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

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


@asynccontextmanager
async def carried(
    client: Client, fake: FakeDelivery, attributes: TypedSearchAttributes = TypedSearchAttributes.empty
) -> AsyncIterator[Handle]:
    """Run a worker, and the workflow as the relay starts it."""
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
    """Ask the workflow until it waits for the next check; the test's own timeout bounds it."""
    while not (status := await handle.query(MessageDelivery.status)).doing.startswith("Waiting"):
        pass
    return status
