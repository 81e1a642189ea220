"""A fake of the service for `TicketWorkflow`, with one ticket."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.common import TypedSearchAttributes
from temporalio.worker import Worker

from care.v1 import worker_service_pb2 as worker
from care.v1.ticket_pb2 import TICKET_STATUS_CLOSED, TICKET_STATUS_OPEN
from care.v1.workflows_pb2 import TicketWorkflowInput, TicketWorkflowResult
from care_client.workflow_names import ticket_workflow_id
from care_workflows import activity_names
from care_workflows.ticket_workflow import TicketWorkflow
from tests.workflows.fake_activities import FakeActivities

Handle = WorkflowHandle[TicketWorkflow, TicketWorkflowResult]
PLANNED = datetime(2031, 5, 3, 14, 5, tzinfo=UTC)
"""The time of the service's plans."""


class FakeTicket(FakeActivities[worker.DeadlinePlan]):
    """One ticket. The last deadline closes the ticket."""

    def __init__(self, *waits: timedelta) -> None:
        super().__init__()
        self.number = uuid4().int % 10**9
        self.waits = list(waits)
        """The time until each deadline. Without any, the ticket has no deadline."""
        self.closed = False
        self.waits_for_customer = False

    @property
    def activities(self) -> Sequence[Callable[..., Any]]:
        return [self.get_next_deadline, self.fire_deadline]

    @activity.defn(name=activity_names.GET_NEXT_DEADLINE)
    async def get_next_deadline(self, start: TicketWorkflowInput) -> worker.DeadlinePlan:
        async with self._called(activity_names.GET_NEXT_DEADLINE):
            return await self._answer(activity_names.GET_NEXT_DEADLINE)

    @activity.defn(name=activity_names.FIRE_DEADLINE)
    async def fire_deadline(self, start: TicketWorkflowInput) -> worker.DeadlinePlan:
        async with self._called(activity_names.FIRE_DEADLINE):
            if self.waits:
                self.waits.pop(0)
                self.closed = not self.waits
            return await self._answer(activity_names.FIRE_DEADLINE)

    def plan(self) -> worker.DeadlinePlan:
        plan = worker.DeadlinePlan(
            step=worker.DEADLINE_STEP_DONE if self.closed else worker.DEADLINE_STEP_WAIT,
            ticket=f"organizations/acme/tickets/{self.number}",
            ticket_status=TICKET_STATUS_CLOSED if self.closed else TICKET_STATUS_OPEN,
        )
        plan.plan_time.FromDatetime(PLANNED)
        if self.waits_for_customer:
            plan.wait_time.FromDatetime(PLANNED)
        if self.waits and not self.closed:
            plan.kind = worker.DEADLINE_KIND_INACTIVITY_CLOSE
            plan.wait.FromTimedelta(self.waits[0])
            plan.deadline_time.FromDatetime(PLANNED + self.waits[0])
        return plan


@asynccontextmanager
async def run_ticket(
    client: Client, fake: FakeTicket, attributes: TypedSearchAttributes = TypedSearchAttributes.empty
) -> AsyncIterator[Handle]:
    """Runs a worker, and starts the workflow with a poke and without a plan. The relay starts workflows with a plan."""
    async with Worker(client, task_queue=fake.task_queue, workflows=[TicketWorkflow], activities=fake.activities):
        yield await client.start_workflow(
            TicketWorkflow.run,
            TicketWorkflowInput(ticket=f"organizations/acme/tickets/{fake.number}"),
            id=ticket_workflow_id("acme", fake.number),
            task_queue=fake.task_queue,
            start_signal="poke",
            search_attributes=attributes,
        )


async def until_doing(handle: Handle, expected: str) -> None:
    """Queries the workflow until its status contains `expected`. The timeout of the test limits the time."""
    while expected not in (await handle.query(TicketWorkflow.status)).doing:
        pass
