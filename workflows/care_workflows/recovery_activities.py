"""The activities of `ContactRecovery`. They call the service, act at the review site and report the outcome.

A grant contains the text of a reply and the link to the form. Temporal stores the results and failures of activities,
so neither may contain anything of a grant. A result contains only the plan, and a failure contains what `failures`
allows. No activity sends heartbeats; `PlanDrivenWorkflow` relies on that.
"""

from collections.abc import Awaitable, Callable, Sequence
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
    RECOVERY_STEP_POST,
    RECOVERY_STEP_READ,
    RECOVERY_STEP_REMIND,
    RECOVERY_STEP_RETRACT,
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
from care_workflows import activity_names, activity_options, failures
from care_workflows.attempts import limit_attempt, service_step
from care_workflows.channels.errors import ReplyRefused
from care_workflows.channels.registry import ReviewSites
from care_workflows.reply_attempt import ReplyAttempt

if TYPE_CHECKING:  # this class exists for type checkers only
    from care.v1.worker_service_pb2_grpc import WorkerServiceAsyncStub


class RecoveryActivities:
    """Each activity returns the service's next plan.

    If the service refuses a call, the activity raises ``ApplicationError`` with the error reason as its type; see
    ``failures``.
    """

    def __init__(
        self,
        workers: "WorkerServiceAsyncStub",
        review_sites: ReviewSites,
        attempt_deadline: timedelta = activity_options.ATTEMPT_DEADLINE,
    ) -> None:
        """``workers`` is the stub that calls the service.

        ``attempt_deadline`` limits each attempt at a site, including its calls of the service.
        """
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

    # --- steps at the service -----------------------------------------------------------------------------------------

    @activity.defn(name=activity_names.CHECK_RECOVERY)
    async def check_recovery(self, start: ContactRecoveryInput) -> RecoveryPlan:
        """Asks the service for the recovery's next plan. First opens the chat or reminds the assignee if it is time.

        Doing this here saves an activity. UnlockChat returns the same plan as CheckRecovery. It first opens the chat if
        the contact has arrived, which is the usual reason for this activity.
        """
        async with service_step():
            plan = (await self._workers.UnlockChat(UnlockChatRequest(name=start.recovery))).plan
            if plan.step == RECOVERY_STEP_REMIND:
                await self._workers.FireDeadline(FireDeadlineRequest(name=plan.ticket))
                return (await self._workers.CheckRecovery(CheckRecoveryRequest(name=start.recovery))).plan
            return plan

    @activity.defn(name=activity_names.UNLOCK_CHAT)
    async def unlock_chat(self, start: ContactRecoveryInput) -> RecoveryPlan:
        """Opens the chat."""
        async with service_step():
            return (await self._workers.UnlockChat(UnlockChatRequest(name=start.recovery))).plan

    @activity.defn(name=activity_names.EXPIRE_FORM)
    async def expire_form(self, start: ContactRecoveryInput) -> RecoveryPlan:
        """Ends the form if it has expired by the service's clock."""
        async with service_step():
            plan = (await self._workers.ExpireForm(ExpireFormRequest(name=start.recovery))).plan
            return await self._check_after_report(start, plan)

    @activity.defn(name=activity_names.EXPIRE_FORM_NOW)
    async def expire_form_now(self, start: ContactRecoveryInput) -> RecoveryPlan:
        """Ends the form before its time, on an operator's request."""
        async with service_step():
            plan = (await self._workers.ExpireForm(ExpireFormRequest(name=start.recovery, early=True))).plan
            return await self._check_after_report(start, plan)

    # --- steps at the review site -------------------------------------------------------------------------------------

    @activity.defn(name=activity_names.POST_REPLY)
    async def post_reply(self, start: ContactRecoveryInput) -> RecoveryPlan:
        """Makes the reply with the link public, and reports the outcome."""
        async with limit_attempt(self._attempt_deadline, failures.site_unavailable):
            begun = await self._begin_posting(start, RECOVERY_STEP_POST)
            if not begun.HasField("grant"):
                return begun.plan
            number = begun.grant.attempt
            reply = ReplyAttempt(start.recovery, begun.grant, self._review_sites)
            # An earlier attempt may have posted the reply without reporting that. So the site is read first.
            if begun.grant.read_first and await _is_public(reply):
                return await self._report_posted(start, number)
            try:
                await reply.post()
            except ReplyRefused as error:
                refusal = error
            else:
                return await self._report_posted(start, number)
            if await _is_known_to_be_public(reply):
                return await self._report_posted(start, number)
            return await self._report_refused(start, number, _proto_reason(refusal), refusal.provider_message)

    @activity.defn(name=activity_names.READ_REPLY)
    async def read_reply(self, start: ContactRecoveryInput) -> RecoveryPlan:
        """Reads whether the reply with the link is public, and reports the result."""
        async with limit_attempt(self._attempt_deadline, failures.site_unavailable):
            begun = await self._begin_posting(start, RECOVERY_STEP_READ)
            if not begun.HasField("grant"):
                return begun.plan
            number = begun.grant.attempt
            if await _is_public(ReplyAttempt(start.recovery, begun.grant, self._review_sites)):
                return await self._report_posted(start, number)
            was_public = begun.plan.state == RECOVERY_STATE_AWAITING_CONTACT
            reason = REFUSAL_REASON_TAKEN_DOWN if was_public else REFUSAL_REASON_OTHER
            return await self._report_refused(start, number, reason)

    @activity.defn(name=activity_names.RETRACT_REPLY)
    async def retract_reply(self, start: ContactRecoveryInput) -> RecoveryPlan:
        """Removes the link from the public reply, and reports the outcome."""
        async with limit_attempt(self._attempt_deadline, failures.site_unavailable):
            begun = await self._begin_posting(start, RECOVERY_STEP_RETRACT)
            if not begun.HasField("grant"):
                return begun.plan
            number = begun.grant.attempt
            reply = ReplyAttempt(start.recovery, begun.grant, self._review_sites)
            try:
                await reply.retract()
            except ReplyRefused as error:
                refusal = error
            else:
                return await self._report_retracted(start, number)
            # The site may have removed the reply or the review itself. Then nothing is left to remove.
            try:
                is_public = await reply.is_link_public()
            except ReplyRefused:
                is_public = True  # unknown: reported as refused, so that the service plans a retry
            if not is_public:
                return await self._report_retracted(start, number)
            return await self._report_refused(start, number, _proto_reason(refusal), refusal.provider_message)

    async def _begin_posting(self, start: ContactRecoveryInput, step: RecoveryStep.ValueType) -> BeginPostingResponse:
        with failures.convert_service_errors():
            return await self._workers.BeginPosting(BeginPostingRequest(name=start.recovery, step=step))

    # --- reports ------------------------------------------------------------------------------------------------------

    async def _report_posted(self, start: ContactRecoveryInput, attempt: int) -> RecoveryPlan:
        request = RecordPostedRequest(name=start.recovery, attempt=attempt)
        with failures.convert_service_errors():
            return (await self._workers.RecordPosted(request)).plan

    async def _report_refused(
        self, start: ContactRecoveryInput, attempt: int, reason: RefusalReason.ValueType, provider_message: str = ""
    ) -> RecoveryPlan:
        request = RecordRefusedRequest(
            name=start.recovery, attempt=attempt, reason=reason, provider_message=provider_message
        )
        with failures.convert_service_errors():
            return await self._check_after_report(start, (await self._workers.RecordRefused(request)).plan)

    async def _report_retracted(self, start: ContactRecoveryInput, attempt: int) -> RecoveryPlan:
        request = RecordRetractedRequest(name=start.recovery, attempt=attempt)
        with failures.convert_service_errors():
            return (await self._workers.RecordRetracted(request)).plan

    async def _check_after_report(self, start: ContactRecoveryInput, reported: RecoveryPlan) -> RecoveryPlan:
        """Asks for the next plan right after a report. ``reported`` is the plan in the response to that report.

        With this call, the service does not wake the workflow for the report, which saves a signal and an activity. If
        this attempt is lost before the call, the service wakes the workflow half a minute after the report.
        """
        request = CheckRecoveryRequest(name=start.recovery, report_time=reported.plan_time)
        return (await self._workers.CheckRecovery(request)).plan


async def _is_public(reply: ReplyAttempt) -> bool:
    """Tells whether the reply with the link is public; raises a retryable error if the site refuses to be read.

    A refused read says nothing about what the public sees. If it were reported as a refusal, it would end a recovery
    whose link may be public.
    """
    try:
        return await reply.is_link_public()
    except ReplyRefused as refusal:
        error = failures.site_unavailable(str(refusal.reason))
    raise error


async def _is_known_to_be_public(reply: ReplyAttempt) -> bool:
    """Tells whether the reply with the link is public; False if the site refuses to be read."""
    try:
        return await reply.is_link_public()
    except ReplyRefused:
        return False


def _proto_reason(refusal: ReplyRefused) -> RefusalReason.ValueType:
    return RefusalReason.Value(f"REFUSAL_REASON_{refusal.reason}")
