"""The workflow `ContactRecovery`: one attempt to open the chat with a customer, by a form or a known contact."""

from collections.abc import Sequence
from typing import Final

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from care.v1 import worker_service_pb2 as worker
from care.v1.recovery_pb2 import RECOVERY_STATE_AWAITING_CONTACT, RECOVERY_STATE_FORM_REQUESTED
from care.v1.worker_service_pb2 import RecoveryPlan
from care.v1.workflows_pb2 import ContactRecoveryInput, ContactRecoveryResult, ContactRecoveryStatus
from care_workflows import activity_names, activity_options, search_attributes
from care_workflows import recovery_wording as wording
from care_workflows.plan_driven_workflow import PlanDrivenWorkflow
from care_workflows.resource_names import parse_recovery

_SERVICE_STEPS: Final = {
    worker.RECOVERY_STEP_UNLOCK: activity_names.UNLOCK_CHAT,
    worker.RECOVERY_STEP_EXPIRE: activity_names.EXPIRE_FORM,
    worker.RECOVERY_STEP_REMIND: activity_names.CHECK_RECOVERY,
}
_SITE_STEPS: Final = {
    worker.RECOVERY_STEP_POST: activity_names.POST_REPLY,
    worker.RECOVERY_STEP_READ: activity_names.READ_REPLY,
    worker.RECOVERY_STEP_RETRACT: activity_names.RETRACT_REPLY,
}
_WAIT_STEPS: Final = (worker.RECOVERY_STEP_WAIT, worker.RECOVERY_STEP_HOLD)
_FORM_LIVE: Final = (RECOVERY_STATE_FORM_REQUESTED, RECOVERY_STATE_AWAITING_CONTACT)


@workflow.defn(sandboxed=False)
class ContactRecovery(PlanDrivenWorkflow[RecoveryPlan]):
    """Posts the reply with the link, waits for the contact and unlocks the chat.

    A recovery may also end before the chat is unlocked. Then the workflow removes the link from the public reply.
    """

    @workflow.init
    def __init__(self, start: ContactRecoveryInput) -> None:
        """See PlanDrivenWorkflow."""
        first_plan = start.plan if start.HasField("plan") else None
        super().__init__(ContactRecoveryInput(recovery=start.recovery), start.recovery, first_plan, RecoveryPlan)
        self._ends_early = False
        """Whether an operator wants the form to end before its time."""

    @workflow.run
    async def run(self, start: ContactRecoveryInput) -> ContactRecoveryResult:
        """Runs the service's plans until nothing is left to do; returns the last plan.

        Fails with INVALID_FIELD if ``start.recovery`` is not the name of a recovery, and with RESOURCE_NOT_FOUND if the
        recovery does not exist. The workflow is not retried, so an operator sees the failure. A later wake starts it
        again.
        """
        try:
            parse_recovery(start.recovery)
        except ValueError as error:
            raise ApplicationError(str(error), type="INVALID_FIELD", non_retryable=True) from None
        return ContactRecoveryResult(plan=await self._run_plans(activity_names.CHECK_RECOVERY))

    @workflow.query
    def status(self) -> ContactRecoveryStatus:
        """Returns what the workflow is doing, and the service's last plan."""
        return ContactRecoveryStatus(doing=self._status_text, plan=self._plan)

    @workflow.update
    async def post_again_now(self) -> str:
        """Retries the step at the review site now; returns a sentence that says what the workflow does next.

        Rejected with NOTHING_TO_POST if the workflow is not at a step at the review site.
        """
        return await self._look_now()

    @post_again_now.validator
    def _require_site_step(self) -> None:
        if self._plan is None or self._plan.step not in _SITE_STEPS:
            message = f"Nothing is left to do at the review site. {self._status_text}"
            raise ApplicationError(message, type="NOTHING_TO_POST", non_retryable=True)

    @workflow.update
    async def expire_now(self) -> str:
        """Ends the form before its time if the service allows it; returns a sentence that says what happens next.

        Rejected with NO_FORM if no form is live.
        """
        self._ends_early = True
        return await self._look_now()

    @expire_now.validator
    def _require_live_form(self) -> None:
        if self._plan is None or self._plan.state not in _FORM_LIVE:
            message = f"No form is live. {self._status_text}"
            raise ApplicationError(message, type="NO_FORM", non_retryable=True)

    async def _ask_after_poke(self, ask: str) -> RecoveryPlan | None:
        if not self._ends_early:
            return await self._run_service_step(ask)
        plan = await self._run_service_step(activity_names.EXPIRE_FORM_NOW)
        if plan is None:
            self._poked = True  # so that the next round tries again to end the form
        else:
            self._ends_early = False
        return plan

    def _is_done(self, plan: RecoveryPlan) -> bool:
        return plan.step == worker.RECOVERY_STEP_DONE

    async def _run_step(self, plan: RecoveryPlan) -> RecoveryPlan | None:
        if plan.step in _SERVICE_STEPS:
            return await self._run_service_step(_SERVICE_STEPS[plan.step])
        if plan.step in _SITE_STEPS:
            return await self._run_external_step(_SITE_STEPS[plan.step], activity_options.SITE_RETRIES)
        if plan.step in _WAIT_STEPS:
            await self._wait_for_plan(plan.wait.ToTimedelta(), wording.describe_wait(plan))
        else:  # from a service that is newer than this worker
            await self._wait_for_operator(wording.describe_step(plan))
        return None

    def _describe_step(self, plan: RecoveryPlan) -> str:
        return wording.describe_step(plan)

    def _details(self, plan: RecoveryPlan, status: str) -> str:
        return wording.details(plan, status)

    def _search_attribute_updates(self, plan: RecoveryPlan) -> Sequence[search_attributes.Update]:
        return search_attributes.recovery_updates(plan, workflow.info().typed_search_attributes)
