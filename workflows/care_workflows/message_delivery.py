"""The workflow `MessageDelivery`: delivers one message to the customer by email or SMS."""

from collections.abc import Sequence
from typing import Final

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from care.v1 import worker_service_pb2 as worker
from care.v1.worker_service_pb2 import DeliveryPlan
from care.v1.workflows_pb2 import MessageDeliveryInput, MessageDeliveryResult, MessageDeliveryStatus
from care_workflows import activity_names, activity_options, search_attributes
from care_workflows import delivery_wording as wording
from care_workflows.plan_driven_workflow import PlanDrivenWorkflow
from care_workflows.resource_names import parse_message

_PROVIDER_STEPS: Final = {
    worker.DELIVERY_STEP_SEND: activity_names.SEND_MESSAGE,
    worker.DELIVERY_STEP_CHECK: activity_names.CHECK_MESSAGE,
}
_SENT_STEPS: Final = frozenset({worker.DELIVERY_STEP_CHECK, worker.DELIVERY_STEP_WAIT})
"""Steps at which the provider has the message and may know more about it."""


@workflow.defn(sandboxed=False)
class MessageDelivery(PlanDrivenWorkflow[DeliveryPlan]):
    """Passes the message to the channel's provider, asks whether it arrived, and reports the outcome to the service.

    The service decides when to give up: if the message is too old, or if its contact was rejected.
    """

    @workflow.init
    def __init__(self, start: MessageDeliveryInput) -> None:
        """See PlanDrivenWorkflow."""
        first_plan = start.plan if start.HasField("plan") else None
        super().__init__(MessageDeliveryInput(message=start.message), start.message, first_plan, DeliveryPlan)

    @workflow.run
    async def run(self, start: MessageDeliveryInput) -> MessageDeliveryResult:
        """Runs the service's plans until nothing is left to do; returns the last plan.

        Fails with INVALID_FIELD if ``start.message`` is not the name of a message, and with RESOURCE_NOT_FOUND if the
        message does not exist.
        """
        try:
            parse_message(start.message)
        except ValueError as error:
            raise ApplicationError(str(error), type="INVALID_FIELD", non_retryable=True) from None
        return MessageDeliveryResult(plan=await self._run_plans(activity_names.ASK_DELIVERY))

    @workflow.query
    def status(self) -> MessageDeliveryStatus:
        """Returns what the workflow is doing, and the service's last plan."""
        return MessageDeliveryStatus(doing=self._status_text, plan=self._plan)

    def _is_done(self, plan: DeliveryPlan) -> bool:
        return plan.step == worker.DELIVERY_STEP_DONE

    async def _ask_after_poke(self, ask: str) -> DeliveryPlan | None:
        """Asks the provider whether the message arrived, if the provider has the message; otherwise asks the service.

        The reason for the poke may be a callback of the provider. The activity asks the service first, so it makes no
        check that is no longer wanted.
        """
        if self._plan is None or self._plan.step not in _SENT_STEPS:
            return await super()._ask_after_poke(ask)
        self._set_status(wording.describe_check(self._plan))
        return await self._run_external_step(activity_names.CHECK_MESSAGE, activity_options.MESSENGER_RETRIES)

    async def _run_step(self, plan: DeliveryPlan) -> DeliveryPlan | None:
        if plan.step in _PROVIDER_STEPS:
            return await self._run_external_step(_PROVIDER_STEPS[plan.step], activity_options.MESSENGER_RETRIES)
        if plan.step == worker.DELIVERY_STEP_WAIT:
            await self._wait_for_plan(plan.wait.ToTimedelta(), "the provider is asked again")
        else:  # from a service that is newer than this worker
            await self._wait_for_operator(wording.describe_step(plan))
        return None

    def _describe_step(self, plan: DeliveryPlan) -> str:
        return wording.describe_step(plan)

    def _details(self, plan: DeliveryPlan, status: str) -> str:
        return wording.details(plan, status)

    def _search_attribute_updates(self, plan: DeliveryPlan) -> Sequence[search_attributes.Update]:
        return search_attributes.delivery_updates(plan, workflow.info().typed_search_attributes)

    def _search_attribute_updates_of_failure(self) -> Sequence[search_attributes.Update]:
        return search_attributes.provider_wait_updates(workflow.info().typed_search_attributes)
