"""The fake service's ``WorkerService``, over real gRPC: converts, calls the rules, wakes, converts."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import grpc
from google.protobuf.message import Message

from care.v1 import message_pb2, recovery_pb2, ticket_pb2
from care.v1 import worker_service_pb2 as pb
from care.v1.worker_service_pb2_grpc import WorkerServiceServicer
from care_client.errors import CareError
from care_workflows.testing import delivering, recovering, waiting
from care_workflows.testing.desk import FORM_LINK, Desk
from care_workflows.testing.records import Delivery, Recovery, Ticket
from care_workflows.testing.refusals import abort, refused

Context = grpc.aio.ServicerContext[Any, Any]

_SITE_STEPS: Final = {
    pb.RECOVERY_STEP_POST: "POST",
    pb.RECOVERY_STEP_READ: "READ",
    pb.RECOVERY_STEP_RETRACT: "RETRACT",
}
_DELIVERY_STEPS: Final = {pb.DELIVERY_STEP_SEND: "SEND", pb.DELIVERY_STEP_CHECK: "CHECK"}
_REACHED: Final = {message_pb2.DELIVERY_STATE_SENT: "SENT", message_pb2.DELIVERY_STATE_DELIVERED: "DELIVERED"}
_LOCATION: Final = "main"
_ASSIGNEE: Final = "alice"


class FakeWorkerService(WorkerServiceServicer):
    """See the contract for each method."""

    def __init__(
        self, desk: Desk, now: Callable[[], Awaitable[datetime]], wake: Callable[[str], Awaitable[None]]
    ) -> None:
        """Answer for ``desk`` by the clock ``now``; ``wake`` is given the name of whatever has to look again."""
        self._desk = desk
        self._now = now
        self._wake = wake

    async def CheckRecovery(self, request: pb.CheckRecoveryRequest, context: Context) -> pb.CheckRecoveryResponse:
        """See the contract."""
        async with _refusals(context):
            recovery = self._desk.recovery(request.name)
            return pb.CheckRecoveryResponse(plan=self._plan(recovery, await self._now()))

    async def BeginPosting(self, request: pb.BeginPostingRequest, context: Context) -> pb.BeginPostingResponse:
        """See the contract."""
        async with _refusals(context):
            if request.step not in _SITE_STEPS:
                raise refused("INVALID_FIELD", "step: must be POST, READ or RETRACT")
            now = await self._now()
            recovery = self._desk.recovery(request.name)
            review = self._desk.ticket(request.name).review
            step, before, grant = _SITE_STEPS[request.step], recovery.reply_state, None
            siblings = self._desk.siblings(recovery)
            if review and recovering.begin(recovery, siblings, review, step, now, self._desk.policy):
                link = "" if step == "RETRACT" else recovery.link
                grant = pb.PostingGrant(
                    attempt=recovery.attempt,
                    text=recovery.reply_text.replace(FORM_LINK, link).strip(),
                    link=recovery.link,
                    review_site=review.site,
                    review_external_id=review.external_id,
                    location=self._location,
                    read_first=step == "POST" and before in ("POSTING", "RETRACTING"),
                )
            return pb.BeginPostingResponse(grant=grant, plan=self._plan(recovery, now))

    async def RecordPosted(self, request: pb.RecordPostedRequest, context: Context) -> pb.RecordPostedResponse:
        """See the contract."""
        async with _refusals(context):
            now = await self._now()
            recovery = self._desk.recovery(request.name)
            moved = recovering.posted(recovery, now) if _is_present(recovery, request.attempt) else ""
            return pb.RecordPostedResponse(plan=await self._after(recovery, moved, now))

    async def RecordRefused(self, request: pb.RecordRefusedRequest, context: Context) -> pb.RecordRefusedResponse:
        """See the contract."""
        async with _refusals(context):
            if not request.reason or request.reason not in recovery_pb2.RefusalReason.values():
                raise refused("INVALID_FIELD", "reason: must be a known reason")
            now = await self._now()
            recovery = self._desk.recovery(request.name)
            moved = ""
            if _is_present(recovery, request.attempt):
                reason = recovery_pb2.RefusalReason.Name(request.reason).removeprefix("REFUSAL_REASON_")
                moved = recovering.not_posted(recovery, reason, request.provider_message, now)
            return pb.RecordRefusedResponse(plan=await self._after(recovery, moved, now))

    async def RecordRetracted(self, request: pb.RecordRetractedRequest, context: Context) -> pb.RecordRetractedResponse:
        """See the contract."""
        async with _refusals(context):
            recovery = self._desk.recovery(request.name)
            if _is_present(recovery, request.attempt):
                recovering.retracted(recovery)
            return pb.RecordRetractedResponse(plan=self._plan(recovery, await self._now()))

    async def UnlockChat(self, request: pb.UnlockChatRequest, context: Context) -> pb.UnlockChatResponse:
        """See the contract."""
        async with _refusals(context):
            now = await self._now()
            recovery = self._desk.recovery(request.name)
            greeting = self._desk.unlock(recovery, now)
            if greeting is not None:
                await self._wake(greeting.name)
            return pb.UnlockChatResponse(plan=await self._after(recovery, recovery.state if greeting else "", now))

    async def ExpireForm(self, request: pb.ExpireFormRequest, context: Context) -> pb.ExpireFormResponse:
        """See the contract."""
        async with _refusals(context):
            now = await self._now()
            recovery = self._desk.recovery(request.name)
            moved = recovering.expired(recovery, now, early=request.early)
            return pb.ExpireFormResponse(plan=await self._after(recovery, moved, now))

    async def BeginDelivery(self, request: pb.BeginDeliveryRequest, context: Context) -> pb.BeginDeliveryResponse:
        """See the contract."""
        async with _refusals(context):
            now = await self._now()
            delivery = self._desk.message(request.name)
            contact = self._desk.recovery(delivery.recovery)
            step, before, grant = _DELIVERY_STEPS.get(request.step, ""), delivery.state, None
            if delivering.begin(delivery, step, is_rejected=contact.state == "REJECTED", now=now):
                grant = pb.DeliveryGrant(attempt=delivery.attempt, channel=_channel(delivery), location=self._location)
                if step == "SEND":
                    grant.address = contact.email if delivery.channel == "EMAIL" else contact.phone
                    grant.business_name = self._desk.organization
                    grant.text = delivery.text
                    grant.chat_link = f"https://care.example/c/{contact.name.rpartition('/')[2]}"
                    grant.idempotency_key = delivery.name
                    grant.thread_key = contact.name
                else:
                    grant.provider_id = delivery.provider_id
            self._note_failure(delivery, before, now)
            return pb.BeginDeliveryResponse(grant=grant, plan=self._delivery_plan(delivery, now))

    async def RecordDelivered(self, request: pb.RecordDeliveredRequest, context: Context) -> pb.RecordDeliveredResponse:
        """See the contract."""
        async with _refusals(context):
            if request.state not in _REACHED:
                raise refused("INVALID_FIELD", "state: must be SENT or DELIVERED")
            now = await self._now()
            delivery = self._desk.message(request.name)
            if delivery.attempt and request.attempt == delivery.attempt:
                state = _REACHED[request.state]
                delivering.delivered(
                    delivery, state, request.provider_id, can_be_checked=request.can_be_checked, now=now
                )
            return pb.RecordDeliveredResponse(plan=self._delivery_plan(delivery, now))

    async def RecordFailed(self, request: pb.RecordFailedRequest, context: Context) -> pb.RecordFailedResponse:
        """See the contract."""
        async with _refusals(context):
            if not request.reason or request.reason not in message_pb2.DeliveryFailure.values():
                raise refused("INVALID_FIELD", "reason: must be a known reason")
            now = await self._now()
            delivery = self._desk.message(request.name)
            if delivery.attempt and request.attempt == delivery.attempt:
                reason = message_pb2.DeliveryFailure.Name(request.reason).removeprefix("DELIVERY_FAILURE_")
                before = delivery.state
                delivering.failed(delivery, reason, request.provider_message)
                self._note_failure(delivery, before, now)
            return pb.RecordFailedResponse(plan=self._delivery_plan(delivery, now))

    async def GetNextDeadline(self, request: pb.GetNextDeadlineRequest, context: Context) -> pb.GetNextDeadlineResponse:
        """See the contract."""
        async with _refusals(context):
            ticket = self._desk.ticket(request.name)
            return pb.GetNextDeadlineResponse(plan=self._deadline_plan(ticket, await self._now()))

    async def FireDeadline(self, request: pb.FireDeadlineRequest, context: Context) -> pb.FireDeadlineResponse:
        """See the contract."""
        async with _refusals(context):
            now = await self._now()
            ticket = self._desk.ticket(request.name)
            ended = waiting.fire(ticket, now, self._desk.policy)
            if ended is not None:
                await self._wake(ended.name)
            return pb.FireDeadlineResponse(plan=self._deadline_plan(ticket, now))

    @property
    def _location(self) -> str:
        return f"organizations/{self._desk.organization}/locations/{_LOCATION}"

    @property
    def _assignee(self) -> str:
        return f"organizations/{self._desk.organization}/agents/{_ASSIGNEE}"

    def _note_failure(self, delivery: Delivery, before: str, now: datetime) -> None:
        """An agent has to deal with a message that failed: the time without anybody's word begins anew."""
        if delivery.state == "FAILED" and before != "FAILED":
            waiting.happened(self._desk.ticket(delivery.name), now=now, by_person=True)

    async def _after(self, recovery: Recovery, moved: str, now: datetime) -> pb.RecoveryPlan:
        """Return the plan after a report; where it moved the state, the ticket's workflow is woken.

        The recovery's own, which the service pokes as well, has it from the answer.
        """
        if moved:
            ticket = self._desk.ticket(recovery.name)
            waiting.happened(ticket, now=now, by_person=moved in ("EXPIRED", "REFUSED"))
            await self._wake(ticket.name)
        return self._plan(recovery, now)

    def _plan(self, recovery: Recovery, now: datetime) -> pb.RecoveryPlan:
        ticket = self._desk.ticket(recovery.name)
        reminder = waiting.reminder(ticket, recovery, self._desk.policy)
        wanted = recovering.plan(recovery, self._desk.siblings(recovery), now, self._desk.policy, reminder)
        made = pb.RecoveryPlan(
            state=recovery_pb2.RecoveryState.Value(f"RECOVERY_STATE_{recovery.state}"),
            step=pb.RecoveryStep.Value(f"RECOVERY_STEP_{wanted.step}"),
            kind=recovery_pb2.RecoveryKind.Value(f"RECOVERY_KIND_{recovery.kind}"),
            ticket=ticket.name,
            location=self._location,
            assignee=self._assignee,
            ticket_status=_status(ticket),
            ticket_priority=ticket_pb2.TICKET_PRIORITY_NORMAL,
            review_site=ticket.review.site if ticket.review and recovery.kind == "FORM" else "",
            refusal_reason=recovery_pb2.RefusalReason.Value(
                f"REFUSAL_REASON_{recovery.refusal_reason or 'UNSPECIFIED'}"
            ),
        )
        if wanted.wait is not None:
            made.wait.FromTimedelta(wanted.wait)
        times = {"create_time": recovery.create_time, "post_time": recovery.post_time}
        _set_times(made, times | {"expire_time": recovery.expire_time, "plan_time": now, "remind_time": reminder})
        return made

    def _delivery_plan(self, delivery: Delivery, now: datetime) -> pb.DeliveryPlan:
        wanted = delivering.plan(delivery, now)
        ticket = self._desk.ticket(delivery.name)
        made = pb.DeliveryPlan(
            state=message_pb2.DeliveryState.Value(f"DELIVERY_STATE_{delivery.state}"),
            step=pb.DeliveryStep.Value(f"DELIVERY_STEP_{wanted.step}"),
            channel=_channel(delivery),
            failure_reason=message_pb2.DeliveryFailure.Value(
                f"DELIVERY_FAILURE_{delivery.failure_reason or 'UNSPECIFIED'}"
            ),
            ticket=ticket.name,
            location=self._location,
            assignee=self._assignee,
            ticket_status=_status(ticket),
            ticket_priority=ticket_pb2.TICKET_PRIORITY_NORMAL,
            attempts=delivery.attempts,
        )
        if wanted.wait is not None:
            made.wait.FromTimedelta(wanted.wait)
        times = {"create_time": delivery.create_time, "give_up_time": delivery.give_up_time}
        _set_times(made, times | {"plan_time": now})
        return made

    def _deadline_plan(self, ticket: Ticket, now: datetime) -> pb.DeadlinePlan:
        made = pb.DeadlinePlan(
            step=pb.DEADLINE_STEP_DONE if ticket.status == "CLOSED" else pb.DEADLINE_STEP_WAIT,
            ticket=ticket.name,
            location=self._location,
            assignee=self._assignee,
            ticket_status=_status(ticket),
            ticket_priority=ticket_pb2.TICKET_PRIORITY_NORMAL,
            contact_state=ticket_pb2.ContactState.Value(f"CONTACT_STATE_{waiting.contact_state(ticket)}"),
        )
        due = waiting.upcoming(ticket, self._desk.policy)
        if due is not None:
            made.kind = pb.DeadlineKind.Value(f"DEADLINE_KIND_{due.kind}")
            made.deadline_time.FromDatetime(due.time)
            if due.time <= now:
                made.step = pb.DEADLINE_STEP_FIRE
            else:
                made.wait.FromTimedelta(due.time - now)
        times = {"create_time": ticket.create_time, "active_time": ticket.active_time, "wait_time": ticket.waits_since}
        _set_times(made, times | {"plan_time": now})
        return made


@asynccontextmanager
async def _refusals(context: Context) -> AsyncIterator[None]:
    """Turn what the rules refuse into the status of the call."""
    try:
        yield
    except CareError as error:
        refusal = error
    else:
        return
    await abort(context, refusal)


def _is_present(recovery: Recovery, attempt: int) -> bool:
    """Tell whether the report is of the attempt that counts: any other one's changes nothing."""
    return recovery.attempt != 0 and recovery.attempt == attempt


def _status(ticket: Ticket) -> ticket_pb2.TicketStatus.ValueType:
    return ticket_pb2.TicketStatus.Value(f"TICKET_STATUS_{ticket.status}")


def _channel(delivery: Delivery) -> message_pb2.Channel.ValueType:
    return message_pb2.Channel.Value(f"CHANNEL_{delivery.channel}")


def _set_times(message: Message, times: Mapping[str, datetime | None]) -> None:
    for name, time in times.items():
        if time is not None:
            getattr(message, name).FromDatetime(time)
