"""The workflow `TicketWorkflow`: the deadlines, the warning and the automatic close of one ticket."""

from collections.abc import Sequence
from contextlib import suppress

from google.protobuf import json_format
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from care.v1 import worker_service_pb2 as worker
from care.v1.worker_service_pb2 import DeadlinePlan
from care.v1.workflows_pb2 import TicketWorkflowInput, TicketWorkflowResult, TicketWorkflowStatus
from care_workflows import activity_names, search_attributes
from care_workflows import ticket_wording as wording
from care_workflows.plan_driven_workflow import PlanDrivenWorkflow
from care_workflows.resource_names import parse_ticket


@workflow.defn(sandboxed=False)
class TicketWorkflow(PlanDrivenWorkflow[DeadlinePlan]):
    """Waits for the ticket's next deadline and fires it, again and again until the ticket is CLOSED.

    The workflow computes no deadline. The service names the next one, and checks that it is due when the workflow fires
    it. A poke means only that the next deadline may have changed.
    """

    @workflow.init
    def __init__(self, start: TicketWorkflowInput) -> None:
        """See PlanDrivenWorkflow."""
        first_plan = start.plan if start.HasField("plan") else None
        super().__init__(TicketWorkflowInput(ticket=start.ticket), start.ticket, first_plan, DeadlinePlan)
        self._last_plan: DeadlinePlan | None = None
        """The plan of the CLOSED ticket, once the service has sent it."""

    @workflow.run
    async def run(self, start: TicketWorkflowInput) -> TicketWorkflowResult:
        """Runs the service's plans until the ticket is CLOSED; returns the last plan.

        Fails with INVALID_FIELD if ``start.ticket`` is not the name of a ticket, and with RESOURCE_NOT_FOUND if the
        ticket does not exist.
        """
        try:
            parse_ticket(start.ticket)
        except ValueError as error:
            raise ApplicationError(str(error), type="INVALID_FIELD", non_retryable=True) from None
        return TicketWorkflowResult(plan=await self._run_plans(activity_names.GET_NEXT_DEADLINE))

    @workflow.query
    def status(self) -> TicketWorkflowStatus:
        """Returns what the workflow is doing, and the service's last plan."""
        return TicketWorkflowStatus(doing=self._status_text, plan=self._plan)

    @workflow.signal
    def ticket_closed(self, *arguments: object) -> None:
        """Ends the workflow with the plan in the argument, without asking the service: a CLOSED ticket has no deadline.

        With any other arguments, the signal is only a poke. Raising an error here would fail the workflow's task.
        """
        self._poked = True
        match arguments:
            case [dict() as fields]:
                with suppress(json_format.ParseError):
                    plan = json_format.ParseDict(fields, DeadlinePlan(), ignore_unknown_fields=True)
                    if self._is_done(plan) and plan.ticket == self._resource:
                        self._last_plan = plan
            case _:
                pass

    async def _ask_after_poke(self, ask: str) -> DeadlinePlan | None:
        return self._follow(self._last_plan) if self._last_plan else await super()._ask_after_poke(ask)

    def _is_done(self, plan: DeadlinePlan) -> bool:
        return plan.step == worker.DEADLINE_STEP_DONE

    async def _run_step(self, plan: DeadlinePlan) -> DeadlinePlan | None:
        if plan.step == worker.DEADLINE_STEP_FIRE:
            return await self._run_service_step(activity_names.FIRE_DEADLINE)
        if plan.step != worker.DEADLINE_STEP_WAIT:  # from a service that is newer than this worker
            await self._wait_for_operator(wording.describe_step(plan))
            return None
        if not plan.HasField("wait"):
            await workflow.wait_condition(lambda: self._poked)
            return None
        await self._wait_for_plan(plan.wait.ToTimedelta(), wording.describe_deadline(plan))
        # The workflow does not ask the service first, because firing a deadline that is not due changes nothing.
        return None if self._poked else await self._run_service_step(activity_names.FIRE_DEADLINE)

    def _describe_step(self, plan: DeadlinePlan) -> str:
        return wording.describe_step(plan)

    def _details(self, plan: DeadlinePlan, status: str) -> str:
        return wording.details(plan, status)

    def _search_attribute_updates(self, plan: DeadlinePlan) -> Sequence[search_attributes.Update]:
        return search_attributes.ticket_updates(plan, workflow.info().typed_search_attributes)
