"""The workflow `ContactRecovery`: one attempt to open the chat with a customer, from public reply to open chat."""

from collections.abc import Sequence
from typing import Final

from temporalio import workflow
from temporalio.exceptions import ApplicationError

# Passed through the sandbox: none of it keeps state, and generated code may exist once in a process only.
with workflow.unsafe.imports_passed_through():
    from care.v1 import worker_service_pb2 as worker
    from care.v1.recovery_pb2 import RECOVERY_STATE_AWAITING_CONTACT, RECOVERY_STATE_FORM_REQUESTED
    from care.v1.worker_service_pb2 import RecoveryPlan
    from care.v1.workflows_pb2 import ContactRecoveryInput, ContactRecoveryResult, ContactRecoveryStatus
    from care_workflows import search_attributes, steps, wording
    from care_workflows.following import SHORTEST_WAIT, Following
    from care_workflows.names import parse_recovery

_SERVICE_STEPS: Final = {
    worker.RECOVERY_STEP_UNLOCK: steps.UNLOCK_CHAT,
    worker.RECOVERY_STEP_EXPIRE: steps.EXPIRE_FORM,
    worker.RECOVERY_STEP_REMIND: steps.CHECK_RECOVERY,
}
_SITE_STEPS: Final = {
    worker.RECOVERY_STEP_POST: steps.POST_REPLY,
    worker.RECOVERY_STEP_READ: steps.READ_REPLY,
    worker.RECOVERY_STEP_RETRACT: steps.RETRACT_REPLY,
}
_FORM_LIVE: Final = (RECOVERY_STATE_FORM_REQUESTED, RECOVERY_STATE_AWAITING_CONTACT)
_WAITS: Final = (worker.RECOVERY_STEP_WAIT, worker.RECOVERY_STEP_HOLD)


@workflow.defn
class ContactRecovery(Following[RecoveryPlan]):
    """Posts the reply with the link, waits for the contact, unlocks the chat; or ends, and takes the link out again."""

    @workflow.init
    def __init__(self, start: ContactRecoveryInput) -> None:
        """Begin without a plan, so that the first thing is to ask."""
        super().__init__(start, start.recovery, RecoveryPlan)
        self._ends_now = False

    @workflow.run
    async def run(self, start: ContactRecoveryInput) -> ContactRecoveryResult:
        """Follow the service's plans until one says that nothing is left to do.

        Fails with INVALID_FIELD or RESOURCE_NOT_FOUND where ``start`` names no recovery: once, so that an operator sees
        it; a later wake runs the workflow again.
        """
        try:
            parse_recovery(start.recovery)
        except ValueError as error:
            raise ApplicationError(str(error), type="INVALID_FIELD", non_retryable=True) from None
        return ContactRecoveryResult(plan=await self._follow_to_the_end(steps.CHECK_RECOVERY))

    @workflow.query
    def status(self) -> ContactRecoveryStatus:
        """Say what it is doing and what the service said last."""
        return ContactRecoveryStatus(doing=self._doing, plan=self._plan)

    @workflow.update
    async def post_again_now(self) -> str:
        """Try again at the review site now, rather than after the pause; say in a sentence what comes of it.

        Rejected with NOTHING_TO_POST where it does not want anything of the site.
        """
        return await self._looked()

    @post_again_now.validator
    def _is_at_site(self) -> None:
        if self._plan is None or self._plan.step not in _SITE_STEPS:
            words = f"Nothing is to be done at the review site: {self._doing}"
            raise ApplicationError(words, type="NOTHING_TO_POST", non_retryable=True)

    @workflow.update
    async def expire_now(self) -> str:
        """End the form before its time, by the service's rules; say in a sentence what comes of it.

        Rejected with NO_FORM where no form is out or is about to be.
        """
        self._ends_now = True
        return await self._looked()

    @expire_now.validator
    def _has_form(self) -> None:
        if self._plan is None or self._plan.state not in _FORM_LIVE:
            raise ApplicationError(f"No form takes answers: {self._doing}", type="NO_FORM", non_retryable=True)

    async def _look_again(self, ask: str) -> RecoveryPlan | None:
        if not self._ends_now:
            return await self._ask(ask)
        plan = await self._ask(steps.EXPIRE_FORM_NOW)
        if plan is None:
            self._poked = True  # it is still to be ended
        else:
            self._ends_now = False
        return plan

    def _is_over(self, plan: RecoveryPlan) -> bool:
        return plan.step == worker.RECOVERY_STEP_DONE

    async def _take_step(self, plan: RecoveryPlan) -> RecoveryPlan | None:
        if plan.step in _SERVICE_STEPS:
            return await self._ask(_SERVICE_STEPS[plan.step])
        if plan.step in _SITE_STEPS:
            return await self._go_outside(_SITE_STEPS[plan.step], steps.SITE_STEP)
        if plan.step in _WAITS:
            await self._sleep(max(plan.wait.ToTimedelta(), SHORTEST_WAIT), wording.waiting_for(plan))
        else:  # of a service that is newer than this worker
            await self._pause(wording.doing(plan))
        return None

    def _doing_words(self, plan: RecoveryPlan) -> str:
        return wording.doing(plan)

    def _details(self, plan: RecoveryPlan, words: str) -> str:
        return wording.details(plan, words)

    def _updates(self, plan: RecoveryPlan) -> Sequence[search_attributes.Update]:
        return search_attributes.updates(plan, workflow.info().typed_search_attributes)
