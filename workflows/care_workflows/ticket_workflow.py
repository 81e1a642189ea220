"""The workflow `TicketWorkflow`: what becomes of a ticket by time alone, from its creation to its close."""

from collections.abc import Sequence

from temporalio import workflow
from temporalio.exceptions import ApplicationError

# Passed through the sandbox: none of it keeps state, and generated code may exist once in a process only.
with workflow.unsafe.imports_passed_through():
    from care.v1 import worker_service_pb2 as worker
    from care.v1.worker_service_pb2 import DeadlinePlan
    from care.v1.workflows_pb2 import TicketWorkflowInput, TicketWorkflowResult, TicketWorkflowStatus
    from care_workflows import search_attributes, steps
    from care_workflows import ticket_wording as wording
    from care_workflows.following import SHORTEST_WAIT, Following
    from care_workflows.names import parse_ticket


@workflow.defn
class TicketWorkflow(Following[DeadlinePlan]):
    """Sleeps until the ticket's next deadline, and lets it have its effect: reminders, missed deadlines, the close.

    It knows no deadline itself: the service names the next one, and decides anew when it is over. A poke says only that
    the next one may be sooner than it was.
    """

    @workflow.init
    def __init__(self, start: TicketWorkflowInput) -> None:
        """Begin without a plan, so that the first thing is to ask."""
        super().__init__(start, start.ticket, DeadlinePlan)

    @workflow.run
    async def run(self, start: TicketWorkflowInput) -> TicketWorkflowResult:
        """Follow the service's plans until the ticket is CLOSED.

        Fails with INVALID_FIELD or RESOURCE_NOT_FOUND where ``start`` names no ticket, as ``ContactRecovery`` does.
        """
        try:
            parse_ticket(start.ticket)
        except ValueError as error:
            raise ApplicationError(str(error), type="INVALID_FIELD", non_retryable=True) from None
        return TicketWorkflowResult(plan=await self._follow_to_the_end(steps.GET_NEXT_DEADLINE))

    @workflow.query
    def status(self) -> TicketWorkflowStatus:
        """Say what it is waiting for and what the service said last."""
        return TicketWorkflowStatus(doing=self._doing, plan=self._plan)

    def _is_over(self, plan: DeadlinePlan) -> bool:
        return plan.step == worker.DEADLINE_STEP_DONE

    async def _take_step(self, plan: DeadlinePlan) -> DeadlinePlan | None:
        if plan.step == worker.DEADLINE_STEP_FIRE:
            return await self._ask(steps.FIRE_DEADLINE)
        if plan.step != worker.DEADLINE_STEP_WAIT:  # of a service that is newer than this worker
            await self._pause(wording.doing(plan))
            return None
        if not plan.HasField("wait"):
            await workflow.wait_condition(lambda: self._poked)
            return None
        await self._sleep(max(plan.wait.ToTimedelta(), SHORTEST_WAIT), wording.next_words(plan))
        # Nothing says that it is over but the clock: fired at once, as one that is not due any more is no harm.
        return None if self._poked else await self._ask(steps.FIRE_DEADLINE)

    def _doing_words(self, plan: DeadlinePlan) -> str:
        return wording.doing(plan)

    def _details(self, plan: DeadlinePlan, words: str) -> str:
        return wording.details(plan, words)

    def _updates(self, plan: DeadlinePlan) -> Sequence[search_attributes.Update]:
        return search_attributes.ticket_updates(plan, workflow.info().typed_search_attributes)
