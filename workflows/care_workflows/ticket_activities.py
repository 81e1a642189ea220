"""The activities of `TicketWorkflow`. They call the service, which computes all deadlines."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from temporalio import activity

from care.v1.worker_service_pb2 import DeadlinePlan, FireDeadlineRequest, GetNextDeadlineRequest
from care.v1.workflows_pb2 import TicketWorkflowInput
from care_workflows import activity_names
from care_workflows.attempts import service_step

if TYPE_CHECKING:  # this class exists for type checkers only
    from care.v1.worker_service_pb2_grpc import WorkerServiceAsyncStub


class TicketActivities:
    """Each activity returns the service's next plan.

    If the service refuses a call, the activity raises ``ApplicationError`` with the error reason as its type; see
    ``failures``.
    """

    def __init__(self, workers: "WorkerServiceAsyncStub") -> None:
        """``workers`` is the stub that calls the service."""
        self._workers = workers

    @property
    def all(self) -> Sequence[Callable[..., Awaitable[Any]]]:
        """Every activity, as ``Worker(activities=…)`` takes them."""
        return [self.get_next_deadline, self.fire_deadline]

    @activity.defn(name=activity_names.GET_NEXT_DEADLINE)
    async def get_next_deadline(self, start: TicketWorkflowInput) -> DeadlinePlan:
        """Asks the service for the ticket's next deadline."""
        async with service_step():
            return (await self._workers.GetNextDeadline(GetNextDeadlineRequest(name=start.ticket))).plan

    @activity.defn(name=activity_names.FIRE_DEADLINE)
    async def fire_deadline(self, start: TicketWorkflowInput) -> DeadlinePlan:
        """Makes the service carry out the first deadline that is due; changes nothing if none is due."""
        async with service_step():
            return (await self._workers.FireDeadline(FireDeadlineRequest(name=start.ticket))).plan
