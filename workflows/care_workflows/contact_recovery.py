"""The workflow `ContactRecovery`: one attempt to open the chat with a customer, from public reply to open chat."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError

# Passed through the sandbox: none of it keeps state, and generated code may exist once in a process only.
with workflow.unsafe.imports_passed_through():
    from care.v1 import worker_service_pb2 as worker
    from care.v1.worker_service_pb2 import RecoveryPlan
    from care.v1.workflows_pb2 import ContactRecoveryInput, ContactRecoveryResult, ContactRecoveryStatus
    from care_workflows import search_attributes, steps, wording
    from care_workflows.names import parse_recovery

_SERVICE_STEPS: Final = {
    worker.RECOVERY_STEP_UNLOCK: steps.UNLOCK_CHAT,
    worker.RECOVERY_STEP_EXPIRE: steps.EXPIRE_FORM,
}
_SITE_STEPS: Final = {
    worker.RECOVERY_STEP_POST: steps.POST_REPLY,
    worker.RECOVERY_STEP_READ: steps.READ_REPLY,
    worker.RECOVERY_STEP_RETRACT: steps.RETRACT_REPLY,
}
_WAITS: Final = (worker.RECOVERY_STEP_WAIT, worker.RECOVERY_STEP_HOLD)

_SHORTEST_WAIT: Final = timedelta(seconds=1)
"""A wait of 0 would not be a timer, and asking again without any pause would load the service."""
_FIRST_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(hours=1)
_MOST_DOUBLINGS: Final = 6  # from the first pause to the longest
_NOT_FOUND: Final = "RESOURCE_NOT_FOUND"


@workflow.defn
class ContactRecovery:
    """Posts the reply with the link, waits for the contact, unlocks the chat; or ends, and takes the link out again.

    Level-triggered: it asks the service what the recovery wants now, does that one thing, and asks again. A signal only
    says "look again", so a lost, doubled, early or late one does no harm.
    """

    @workflow.init
    def __init__(self, start: ContactRecoveryInput) -> None:
        """Begin without a plan, so that the first thing is to ask."""
        self._start = start
        self._poked = False
        self._plan: RecoveryPlan | None = None
        self._doing = wording.ASKING
        self._pauses = 0

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
        plan: RecoveryPlan | None = None
        while plan is None or self._poked or plan.step != worker.RECOVERY_STEP_DONE:
            if plan is None or self._poked:
                if workflow.info().is_continue_as_new_suggested():
                    # Nothing has to be carried over, the flag neither: the new run begins by asking. The signal
                    # handlers don't await, so none can be unfinished here.
                    workflow.continue_as_new(start)
                # Before it asks: what is signaled from here on may be missing in the answer.
                self._poked = False
                self._say(wording.ASKING)
                plan = await self._ask(steps.CHECK_RECOVERY)
            elif plan.step in _SERVICE_STEPS:
                plan = await self._ask(_SERVICE_STEPS[plan.step])
            elif plan.step in _SITE_STEPS:
                plan = await self._go_to_site(_SITE_STEPS[plan.step])
            elif plan.step in _WAITS:
                await self._sleep(max(plan.wait.ToTimedelta(), _SHORTEST_WAIT), wording.waiting_for(plan))
                plan = None
            else:  # of a service that is newer than this worker
                await self._pause(wording.doing(plan))
                plan = None
        return ContactRecoveryResult(plan=plan)

    @workflow.signal
    def poke(self, *_ignored: object) -> None:
        """Look again. Arguments are ignored: a call that doesn't fit would fail the workflow's task for ever."""
        self._poked = True

    @workflow.signal(dynamic=True)
    def unknown_signal(self, name: str, _arguments: Sequence[RawValue]) -> None:
        """Ignore a signal that this workflow does not have."""
        workflow.logger.warning("Ignored a signal of the unknown name %r", name)

    @workflow.query
    def status(self) -> ContactRecoveryStatus:
        """Say what it is doing and what the service said last."""
        return ContactRecoveryStatus(doing=self._doing, plan=self._plan)

    async def _ask(self, activity: str) -> RecoveryPlan | None:
        """Take a step that needs the service alone; returns its answer, or None where it is to be asked anew."""
        step = self._begin(activity, steps.SERVICE_STEP)
        await workflow.wait([step])
        return await self._answer(step)

    async def _go_to_site(self, activity: str) -> RecoveryPlan | None:
        """Take a step at the review site; returns the service's answer, or None where it is to be asked anew.

        The site may be down for days, and a poke may mean that the step is not wanted any more: a contact that came in
        another way is unlocked without waiting for the site. So a poke cancels the activity. Its type is
        WAIT_CANCELLATION_COMPLETED and it never heartbeats, both on purpose: only the pause between two attempts ends
        at once. An attempt that is running hears nothing of it and is not torn apart with a reply half posted; it ends
        by itself within its deadline, and is waited for.
        """
        step = self._begin(activity, steps.SITE_STEP)
        try:
            await workflow.wait_condition(lambda: self._poked or step.done())
        finally:  # also where the workflow itself is cancelled
            step.cancel()
            await workflow.wait([step])
        return await self._answer(step)

    def _begin(self, activity: str, options: workflow.ActivityConfig) -> workflow.ActivityHandle[RecoveryPlan]:
        options = options | {"summary": self._doing}
        return workflow.start_activity(activity, self._start, result_type=RecoveryPlan, **options)

    async def _answer(self, step: workflow.ActivityHandle[RecoveryPlan]) -> RecoveryPlan | None:
        """Return the plan that a step which is over brought; None where the service is to be asked anew."""
        error = None if step.cancelled() else step.exception()
        if not step.cancelled() and error is None:
            return self._follow(step.result())
        cause = error.cause if isinstance(error, ActivityError) else None
        if isinstance(cause, ApplicationError) and cause.non_retryable:
            if cause.type == _NOT_FOUND:
                message = f"The service knows no {self._start.recovery}"
                raise ApplicationError(message, type=_NOT_FOUND, non_retryable=True)
            # What else is hopeless to repeat at once (a token that expired, a service older or newer than the worker)
            # is mended by an operator, not by the customer: it must not end their recovery.
            await self._pause(wording.paused(cause.type or "no reason given"))
        elif error is not None and not isinstance(error, ActivityError):
            raise error
        return None  # also after a poke, where the attempt or its retries ended without an answer

    def _follow(self, plan: RecoveryPlan) -> RecoveryPlan:
        self._plan = plan
        self._pauses = 0
        self._say(wording.doing(plan))
        self._upsert(search_attributes.updates(plan, workflow.info().typed_search_attributes))
        return plan

    async def _pause(self, words: str) -> None:
        """Wait for a poke or an hour at most; less at first, as most obstacles pass quickly."""
        self._say(words)
        self._upsert(search_attributes.waits_for_operator(workflow.info().typed_search_attributes))
        workflow.logger.warning("%s", words)
        pause = min(_FIRST_PAUSE * 2**self._pauses, _LONGEST_PAUSE)
        self._pauses = min(self._pauses + 1, _MOST_DOUBLINGS)
        await self._sleep(pause, "the service is asked again")

    async def _sleep(self, duration: timedelta, summary: str) -> None:
        """Wait for a poke, for ``duration`` at most."""
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._poked, timeout=duration, timeout_summary=summary)

    def _say(self, words: str) -> None:
        """Show ``words`` to operators; costs nothing, as no event is written."""
        self._doing = words
        workflow.set_current_details(wording.details(self._plan, words) if self._plan else f"**{words}**")

    def _upsert(self, updates: Sequence[search_attributes.Update]) -> None:
        # Where it was not started with them they are not registered, and naming them would fail its task.
        if updates and workflow.info().typed_search_attributes.get(search_attributes.TICKET) is not None:
            workflow.upsert_search_attributes(updates)
