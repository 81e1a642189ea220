"""WorkerService: the next steps of workflows, and their reports. Every response has the next step."""

from __future__ import annotations

from typing import Final

import grpc
from google.protobuf.message import Message

from care.v1 import worker_service_pb2 as pb
from care.v1 import worker_service_pb2_grpc
from care_rules import commands, names
from care_rules.delivery import DeliverySnapshot, DeliveryStep
from care_rules.entities.delivery import DeliveryFailure, DeliveryState
from care_rules.entities.recovery import RefusalReason
from care_rules.names import MessageName, RecoveryName, TicketName
from care_rules.recovery_plan import RecoveryStep, SiteTiming
from care_service.rpc import convert, convert_plans, enums
from care_service.rpc.call import current_call
from care_service.rpc.fields import Fields
from care_service.rpc.grants import delivery_grant, posting_grant
from care_service.rpc.placeholders import NO_MESSAGE, NO_RECOVERY, NO_TICKET
from care_service.usecases import deadlines, deliveries, recovery_steps
from care_service.usecases.links import Links
from care_service.usecases.ports.ticket_store import TicketStore
from care_service.usecases.recovery_steps import RecoveryProgress

Context = grpc.aio.ServicerContext[Message, Message]
PostingReport = commands.RecordPosted | commands.RecordRefused | commands.RecordRetracted

_PROVIDER_MESSAGE: Final = 2_000
_PROVIDER_ID: Final = 998
_STEPS: Final = {
    enums.RECOVERY_STEP.to_contract(step): step for step in (RecoveryStep.POST, RecoveryStep.READ, RecoveryStep.RETRACT)
}
_DELIVERY_STEPS: Final = {
    enums.DELIVERY_STEP.to_contract(step): step for step in (DeliveryStep.SEND, DeliveryStep.CHECK)
}
_DELIVERED_STATES: Final = {
    enums.DELIVERY_STATE.to_contract(state): state for state in (DeliveryState.SENT, DeliveryState.DELIVERED)
}


class WorkerHandlers(worker_service_pb2_grpc.WorkerServiceServicer):
    """Serves WorkerService: the steps of recoveries, deliveries and ticket deadlines."""

    def __init__(self, store: TicketStore, links: Links, timing: SiteTiming) -> None:
        self._store = store
        self._links = links
        self._timing = timing

    # --- recoveries ---------------------------------------------------------------------------------------------------

    async def CheckRecovery(self, request: pb.CheckRecoveryRequest, context: Context) -> pb.CheckRecoveryResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        fields.past("report_time", request.report_time, call.now)
        name = _recovery(fields, request.name)
        reported = convert.from_timestamp(request.report_time) if request.HasField("report_time") else None
        progress = await recovery_steps.check_recovery(self._store, self._timing, name, reported, call.caller, call.now)
        return pb.CheckRecoveryResponse(plan=_plan(progress))

    async def BeginPosting(self, request: pb.BeginPostingRequest, context: Context) -> pb.BeginPostingResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        if request.step not in _STEPS:
            fields.reject("step", "must be POST, READ or RETRACT")
        name = _recovery(fields, request.name)
        begun = await recovery_steps.begin_posting(
            self._store, self._links, self._timing, name, _STEPS[request.step], call.caller, call.now
        )
        grant = posting_grant(begun.grant) if begun.grant else None
        return pb.BeginPostingResponse(grant=grant, plan=_plan(begun.progress))

    async def RecordPosted(self, request: pb.RecordPostedRequest, context: Context) -> pb.RecordPostedResponse:
        """See the contract."""
        name = _recovery(_attempt(request.attempt, "BeginPosting"), request.name)
        plan = await self._report_posting(name, commands.RecordPosted(request.attempt))
        return pb.RecordPostedResponse(plan=plan)

    async def RecordRefused(self, request: pb.RecordRefusedRequest, context: Context) -> pb.RecordRefusedResponse:
        """See the contract."""
        fields = _attempt(request.attempt, "BeginPosting")
        reason = enums.REFUSAL_REASON.from_contract(request.reason)
        if reason is None:
            fields.reject("reason", "must be a known reason")
            reason = RefusalReason.OTHER
        name = _recovery(fields, request.name)
        command = commands.RecordRefused(request.attempt, reason, _provider_message(request.provider_message))
        return pb.RecordRefusedResponse(plan=await self._report_posting(name, command))

    async def RecordRetracted(self, request: pb.RecordRetractedRequest, context: Context) -> pb.RecordRetractedResponse:
        """See the contract."""
        name = _recovery(_attempt(request.attempt, "BeginPosting"), request.name)
        plan = await self._report_posting(name, commands.RecordRetracted(request.attempt))
        return pb.RecordRetractedResponse(plan=plan)

    async def UnlockChat(self, request: pb.UnlockChatRequest, context: Context) -> pb.UnlockChatResponse:
        """See the contract."""
        call, name = current_call(), _recovery(Fields(), request.name)
        progress = await recovery_steps.unlock_chat(self._store, self._links, self._timing, name, call.caller, call.now)
        return pb.UnlockChatResponse(plan=_plan(progress))

    async def ExpireForm(self, request: pb.ExpireFormRequest, context: Context) -> pb.ExpireFormResponse:
        """See the contract."""
        call, name = current_call(), _recovery(Fields(), request.name)
        progress = await recovery_steps.expire_form(
            self._store, self._timing, name, commands.ExpireForm(request.early), call.caller, call.now
        )
        return pb.ExpireFormResponse(plan=_plan(progress))

    async def _report_posting(self, name: RecoveryName, command: PostingReport) -> pb.RecoveryPlan:
        call = current_call()
        return _plan(
            await recovery_steps.report_posting(self._store, self._timing, name, command, call.caller, call.now)
        )

    # --- deliveries ---------------------------------------------------------------------------------------------------

    async def BeginDelivery(self, request: pb.BeginDeliveryRequest, context: Context) -> pb.BeginDeliveryResponse:
        """See the contract."""
        call, fields = current_call(), Fields()
        if request.step and request.step not in _DELIVERY_STEPS:
            fields.reject("step", "must be SEND or CHECK, or unset to get the next step")
        name = _message(fields, request.name)
        step = _DELIVERY_STEPS.get(request.step)
        begun = await deliveries.begin_delivery(self._store, self._links, name, step, call.caller, call.now)
        grant = delivery_grant(begun) if begun.is_granted else None
        return pb.BeginDeliveryResponse(grant=grant, plan=_delivery_plan(begun.snapshot))

    async def RecordDelivered(self, request: pb.RecordDeliveredRequest, context: Context) -> pb.RecordDeliveredResponse:
        """See the contract."""
        fields = _attempt(request.attempt, "BeginDelivery")
        if request.state not in _DELIVERED_STATES:
            fields.reject("state", "must be SENT or DELIVERED")
        provider_id = fields.text("provider_id", request.provider_id, _PROVIDER_ID, line=True)
        name = _message(fields, request.name)
        command = commands.RecordDelivered(
            request.attempt, _DELIVERED_STATES[request.state], provider_id, request.can_be_checked
        )
        return pb.RecordDeliveredResponse(plan=await self._report_delivery(name, command))

    async def RecordFailed(self, request: pb.RecordFailedRequest, context: Context) -> pb.RecordFailedResponse:
        """See the contract."""
        fields = _attempt(request.attempt, "BeginDelivery")
        reason = enums.DELIVERY_FAILURE.from_contract(request.reason)
        if reason is None:
            fields.reject("reason", "must be a known reason")
            reason = DeliveryFailure.OTHER
        name = _message(fields, request.name)
        command = commands.RecordFailed(request.attempt, reason, _provider_message(request.provider_message))
        return pb.RecordFailedResponse(plan=await self._report_delivery(name, command))

    async def _report_delivery(self, name: MessageName, command: commands.DeliveryReport) -> pb.DeliveryPlan:
        call = current_call()
        return _delivery_plan(await deliveries.report_delivery(self._store, name, command, call.caller, call.now))

    # --- ticket deadlines ---------------------------------------------------------------------------------------------

    async def GetNextDeadline(self, request: pb.GetNextDeadlineRequest, context: Context) -> pb.GetNextDeadlineResponse:
        """See the contract."""
        call, name = current_call(), _ticket(request.name)
        snapshot = await deadlines.get_next_deadline(self._store, name, call.caller)
        return pb.GetNextDeadlineResponse(plan=convert_plans.deadline_plan_message(snapshot.ticket, call.now))

    async def FireDeadline(self, request: pb.FireDeadlineRequest, context: Context) -> pb.FireDeadlineResponse:
        """See the contract."""
        call, name = current_call(), _ticket(request.name)
        snapshot = await deadlines.fire_deadline(self._store, name, call.caller, call.now)
        return pb.FireDeadlineResponse(plan=convert_plans.deadline_plan_message(snapshot.ticket, call.now))


def _recovery(fields: Fields, text: str) -> RecoveryName:
    name = fields.name("name", text, names.parse_recovery, NO_RECOVERY)
    fields.check()
    return name


def _message(fields: Fields, text: str) -> MessageName:
    name = fields.name("name", text, names.parse_message, NO_MESSAGE)
    fields.check()
    return name


def _ticket(text: str) -> TicketName:
    fields = Fields()
    name = fields.name("name", text, names.parse_ticket, NO_TICKET)
    fields.check()
    return name


def _attempt(number: int, method: str) -> Fields:
    fields = Fields()
    if number < 1:
        fields.reject("attempt", f"must be the attempt in the grant of {method}")
    return fields


def _provider_message(text: str) -> str:
    return text.replace("\0", "")[:_PROVIDER_MESSAGE]


def _plan(progress: RecoveryProgress) -> pb.RecoveryPlan:
    snapshot = progress.snapshot
    return convert_plans.recovery_plan_message(snapshot, progress.plan, snapshot.reminder, current_call().now)


def _delivery_plan(snapshot: DeliverySnapshot) -> pb.DeliveryPlan:
    now = current_call().now
    return convert_plans.delivery_plan_message(snapshot, snapshot.plan(now), now)
