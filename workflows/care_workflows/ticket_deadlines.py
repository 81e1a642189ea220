"""The activities of `TicketWorkflow`: they ask the service, which alone knows deadlines."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from temporalio import activity

from care.v1.worker_service_pb2 import DeadlinePlan, FireDeadlineRequest, GetNextDeadlineRequest
from care.v1.workflows_pb2 import TicketWorkflowInput
from care_workflows import failures, steps

if TYPE_CHECKING:  # this class exists for type checkers only
    from care.v1.worker_service_pb2_grpc import WorkerServiceAsyncStub


class TicketActivities:
    """The steps, each of which returns the service's next plan; holds its client only.

    Where the service refuses, they raise an ``ApplicationError`` whose type is the contract's reason; see ``failures``.
    """

    def __init__(self, workers: "WorkerServiceAsyncStub") -> None:
        """Act for the service behind ``workers``."""
        self._workers = workers

    @property
    def all(self) -> Sequence[Callable[..., Awaitable[Any]]]:
        """Every activity, as ``Worker(activities=…)`` takes them."""
        return [self.get_next_deadline, self.fire_deadline]

    @activity.defn(name=steps.GET_NEXT_DEADLINE)
    async def get_next_deadline(self, start: TicketWorkflowInput) -> DeadlinePlan:
        """Ask what happens to the ticket by itself next."""
        with failures.of_service():
            return (await self._workers.GetNextDeadline(GetNextDeadlineRequest(name=start.ticket))).plan

    @activity.defn(name=steps.FIRE_DEADLINE)
    async def fire_deadline(self, start: TicketWorkflowInput) -> DeadlinePlan:
        """Let the deadline that is over have its effect."""
        with failures.of_service():
            return (await self._workers.FireDeadline(FireDeadlineRequest(name=start.ticket))).plan
