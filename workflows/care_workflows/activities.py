"""The activities of `ContactRecovery`: they ask the service, act at the review site, and report.

A grant (the text of a reply and the link in it) is fetched, used and dropped within one activity: results hold the plan
alone, and failures hold our codes alone, as Temporal keeps both. No activity heartbeats, as `ContactRecovery` expects.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from temporalio import activity

from care.v1.recovery_pb2 import (
    RECOVERY_STATE_AWAITING_CONTACT,
    REFUSAL_REASON_OTHER,
    REFUSAL_REASON_TAKEN_DOWN,
    RefusalReason,
)
from care.v1.worker_service_pb2 import (
    RECOVERY_STEP_EXPIRE,
    RECOVERY_STEP_POST,
    RECOVERY_STEP_READ,
    RECOVERY_STEP_REMIND,
    RECOVERY_STEP_RETRACT,
    RECOVERY_STEP_UNLOCK,
    BeginPostingRequest,
    BeginPostingResponse,
    CheckRecoveryRequest,
    ExpireFormRequest,
    FireDeadlineRequest,
    RecordPostedRequest,
    RecordRefusedRequest,
    RecordRetractedRequest,
    RecoveryPlan,
    RecoveryStep,
    UnlockChatRequest,
)
from care.v1.workflows_pb2 import ContactRecoveryInput
from care_workflows import failures, steps
from care_workflows.channels.errors import ReplyRefused
from care_workflows.channels.registry import ReviewSites
from care_workflows.visit import Visit

if TYPE_CHECKING:  # exists for type checkers only
    from care.v1.worker_service_pb2_grpc import WorkerServiceAsyncStub


class RecoveryActivities:
    """The steps, each of which returns the service's next plan; holds its client and its channels only.

    Where the service refuses, they raise an ``ApplicationError`` whose type is the contract's reason; see ``failures``.
    """

    def __init__(
        self,
        workers: "WorkerServiceAsyncStub",
        review_sites: ReviewSites,
        attempt_deadline: timedelta = steps.ATTEMPT_DEADLINE,
    ) -> None:
        """Act for the service behind ``workers``; each attempt at a site ends within ``attempt_deadline``."""
        self._workers = workers
        self._review_sites = review_sites
        self._attempt_deadline = attempt_deadline

    @property
    def all(self) -> Sequence[Callable[..., Awaitable[Any]]]:
        """Every activity, as ``Worker(activities=…)`` takes them."""
        return [
            self.check_recovery,
            self.post_reply,
            self.read_reply,
            self.retract_reply,
            self.unlock_chat,
            self.expire_form,
            self.expire_form_now,
        ]

    @activity.defn(name=steps.CHECK_RECOVERY)
    async def check_recovery(self, start: ContactRecoveryInput) -> RecoveryPlan:
        """Ask what the recovery wants next, and do at once what the service does by itself: that saves an activity."""
        with failures.of_service():
            plan = (await self._workers.CheckRecovery(CheckRecoveryRequest(name=start.recovery))).plan
            if plan.step == RECOVERY_STEP_UNLOCK:
                return await self.unlock_chat(start)
            if plan.step == RECOVERY_STEP_EXPIRE:
                return await self.expire_form(start)
            if plan.step == RECOVERY_STEP_REMIND:
                await self._workers.FireDeadline(FireDeadlineRequest(name=plan.ticket))
                return (await self._workers.CheckRecovery(CheckRecoveryRequest(name=start.recovery))).plan
            return plan

    @activity.defn(name=steps.UNLOCK_CHAT)
    async def unlock_chat(self, start: ContactRecoveryInput) -> RecoveryPlan:
        """Open the chat."""
        with failures.of_service():
            plan = (await self._workers.UnlockChat(UnlockChatRequest(name=start.recovery))).plan
            return await self._asked_after(start, plan)

    @activity.defn(name=steps.EXPIRE_FORM)
    async def expire_form(self, start: ContactRecoveryInput) -> RecoveryPlan:
        """End the form, if its time is over by the service's clock."""
        with failures.of_service():
            plan = (await self._workers.ExpireForm(ExpireFormRequest(name=start.recovery))).plan
            return await self._asked_after(start, plan)

    @activity.defn(name=steps.EXPIRE_FORM_NOW)
    async def expire_form_now(self, start: ContactRecoveryInput) -> RecoveryPlan:
        """End the form before its time, as an operator wants it."""
        with failures.of_service():
            plan = (await self._workers.ExpireForm(ExpireFormRequest(name=start.recovery, early=True))).plan
            return await self._asked_after(start, plan)

    @activity.defn(name=steps.POST_REPLY)
    async def post_reply(self, start: ContactRecoveryInput) -> RecoveryPlan:
        """Make the reply with the link public, and report what became of it."""
        async with self._attempt():
            begun = await self._begin(start, RECOVERY_STEP_POST)
            if not begun.HasField("grant"):
                return begun.plan
            visit = Visit(start.recovery, begun.grant, self._review_sites)
            # An earlier attempt may have got through without being able to report it: what the public sees decides.
            if begun.grant.read_first and await _read(visit):
                return await self._posted(start, begun.grant.attempt)
            try:
                await visit.post()
            except ReplyRefused as error:
                refused = error
            else:
                return await self._posted(start, begun.grant.attempt)
            if await _is_public(visit):
                return await self._posted(start, begun.grant.attempt)
            reason = _reason(refused)
            return await self._refused(start, begun.grant.attempt, reason, refused.provider_message)

    @activity.defn(name=steps.READ_REPLY)
    async def read_reply(self, start: ContactRecoveryInput) -> RecoveryPlan:
        """Look whether the reply with the link is public, and report it."""
        async with self._attempt():
            begun = await self._begin(start, RECOVERY_STEP_READ)
            if not begun.HasField("grant"):
                return begun.plan
            if await _read(Visit(start.recovery, begun.grant, self._review_sites)):
                return await self._posted(start, begun.grant.attempt)
            was_public = begun.plan.state == RECOVERY_STATE_AWAITING_CONTACT
            reason = REFUSAL_REASON_TAKEN_DOWN if was_public else REFUSAL_REASON_OTHER
            return await self._refused(start, begun.grant.attempt, reason)

    @activity.defn(name=steps.RETRACT_REPLY)
    async def retract_reply(self, start: ContactRecoveryInput) -> RecoveryPlan:
        """Take the link out of the public reply, and report what became of it."""
        async with self._attempt():
            begun = await self._begin(start, RECOVERY_STEP_RETRACT)
            if not begun.HasField("grant"):
                return begun.plan
            visit = Visit(start.recovery, begun.grant, self._review_sites)
            try:
                await visit.retract()
            except ReplyRefused as error:
                refused = error
            else:
                return await self._retracted(start, begun.grant.attempt)
            # Where the site has taken the reply down, or the review is gone, there is nothing left to take out.
            try:
                public = await visit.link_is_public()
            except ReplyRefused:
                public = True  # as far as anybody can know; it is tried again after a pause
            if not public:
                return await self._retracted(start, begun.grant.attempt)
            return await self._refused(start, begun.grant.attempt, _reason(refused), refused.provider_message)

    @asynccontextmanager
    async def _attempt(self) -> AsyncIterator[None]:
        """Hold the whole attempt to its deadline; see ``steps.ATTEMPT_DEADLINE``."""
        try:
            async with asyncio.timeout(self._attempt_deadline.total_seconds()):
                yield
        except TimeoutError:
            raise failures.site_unavailable("ATTEMPT_DEADLINE") from None

    async def _begin(self, start: ContactRecoveryInput, step: RecoveryStep.ValueType) -> BeginPostingResponse:
        with failures.of_service():
            return await self._workers.BeginPosting(BeginPostingRequest(name=start.recovery, step=step))

    async def _posted(self, start: ContactRecoveryInput, attempt: int) -> RecoveryPlan:
        request = RecordPostedRequest(name=start.recovery, attempt=attempt)
        with failures.of_service():
            return await self._asked_after(start, (await self._workers.RecordPosted(request)).plan)

    async def _asked_after(self, start: ContactRecoveryInput, reported: RecoveryPlan) -> RecoveryPlan:
        """Ask anew after a report that was answered with the plan ``reported``.

        So the workflow need not be woken to do so, which costs a signal and an activity. Whatever becomes of this
        attempt, the workflow has this answer or asks.
        """
        request = CheckRecoveryRequest(name=start.recovery, report_time=reported.plan_time)
        return (await self._workers.CheckRecovery(request)).plan

    async def _retracted(self, start: ContactRecoveryInput, attempt: int) -> RecoveryPlan:
        request = RecordRetractedRequest(name=start.recovery, attempt=attempt)
        with failures.of_service():
            return (await self._workers.RecordRetracted(request)).plan

    async def _refused(
        self, start: ContactRecoveryInput, attempt: int, reason: RefusalReason.ValueType, provider_message: str = ""
    ) -> RecoveryPlan:
        request = RecordRefusedRequest(
            name=start.recovery, attempt=attempt, reason=reason, provider_message=provider_message
        )
        with failures.of_service():
            return await self._asked_after(start, (await self._workers.RecordRefused(request)).plan)


async def _read(visit: Visit) -> bool:
    """Tell whether the reply with the link is public; tried until the site lets us look.

    That we may not look says nothing about what the public sees. To report a refusal would end a recovery whose link
    may well be public.
    """
    try:
        return await visit.link_is_public()
    except ReplyRefused as refused:
        unreadable = failures.site_unavailable(str(refused.reason))
    raise unreadable


async def _is_public(visit: Visit) -> bool:
    """Tell whether the reply with the link is public, as far as anybody can know: a site may refuse to be read."""
    try:
        return await visit.link_is_public()
    except ReplyRefused:
        return False


def _reason(refused: ReplyRefused) -> RefusalReason.ValueType:
    """Return the contract's value of the same name."""
    return RefusalReason.Value(f"REFUSAL_REASON_{refused.reason}")
