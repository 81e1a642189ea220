"""The workflow `MessageDelivery`: carries one message to the customer by email or SMS."""

from collections.abc import Sequence
from typing import Final

from temporalio import workflow
from temporalio.exceptions import ApplicationError

# Passed through the sandbox: none of it keeps state, and generated code may exist once in a process only.
with workflow.unsafe.imports_passed_through():
    from care.v1 import worker_service_pb2 as worker
    from care.v1.worker_service_pb2 import DeliveryPlan
    from care.v1.workflows_pb2 import MessageDeliveryInput, MessageDeliveryResult, MessageDeliveryStatus
    from care_workflows import delivery_wording as wording
    from care_workflows import search_attributes, steps
    from care_workflows.following import SHORTEST_WAIT, Following
    from care_workflows.names import parse_message

_PROVIDER_STEPS: Final = {
    worker.DELIVERY_STEP_SEND: steps.SEND_MESSAGE,
    worker.DELIVERY_STEP_CHECK: steps.CHECK_MESSAGE,
}
_PROVIDER_MAY_KNOW_MORE: Final = frozenset({worker.DELIVERY_STEP_CHECK, worker.DELIVERY_STEP_WAIT})


@workflow.defn
class MessageDelivery(Following[DeliveryPlan]):
    """Hands the message to the channel's provider, asks how far it got, and records the outcome.

    The service ends the tries: it gives a message up when its time is over or its contact was rejected.
    """

    @workflow.init
    def __init__(self, start: MessageDeliveryInput) -> None:
        """Begin without a plan, so that the first thing is to ask."""
        super().__init__(start, start.message, DeliveryPlan)

    @workflow.run
    async def run(self, start: MessageDeliveryInput) -> MessageDeliveryResult:
        """Follow the service's plans until one says that nothing is left to do.

        Fails with INVALID_FIELD or RESOURCE_NOT_FOUND where ``start`` names no message, as ``ContactRecovery`` does.
        """
        try:
            parse_message(start.message)
        except ValueError as error:
            raise ApplicationError(str(error), type="INVALID_FIELD", non_retryable=True) from None
        return MessageDeliveryResult(plan=await self._follow_to_the_end(steps.ASK_DELIVERY))

    @workflow.query
    def status(self) -> MessageDeliveryStatus:
        """Say what it is doing and what the service said last."""
        return MessageDeliveryStatus(doing=self._doing, plan=self._plan)

    def _is_over(self, plan: DeliveryPlan) -> bool:
        return plan.step == worker.DELIVERY_STEP_DONE

    async def _look_again(self, ask: str) -> DeliveryPlan | None:
        """Ask the provider at once, where it may know more: it may be its callback that pokes.

        The step asks the service first, which may want nothing of the kind any more.
        """
        if self._plan is None or self._plan.step not in _PROVIDER_MAY_KNOW_MORE:
            return await super()._look_again(ask)
        self._say(wording.checking(self._plan))
        return await self._go_outside(steps.CHECK_MESSAGE, steps.MESSENGER_STEP)

    async def _take_step(self, plan: DeliveryPlan) -> DeliveryPlan | None:
        if plan.step in _PROVIDER_STEPS:
            return await self._go_outside(_PROVIDER_STEPS[plan.step], steps.MESSENGER_STEP)
        if plan.step == worker.DELIVERY_STEP_WAIT:
            await self._sleep(max(plan.wait.ToTimedelta(), SHORTEST_WAIT), "the provider is asked again")
        else:  # of a service that is newer than this worker
            await self._pause(wording.doing(plan))
        return None

    def _updates(self, plan: DeliveryPlan) -> Sequence[search_attributes.Update]:
        return search_attributes.delivery_updates(plan, workflow.info().typed_search_attributes)

    def _updates_of_failing(self) -> Sequence[search_attributes.Update]:
        return search_attributes.waits_for_provider(workflow.info().typed_search_attributes)

    def _doing_words(self, plan: DeliveryPlan) -> str:
        return wording.doing(plan)

    def _details(self, plan: DeliveryPlan, words: str) -> str:
        return wording.details(plan, words)
