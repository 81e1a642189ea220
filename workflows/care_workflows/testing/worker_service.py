"""The fake service's ``WorkerService``, over real gRPC. The rules decide each response."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import uuid4

import grpc

from care.v1 import message_pb2, recovery_pb2
from care.v1 import worker_service_pb2 as pb
from care.v1.worker_service_pb2_grpc import WorkerServiceServicer
from care_rules import commands, names
from care_rules.callers import Caller, Role
from care_rules.deadlines import upcoming_deadlines
from care_rules.delivery import DeliverySnapshot, DeliveryStep, begin_delivery, report_delivery
from care_rules.entities.activity import ActorKind
from care_rules.entities.delivery import DeliveryFailure, DeliveryState
from care_rules.entities.recovery import RefusalReason
from care_rules.firing import fire_deadline
from care_rules.recovery_plan import HANDED_OUT, RecoveryStep
from care_rules.refusals import Violation, invalid, not_found
from care_rules.replies import CHAT_LINK, insert_link, remove_link
from care_rules.reports import RecoverySnapshot, begin_posting, record_report
from care_rules.scheduling import keep_schedule, refresh_deadlines, schedule
from care_rules.snapshot import TicketSnapshot
from care_workflows.testing.desk import KEY_ID, Desk
from care_workflows.testing.plans import channel, deadline_plan, delivery_plan, location, recovery_plan
from care_workflows.testing.refusals import as_statuses
from care_workflows.testing.views import chat_link, form_link

Context = grpc.aio.ServicerContext[Any, Any]
NameT = TypeVar("NameT")

_SITE_STEPS: Final = {
    pb.RECOVERY_STEP_POST: RecoveryStep.POST,
    pb.RECOVERY_STEP_READ: RecoveryStep.READ,
    pb.RECOVERY_STEP_RETRACT: RecoveryStep.RETRACT,
}
_DELIVERY_STEPS: Final = {pb.DELIVERY_STEP_SEND: DeliveryStep.SEND, pb.DELIVERY_STEP_CHECK: DeliveryStep.CHECK}
_REACHED: Final = {
    message_pb2.DELIVERY_STATE_SENT: DeliveryState.SENT,
    message_pb2.DELIVERY_STATE_DELIVERED: DeliveryState.DELIVERED,
}
_WORKER: Final = Caller(ActorKind.WORKFLOW, "worker", None, frozenset({Role.WORKER}), "")


class FakeWorkerService(WorkerServiceServicer):
    """See the contract for each method."""

    def __init__(self, desk: Desk, now: Callable[[], Awaitable[datetime]], wake: Callable[[], Awaitable[None]]) -> None:
        """Serves ``desk`` with the clock ``now``. ``wake`` is called after each change that may wake workflows."""
        self._desk = desk
        self._memory = desk.memory
        self._now = now
        self._wake = wake

    async def CheckRecovery(self, request: pb.CheckRecoveryRequest, context: Context) -> pb.CheckRecoveryResponse:
        """See the contract."""
        async with as_statuses(context):
            return pb.CheckRecoveryResponse(plan=self._plan(request.name, await self._now()))

    async def BeginPosting(self, request: pb.BeginPostingRequest, context: Context) -> pb.BeginPostingResponse:
        """See the contract."""
        async with as_statuses(context):
            if request.step not in _SITE_STEPS:
                raise invalid(Violation("step", "must be POST, READ or RETRACT"))
            now, step, grant = await self._now(), _SITE_STEPS[request.step], None
            snapshot, timing = self._recovery(request.name), self._memory.site_timing
            review = snapshot.base.review
            decision = begin_posting(snapshot, review, step, timing, now) if review else None
            if decision is not None:
                self._desk.commit(keep_schedule(decision))
                grant = _posting_grant(self._recovery(request.name), step)
                grant.read_first = step is RecoveryStep.POST and snapshot.recovery.reply_state in HANDED_OUT
            return pb.BeginPostingResponse(grant=grant, plan=self._plan(request.name, now))

    async def RecordPosted(self, request: pb.RecordPostedRequest, context: Context) -> pb.RecordPostedResponse:
        """See the contract."""
        async with as_statuses(context):
            plan = await self._report(request.name, commands.RecordPosted(request.attempt))
            return pb.RecordPostedResponse(plan=plan)

    async def RecordRefused(self, request: pb.RecordRefusedRequest, context: Context) -> pb.RecordRefusedResponse:
        """See the contract."""
        async with as_statuses(context):
            if not request.reason or request.reason not in recovery_pb2.RefusalReason.values():
                raise invalid(Violation("reason", "must be a known reason"))
            reason = RefusalReason(recovery_pb2.RefusalReason.Name(request.reason).removeprefix("REFUSAL_REASON_"))
            command = commands.RecordRefused(request.attempt, reason, request.provider_message)
            return pb.RecordRefusedResponse(plan=await self._report(request.name, command))

    async def RecordRetracted(self, request: pb.RecordRetractedRequest, context: Context) -> pb.RecordRetractedResponse:
        """See the contract."""
        async with as_statuses(context):
            plan = await self._report(request.name, commands.RecordRetracted(request.attempt))
            return pb.RecordRetractedResponse(plan=plan)

    async def UnlockChat(self, request: pb.UnlockChatRequest, context: Context) -> pb.UnlockChatResponse:
        """See the contract."""
        async with as_statuses(context):
            plan = await self._report(request.name, commands.UnlockChat(uuid4(), KEY_ID))
            return pb.UnlockChatResponse(plan=plan)

    async def ExpireForm(self, request: pb.ExpireFormRequest, context: Context) -> pb.ExpireFormResponse:
        """See the contract."""
        async with as_statuses(context):
            return pb.ExpireFormResponse(plan=await self._report(request.name, commands.ExpireForm(request.early)))

    async def BeginDelivery(self, request: pb.BeginDeliveryRequest, context: Context) -> pb.BeginDeliveryResponse:
        """See the contract."""
        async with as_statuses(context):
            now, step, grant = await self._now(), _DELIVERY_STEPS.get(request.step), None
            snapshot = self._delivery(request.name)
            decision = begin_delivery(snapshot, step, _WORKER, now) if step else None
            if decision is not None:
                self._desk.commit(schedule(snapshot.base, decision))
                await self._wake()
                snapshot = self._delivery(request.name)
                if snapshot.delivery.attempt:
                    grant = _delivery_grant(snapshot, self._desk.memory.organization.id, step)
            return pb.BeginDeliveryResponse(grant=grant, plan=delivery_plan(snapshot, now))

    async def RecordDelivered(self, request: pb.RecordDeliveredRequest, context: Context) -> pb.RecordDeliveredResponse:
        """See the contract."""
        async with as_statuses(context):
            if request.state not in _REACHED:
                raise invalid(Violation("state", "must be SENT or DELIVERED"))
            command = commands.RecordDelivered(
                request.attempt, _REACHED[request.state], request.provider_id, request.can_be_checked
            )
            return pb.RecordDeliveredResponse(plan=await self._report_delivery(request.name, command))

    async def RecordFailed(self, request: pb.RecordFailedRequest, context: Context) -> pb.RecordFailedResponse:
        """See the contract."""
        async with as_statuses(context):
            if not request.reason or request.reason not in message_pb2.DeliveryFailure.values():
                raise invalid(Violation("reason", "must be a known reason"))
            reason = DeliveryFailure(message_pb2.DeliveryFailure.Name(request.reason).removeprefix("DELIVERY_FAILURE_"))
            command = commands.RecordFailed(request.attempt, reason, request.provider_message)
            return pb.RecordFailedResponse(plan=await self._report_delivery(request.name, command))

    async def GetNextDeadline(self, request: pb.GetNextDeadlineRequest, context: Context) -> pb.GetNextDeadlineResponse:
        """See the contract."""
        async with as_statuses(context):
            scheduled = refresh_deadlines(self._ticket(request.name))
            if scheduled is not None:
                self._desk.commit(scheduled)
            plan = deadline_plan(self._ticket(request.name).ticket, await self._now())
            return pb.GetNextDeadlineResponse(plan=plan)

    async def FireDeadline(self, request: pb.FireDeadlineRequest, context: Context) -> pb.FireDeadlineResponse:
        """See the contract."""
        async with as_statuses(context):
            now = await self._now()
            snapshot = self._ticket(request.name)
            scheduled = fire_deadline(snapshot, uuid4(), _WORKER, now)
            if scheduled is not None:
                is_fired = scheduled.decision.activity is not None
                due = upcoming_deadlines(snapshot.ticket, snapshot.live, snapshot.settings) if is_fired else ()
                self._desk.commit(scheduled, deadline=due[0].kind if due else None)
                await self._wake()
            return pb.FireDeadlineResponse(plan=deadline_plan(self._ticket(request.name).ticket, now))

    # --- inside -------------------------------------------------------------------------------------------------------

    def _recovery(self, name: str) -> RecoverySnapshot:
        return self._memory.recovery(_parsed(names.parse_recovery, name))

    def _delivery(self, name: str) -> DeliverySnapshot:
        return self._memory.delivery(_parsed(names.parse_message, name))

    def _ticket(self, name: str) -> TicketSnapshot:
        parsed = _parsed(names.parse_ticket, name)
        if parsed.organization != self._memory.organization.id:
            raise not_found(name)
        return self._memory.ticket(parsed.number)

    def _plan(self, name: str, now: datetime) -> pb.RecoveryPlan:
        return recovery_plan(self._recovery(name), self._memory.site_timing, now)

    async def _report(self, name: str, command: commands.Report) -> pb.RecoveryPlan:
        now = await self._now()
        snapshot = self._recovery(name)
        decision = record_report(snapshot, command, _WORKER, now)
        if decision is not None:
            self._desk.commit(schedule(snapshot.base, decision))
            await self._wake()
        return self._plan(name, now)

    async def _report_delivery(self, name: str, command: commands.DeliveryReport) -> pb.DeliveryPlan:
        now = await self._now()
        snapshot = self._delivery(name)
        decision = report_delivery(snapshot, command, _WORKER, now)
        if decision is not None:
            self._desk.commit(schedule(snapshot.base, decision))
            await self._wake()
        return delivery_plan(self._delivery(name), now)


def _parsed(parse: Callable[[str], NameT], name: str) -> NameT:
    try:
        return parse(name)
    except names.BadNameError as error:
        raise invalid(Violation("name", str(error))) from error


def _posting_grant(snapshot: RecoverySnapshot, step: RecoveryStep) -> pb.PostingGrant:
    recovery, review = snapshot.recovery, snapshot.base.review
    if review is None:
        raise AssertionError("the recovery has no review; begin_posting must not hand it out")
    link, text = form_link(recovery.id), recovery.reply_text
    return pb.PostingGrant(
        attempt=recovery.attempt,
        text=remove_link(text) if step is RecoveryStep.RETRACT else insert_link(text, link),
        link=link,
        review_site=review.site,
        review_external_id=review.external_id,
        location=location(snapshot.base.ticket),
    )


def _delivery_grant(snapshot: DeliverySnapshot, business_name: str, step: DeliveryStep | None) -> pb.DeliveryGrant:
    delivery, contact, message = snapshot.delivery, snapshot.contact, snapshot.message
    grant = pb.DeliveryGrant(
        attempt=delivery.attempt, channel=channel(delivery.channel), location=location(snapshot.base.ticket)
    )
    if step is DeliveryStep.CHECK:
        grant.provider_id = delivery.provider_id
        return grant
    link = chat_link(contact.id)
    grant.address = contact.address(delivery.channel)
    grant.business_name = business_name
    grant.text = message.text.replace(CHAT_LINK, link) if message.is_greeting else message.text
    grant.chat_link = link
    grant.idempotency_key = str(delivery.message_id)
    grant.thread_key = str(contact.id)
    return grant
