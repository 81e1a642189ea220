"""What Care's workflows have in common: they ask the service what is wanted, do that one thing, and ask again.

Level-triggered: a signal only says "look again", so a lost, doubled, early or late one does no harm.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final, Generic, TypeVar

from google.protobuf.message import Message
from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError, RetryState

# Passed through the sandbox: none of it keeps state, and generated code may exist once in a process only.
with workflow.unsafe.imports_passed_through():
    from care_workflows import search_attributes, steps, wording

PlanT = TypeVar("PlanT", bound=Message)

SHORTEST_WAIT: Final = timedelta(seconds=1)
"""A wait of 0 would not be a timer, and asking again without any pause would load the service."""
_FIRST_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(hours=1)
_MOST_DOUBLINGS: Final = 6  # from the first pause to the longest
_NOT_FOUND: Final = "RESOURCE_NOT_FOUND"


class Following(ABC, Generic[PlanT]):
    """Follows the service's plans for one resource; each workflow says which steps they name."""

    def __init__(self, start: Message, resource: str, plan_type: type[PlanT]) -> None:
        """Begin without a plan, so that the first thing is to ask about ``resource``."""
        self._start = start
        self._resource = resource
        self._plan_type = plan_type
        self._poked = False
        self._plan: PlanT | None = None
        self._doing = wording.ASKING
        self._pauses = 0
        self._orders = self._taken = self._served = 0
        """Updates that came in; those of them that the present question covers, and those that are answered."""
        self._told = wording.ASKING
        self._failing, self._failure = "", ""
        """The activity that fails at present, and how it did so last, in words."""

    @workflow.signal
    def poke(self, *_ignored: object) -> None:
        """Look again. Arguments are ignored: a call that doesn't fit would fail the workflow's task for ever."""
        self._poked = True

    @workflow.update
    async def look_again(self) -> str:
        """Look again at once, and say in a sentence what comes of it: for operators."""
        return await self._looked()

    async def _looked(self) -> str:
        """Have it look again; returns what it does then."""
        self._orders += 1
        order, self._poked = self._orders, True
        await workflow.wait_condition(lambda: self._served >= order)
        return self._told

    @workflow.signal(dynamic=True)
    def unknown_signal(self, name: str, _arguments: Sequence[RawValue]) -> None:
        """Ignore a signal that this workflow does not have."""
        workflow.logger.warning("Ignored a signal of the unknown name %r", name)

    @abstractmethod
    def _is_over(self, plan: PlanT) -> bool:
        """Tell whether nothing is left to do."""

    @abstractmethod
    async def _take_step(self, plan: PlanT) -> PlanT | None:
        """Do what the plan says; returns the service's answer, or None where it is to be asked anew."""

    @abstractmethod
    def _doing_words(self, plan: PlanT) -> str:
        """Say in a sentence what the plan's step is."""

    @abstractmethod
    def _details(self, plan: PlanT, words: str) -> str:
        """Return the Markdown that operators are shown."""

    def _updates(self, plan: PlanT) -> Sequence[search_attributes.Update]:
        """Return what the plan changes of the search attributes; nothing unless a workflow says so."""
        del plan
        return ()

    def _updates_of_failing(self) -> Sequence[search_attributes.Update]:
        """Return what changes of the search attributes where a step fails again and again; nothing likewise."""
        return ()

    async def _follow_to_the_end(self, ask: str) -> PlanT:
        """Follow the service's plans, which the activity ``ask`` brings, until one says that nothing is left to do."""
        plan: PlanT | None = None
        while not (plan is not None and self._is_over(plan) and await self._is_left_alone()):
            if workflow.info().is_continue_as_new_suggested():
                await self._begin_anew()
            if plan is None or self._poked:
                # Before it asks: what is signaled from here on may be missing in the answer.
                poked, self._poked, self._taken = self._poked, False, self._orders
                self._say(wording.ASKING)
                plan = await self._look_again(ask) if poked else await self._ask(ask)
            else:
                plan = await self._take_step(plan)
        return plan

    async def _begin_anew(self) -> None:
        """Continue as new, unless an update still waits for its answer: that comes first.

        Nothing has to be carried over, the flag neither: the new run begins by asking.
        """
        if self._served == self._orders:
            await workflow.wait_condition(workflow.all_handlers_finished)
        if self._served == self._orders:
            workflow.continue_as_new(self._start)

    async def _is_left_alone(self) -> bool:
        """Tell, at the end, that nobody wants it to look again, and that whoever did has the answer."""
        await workflow.wait_condition(lambda: self._poked or workflow.all_handlers_finished())
        return not self._poked

    async def _look_again(self, ask: str) -> PlanT | None:
        """Find out what is new, after a poke: from the service, unless a workflow knows where else to look."""
        return await self._ask(ask)

    async def _ask(self, activity: str) -> PlanT | None:
        """Take a step that needs the service alone; returns its answer, or None where it is to be asked anew."""
        step = self._begin(activity, steps.SERVICE_STEP)
        await workflow.wait([step])
        return await self._answer(activity, step)

    async def _go_outside(self, activity: str, tries: steps.Tries) -> PlanT | None:
        """Take a step at somebody else's; returns the service's answer, or None where it is to be asked anew.

        They may be down for days, and a poke may mean that the step is not wanted any more: a contact that came in
        another way is unlocked without waiting for the site. So a poke cancels the activity. Its type is
        WAIT_CANCELLATION_COMPLETED and it never heartbeats, both on purpose: only the pause between two attempts ends
        at once. An attempt that is running hears nothing of it and is not torn apart with a reply half posted; it ends
        by itself within its deadline, and is waited for.
        """
        step = self._begin(activity, tries)
        try:
            await workflow.wait_condition(lambda: self._poked or step.done())
        finally:  # also where the workflow itself is cancelled
            step.cancel()
            await workflow.wait([step])
        return await self._answer(activity, step)

    def _begin(self, activity: str, tries: steps.Tries) -> workflow.ActivityHandle[PlanT]:
        options = tries.patiently if self._failing == activity else tries.soon
        options = options | {"summary": self._doing}
        return workflow.start_activity(activity, self._start, result_type=self._plan_type, **options)

    async def _answer(self, activity: str, step: workflow.ActivityHandle[PlanT]) -> PlanT | None:
        """Return the plan that a step which is over brought; None where the service is to be asked anew."""
        error = None if step.cancelled() else step.exception()
        if not step.cancelled() and error is None:
            if self._failing == activity:
                self._failing, self._failure = "", ""
            return self._follow(step.result())
        cause = error.cause if isinstance(error, ActivityError) else None
        if isinstance(error, ActivityError) and error.retry_state is RetryState.MAXIMUM_ATTEMPTS_REACHED:
            self._failing, self._failure = activity, f"{wording.failure(cause)}, {wording.time_words(workflow.now())}"
            self._upsert(self._updates_of_failing())
            self._tell(f"It failed: {self._failure}; it is tried again.")
        if isinstance(cause, ApplicationError) and cause.non_retryable:
            if cause.type == _NOT_FOUND:
                message = f"The service knows no {self._resource}"
                raise ApplicationError(message, type=_NOT_FOUND, non_retryable=True)
            # What else is hopeless to repeat at once (a token that expired, a service older or newer than the worker)
            # is mended by an operator, not by the customer: it must end neither a recovery nor a delivery.
            await self._pause(wording.paused(cause.type or "no reason given"))
        elif error is not None and not isinstance(error, ActivityError):
            raise error
        return None  # also after a poke, where the attempt or its retries ended without an answer

    def _follow(self, plan: PlanT) -> PlanT:
        self._plan = plan
        self._pauses = 0
        words = self._doing_words(plan)
        self._say(words)
        self._tell(words)
        self._upsert(self._updates(plan))
        return plan

    async def _pause(self, words: str) -> None:
        """Wait for a poke or an hour at most; less at first, as most obstacles pass quickly."""
        self._say(words)
        self._tell(words)
        self._upsert(search_attributes.waits_for_operator(workflow.info().typed_search_attributes))
        workflow.logger.warning("%s", words)
        pause = min(_FIRST_PAUSE * 2**self._pauses, _LONGEST_PAUSE)
        self._pauses = min(self._pauses + 1, _MOST_DOUBLINGS)
        await self._sleep(pause, "the service is asked again")

    async def _sleep(self, duration: timedelta, summary: str) -> None:
        """Wait for a poke, for ``duration`` at most."""
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._poked, timeout=duration, timeout_summary=summary)

    def _tell(self, words: str) -> None:
        """Answer the updates that the question covered."""
        self._served, self._told = self._taken, words

    def _say(self, words: str) -> None:
        """Show ``words`` to operators; costs nothing, as no event is written."""
        self._doing = words
        shown = self._details(self._plan, words) if self._plan else f"**{words}**"
        if self._failure:
            head, _, rest = shown.partition("\n\n")
            shown = f"{head}\n\n- Last failure: {self._failure}\n{rest}"
        workflow.set_current_details(shown)

    def _upsert(self, updates: Sequence[search_attributes.Update]) -> None:
        # Where it was not started with them they are not registered, and naming them would fail its task.
        if updates and workflow.info().typed_search_attributes.get(search_attributes.TICKET) is not None:
            workflow.upsert_search_attributes(updates)
