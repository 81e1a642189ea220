"""The base class of Care's workflows: ask the service for a plan, run the plan's step, and ask again.

The workflows are level-triggered: a signal only says "look again". So a lost, repeated, early or late signal does no
harm.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from google.protobuf.message import Message
from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, RetryState

from care_workflows import activity_options, search_attributes, wording

PlanT = TypeVar("PlanT", bound=Message)

SHORTEST_WAIT: Final = timedelta(seconds=1)
"""The shortest wait before the service is asked again. After a wait of 0, there would be no pause."""

_MOST_DOUBLINGS: Final = 6  # from FIRST_OPERATOR_WAIT to LONGEST_OPERATOR_WAIT
_NOT_FOUND: Final = "RESOURCE_NOT_FOUND"


class PlanDrivenWorkflow(ABC, Generic[PlanT]):
    """Runs the steps that the service's plans name for one resource. Subclasses know which steps there are.

    An operator's update makes the workflow ask the service, and returns what the workflow does then. Three counters
    match updates with results: ``_updates_received`` counts the updates so far, ``_updates_covered`` those that arrived
    before the current call of the service began, and ``_updates_answered`` those that have a result.
    """

    def __init__(self, start: Message, resource: str, first_plan: PlanT | None, plan_type: type[PlanT]) -> None:
        """``start`` is the workflow's input without its plan, and ``first_plan`` is that plan.

        ``resource`` is the resource's name. Without ``first_plan``, the workflow begins by asking the service.
        """
        self._start = start
        self._resource = resource
        self._first_plan = first_plan
        self._plan_type = plan_type
        self._plan: PlanT | None = None
        self._plan_received = workflow.info().workflow_start_time
        """When the workflow received ``_plan``. The plan's wait counts from then."""
        self._poked = False
        self._status_text = wording.ASKING_SERVICE
        self._updates_received = self._updates_covered = self._updates_answered = 0
        self._update_answer = wording.ASKING_SERVICE
        self._failing_activity = ""
        """The activity whose early attempts have failed; empty if there is none."""
        self._last_failure = ""
        """How and when ``_failing_activity`` failed last, as a text for operators."""
        self._operator_waits = 0
        """How many times in a row the workflow has waited for an operator."""

    # --- signals and updates ------------------------------------------------------------------------------------------

    @workflow.signal
    def poke(self, *_ignored: object) -> None:
        """Makes the workflow ask for its plan again.

        The signal takes and ignores any arguments, because unexpected arguments would fail the workflow's task.
        """
        self._poked = True

    @workflow.update
    async def look_again(self) -> str:
        """Makes the workflow ask for its plan now; returns a sentence that says what it does next. For operators."""
        return await self._look_now()

    @workflow.signal(dynamic=True)
    def unknown_signal(self, name: str, _arguments: Sequence[RawValue]) -> None:
        """Ignores a signal that this workflow does not have."""
        workflow.logger.warning("Ignored unknown signal %r", name)

    async def _look_now(self) -> str:
        """Makes the workflow ask for its plan; returns a sentence that says what it does next."""
        self._updates_received += 1
        number, self._poked = self._updates_received, True
        await workflow.wait_condition(lambda: self._updates_answered >= number)
        return self._update_answer

    def _answer_updates(self, text: str) -> None:
        """Makes ``text`` the result of the updates that arrived before the current call of the service."""
        self._updates_answered, self._update_answer = self._updates_covered, text

    # --- what each workflow adds --------------------------------------------------------------------------------------

    @abstractmethod
    def _is_done(self, plan: PlanT) -> bool:
        """Tells whether nothing is left to do."""

    @abstractmethod
    async def _run_step(self, plan: PlanT) -> PlanT | None:
        """Runs the plan's step; returns the next plan, or None if the service has to be asked for it."""

    @abstractmethod
    def _describe_step(self, plan: PlanT) -> str:
        """Returns a sentence that says what the workflow does at the plan's step."""

    @abstractmethod
    def _details(self, plan: PlanT, status: str) -> str:
        """Returns the Markdown that the Temporal UI shows as current details."""

    async def _ask_after_poke(self, ask: str) -> PlanT | None:
        """Gets the next plan after a poke, from the service. A subclass may get the plan in another way."""
        return await self._run_service_step(ask)

    def _search_attribute_updates(self, plan: PlanT) -> Sequence[search_attributes.Update]:
        """Returns the changes of search attributes that the plan requires."""
        del plan
        return ()

    def _search_attribute_updates_of_failure(self) -> Sequence[search_attributes.Update]:
        """Returns the changes of search attributes to make when the early attempts of a step have failed."""
        return ()

    # --- the loop -----------------------------------------------------------------------------------------------------

    async def _run_plans(self, ask: str) -> PlanT:
        """Runs plan after plan until nothing is left to do; returns the last plan.

        ``ask`` is the activity that asks the service for a plan.
        """
        plan = self._follow(self._first_plan, workflow.info().workflow_start_time) if self._first_plan else None
        while not (plan is not None and self._is_done(plan) and await self._may_end()):
            if workflow.info().is_continue_as_new_suggested():
                await self._continue_as_new()
            if plan is None or self._poked:
                # The poke is cleared before the call. A poke that arrives during the call may announce a change that
                # the response does not contain yet.
                poked, self._poked, self._updates_covered = self._poked, False, self._updates_received
                self._set_status(wording.ASKING_SERVICE)
                plan = await self._ask_after_poke(ask) if poked else await self._run_service_step(ask)
            else:
                plan = await self._run_step(plan)
        return plan

    async def _may_end(self) -> bool:
        """Waits until all updates have returned, or until a poke. Tells whether there was no poke."""
        await workflow.wait_condition(lambda: self._poked or workflow.all_handlers_finished())
        return not self._poked

    async def _continue_as_new(self) -> None:
        """Continues as new if every update has its result. Otherwise returns, so updates get their results first.

        The new run inherits no state, not even the poke, because it begins by asking the service.
        """
        if self._updates_answered == self._updates_received:
            await workflow.wait_condition(workflow.all_handlers_finished)
        if self._updates_answered == self._updates_received:
            workflow.continue_as_new(self._start)

    def _follow(self, plan: PlanT, received: datetime | None = None) -> PlanT:
        """Makes ``plan`` the current plan, and shows it. ``received`` is when it was received; None for now."""
        self._plan = plan
        self._plan_received = received or workflow.now()
        self._operator_waits = 0
        status = self._describe_step(plan)
        self._set_status(status)
        self._answer_updates(status)
        self._upsert(self._search_attribute_updates(plan))
        return plan

    # --- steps --------------------------------------------------------------------------------------------------------

    async def _run_service_step(self, activity: str) -> PlanT | None:
        """Runs a step that needs only the service.

        Returns the next plan, or None if the service has to be asked for it.
        """
        if activity in activity_options.LOCAL_STEPS and self._failing_activity != activity:
            attempt = self._start_local_activity(activity)
            await workflow.wait([attempt])
            error = attempt.exception()
            if error is None:
                return self._follow(attempt.result())
            if isinstance(error, ApplicationError) and error.non_retryable:
                await self._handle_refusal(error)
                return None
        running = self._start_activity(activity, activity_options.SERVICE_RETRIES)
        await workflow.wait([running])
        return await self._plan_from(activity, running)

    async def _run_external_step(self, activity: str, retries: activity_options.Retries) -> PlanT | None:
        """Runs a step at a review site or a provider.

        Returns the next plan, or None if the service has to be asked for it.

        The site or provider may be down for days, and a poke may mean that the step is no longer wanted. For example,
        if the contact arrived in another way, the chat must open without waiting for the site. So a poke cancels the
        activity. The cancellation type WAIT_CANCELLATION_COMPLETED and the missing heartbeat are deliberate: they make
        the cancellation end only the pause between two attempts. A running attempt does not notice the cancellation, so
        no reply is interrupted while it is being posted. The attempt ends within its deadline, and the workflow waits
        for it.
        """
        running = self._start_activity(activity, retries)
        try:
            await workflow.wait_condition(lambda: self._poked or running.done())
        except asyncio.CancelledError:
            # The workflow was cancelled. A `finally` would also await when the worker evicts the workflow.
            await self._end(running)
            raise
        await self._end(running)
        return await self._plan_from(activity, running)

    async def _end(self, running: workflow.ActivityHandle[PlanT]) -> None:
        running.cancel()
        await workflow.wait([running])

    def _start_local_activity(self, activity: str) -> workflow.ActivityHandle[PlanT]:
        """Starts the first attempt of a step that needs only the service, as a local activity.

        A local activity costs Temporal a third of what an activity costs, but operators do not see its attempts. So the
        local activity has only one attempt. If this attempt fails, an activity follows, whose attempts operators see.
        """
        return workflow.start_local_activity(
            activity,
            self._start,
            result_type=self._plan_type,
            start_to_close_timeout=activity_options.SERVICE_TIMEOUT,
            retry_policy=RetryPolicy(maximum_attempts=1),
            summary=self._status_text,
        )

    def _start_activity(self, activity: str, retries: activity_options.Retries) -> workflow.ActivityHandle[PlanT]:
        options = retries.late if self._failing_activity == activity else retries.early
        options = options | {"summary": self._status_text}
        return workflow.start_activity(activity, self._start, result_type=self._plan_type, **options)

    async def _plan_from(self, activity: str, ended: workflow.ActivityHandle[PlanT]) -> PlanT | None:
        """Returns the plan that an activity returned; None if the activity was cancelled or failed."""
        if ended.cancelled():
            return None  # cancelled by a poke
        error = ended.exception()
        if error is None:
            if self._failing_activity == activity:
                self._failing_activity = self._last_failure = ""
            return self._follow(ended.result())
        if not isinstance(error, ActivityError):
            raise error
        if error.retry_state is RetryState.MAXIMUM_ATTEMPTS_REACHED:
            self._show_failure(activity, error.cause)
        if isinstance(error.cause, ApplicationError) and error.cause.non_retryable:
            await self._handle_refusal(error.cause)
        return None  # also after a poke that ended the pause between two attempts

    def _show_failure(self, activity: str, cause: BaseException | None) -> None:
        """Shows operators why all attempts so far have failed. The next attempts use the late retry options."""
        self._failing_activity = activity
        self._last_failure = f"{wording.describe_failure(cause)}, {wording.format_time(workflow.now())}"
        self._upsert(self._search_attribute_updates_of_failure())
        self._answer_updates(f"Failed: {self._last_failure}. Care retries.")

    async def _handle_refusal(self, refusal: ApplicationError) -> None:
        """Fails the workflow if the resource does not exist; otherwise waits for an operator.

        The reason may be an expired token, or a service that is older or newer than the worker. An operator must fix
        that. The refusal must not end a recovery or a delivery, because the customer did nothing wrong.
        """
        if refusal.type == _NOT_FOUND:
            message = f"The service does not know {self._resource}"
            raise ApplicationError(message, type=_NOT_FOUND, non_retryable=True)
        await self._wait_for_operator(wording.refused_worker(refusal.type or "no reason given"))

    # --- waiting ------------------------------------------------------------------------------------------------------

    async def _wait_for_operator(self, status: str) -> None:
        """Shows ``status`` and waits for a poke, at most for a pause that doubles from a minute to an hour."""
        self._set_status(status)
        self._answer_updates(status)
        self._upsert(search_attributes.operator_wait_updates(workflow.info().typed_search_attributes))
        workflow.logger.warning("%s", status)
        pause = min(
            activity_options.FIRST_OPERATOR_WAIT * 2**self._operator_waits, activity_options.LONGEST_OPERATOR_WAIT
        )
        self._operator_waits = min(self._operator_waits + 1, _MOST_DOUBLINGS)
        await self._wait_for_poke(pause, "the service is asked again")

    async def _wait_for_plan(self, wait: timedelta, summary: str) -> None:
        """Waits for a poke, at most for ``wait``, which counts from when the workflow received the plan.

        The first plan may be old, for example if no worker ran when the workflow started.
        """
        rest = wait - (workflow.now() - self._plan_received)
        await self._wait_for_poke(max(rest, SHORTEST_WAIT), summary)

    async def _wait_for_poke(self, longest: timedelta, summary: str) -> None:
        """Waits for a poke, at most for ``longest``. ``summary`` says what happens at the end of that time."""
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._poked, timeout=longest, timeout_summary=summary)

    # --- what operators see -------------------------------------------------------------------------------------------

    def _set_status(self, text: str) -> None:
        """Shows ``text`` to operators. This writes no event, so it costs nothing."""
        self._status_text = text
        details = self._details(self._plan, text) if self._plan else f"**{text}**"
        if self._last_failure:
            status, _, rest = details.partition("\n\n")
            details = f"{status}\n\n- Last failure: {self._last_failure}\n{rest}"
        workflow.set_current_details(details)

    def _upsert(self, updates: Sequence[search_attributes.Update]) -> None:
        # If the workflow was started without search attributes, they may not be registered in its namespace. Setting
        # them would then fail the workflow's task.
        if updates and workflow.info().typed_search_attributes.get(search_attributes.TICKET) is not None:
            workflow.upsert_search_attributes(updates)
