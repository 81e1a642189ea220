"""The activities of `MessageDelivery`. They call the service, pass messages to a messenger and report the outcome.

A grant contains the customer's address, the message's text and the private link to the chat. Temporal stores the
results and failures of activities, so neither may contain anything of a grant. A result contains only the plan, and a
failure contains what `failures` allows.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from temporalio import activity

from care.v1.message_pb2 import DELIVERY_STATE_DELIVERED, DELIVERY_STATE_SENT, Channel, DeliveryFailure
from care.v1.worker_service_pb2 import (
    DELIVERY_STEP_CHECK,
    DELIVERY_STEP_SEND,
    BeginDeliveryRequest,
    BeginDeliveryResponse,
    DeliveryPlan,
    DeliveryStep,
    RecordDeliveredRequest,
    RecordFailedRequest,
)
from care.v1.workflows_pb2 import MessageDeliveryInput
from care_workflows import activity_names, activity_options, failures
from care_workflows.attempts import limit_attempt, service_step
from care_workflows.channels.errors import MessageRefused
from care_workflows.channels.messenger import Messenger, OutgoingMessage, Progress, Receipt
from care_workflows.channels.registry import Messengers
from care_workflows.resource_names import last_segment, parse_message

if TYPE_CHECKING:  # this class exists for type checkers only
    from care.v1.worker_service_pb2_grpc import WorkerServiceAsyncStub


class DeliveryActivities:
    """Each activity returns the service's next plan.

    If the service refuses a call, the activity raises ``ApplicationError`` with the error reason as its type; see
    ``failures``.
    """

    def __init__(
        self,
        workers: "WorkerServiceAsyncStub",
        messengers: Messengers,
        attempt_deadline: timedelta = activity_options.ATTEMPT_DEADLINE,
    ) -> None:
        """``workers`` is the stub that calls the service.

        ``attempt_deadline`` limits each attempt at a provider, including its calls of the service.
        """
        self._workers = workers
        self._messengers = messengers
        self._attempt_deadline = attempt_deadline

    @property
    def all(self) -> Sequence[Callable[..., Awaitable[Any]]]:
        """Every activity, as ``Worker(activities=…)`` takes them."""
        return [self.ask_delivery, self.send_message, self.check_message]

    @activity.defn(name=activity_names.ASK_DELIVERY)
    async def ask_delivery(self, start: MessageDeliveryInput) -> DeliveryPlan:
        """Asks the service for the message's next plan."""
        async with service_step():
            return (await self._workers.BeginDelivery(BeginDeliveryRequest(name=start.message))).plan

    @activity.defn(name=activity_names.SEND_MESSAGE)
    async def send_message(self, start: MessageDeliveryInput) -> DeliveryPlan:
        """Passes the message to the messenger of its channel, and reports the outcome to the service."""

        async def send(messenger: Messenger, begun: BeginDeliveryResponse) -> Receipt:
            return await messenger.send(outgoing_message(start.message, begun))

        return await self._run_attempt(start, DELIVERY_STEP_SEND, send)

    @activity.defn(name=activity_names.CHECK_MESSAGE)
    async def check_message(self, start: MessageDeliveryInput) -> DeliveryPlan:
        """Asks the provider whether the message arrived, and reports the result to the service."""

        async def check(messenger: Messenger, begun: BeginDeliveryResponse) -> Receipt:
            return await messenger.check(begun.grant.provider_id)

        return await self._run_attempt(start, DELIVERY_STEP_CHECK, check)

    async def _run_attempt(
        self,
        start: MessageDeliveryInput,
        step: DeliveryStep.ValueType,
        call_provider: Callable[[Messenger, BeginDeliveryResponse], Awaitable[Receipt]],
    ) -> DeliveryPlan:
        async with limit_attempt(self._attempt_deadline, failures.messenger_unavailable):
            begun = await self._begin_delivery(start, step)
            if not begun.HasField("grant"):
                return begun.plan
            number = begun.grant.attempt
            try:
                with failures.convert_messenger_errors():
                    messenger = self._messengers.get(Channel.Name(begun.grant.channel).removeprefix("CHANNEL_"))
                    receipt = await call_provider(messenger, begun)
            except MessageRefused as refusal:
                return await self._report_failed(start, number, refusal)
            return await self._report_delivered(start, number, receipt)

    async def _begin_delivery(self, start: MessageDeliveryInput, step: DeliveryStep.ValueType) -> BeginDeliveryResponse:
        with failures.convert_service_errors():
            return await self._workers.BeginDelivery(BeginDeliveryRequest(name=start.message, step=step))

    async def _report_failed(self, start: MessageDeliveryInput, attempt: int, refusal: MessageRefused) -> DeliveryPlan:
        request = RecordFailedRequest(
            name=start.message,
            attempt=attempt,
            reason=DeliveryFailure.Value(f"DELIVERY_FAILURE_{refusal.reason}"),
            provider_message=refusal.provider_message,
        )
        with failures.convert_service_errors():
            return (await self._workers.RecordFailed(request)).plan

    async def _report_delivered(self, start: MessageDeliveryInput, attempt: int, receipt: Receipt) -> DeliveryPlan:
        has_arrived = receipt.progress is Progress.DELIVERED
        request = RecordDeliveredRequest(
            name=start.message,
            attempt=attempt,
            state=DELIVERY_STATE_DELIVERED if has_arrived else DELIVERY_STATE_SENT,
            provider_id=receipt.provider_id,
            can_be_checked=receipt.can_be_checked,
        )
        with failures.convert_service_errors():
            return (await self._workers.RecordDelivered(request)).plan


def outgoing_message(name: str, begun: BeginDeliveryResponse) -> OutgoingMessage:
    """Returns the message for a messenger. ``name`` is its resource name, and ``begun`` has the service's grant."""
    grant = begun.grant
    return OutgoingMessage(
        organization=parse_message(name).organization,
        message=name,
        create_time=begun.plan.create_time.ToDatetime(UTC),
        location=last_segment(grant.location),
        business_name=grant.business_name,
        address=grant.address,
        display_name=grant.display_name,
        text=grant.text,
        chat_link=grant.chat_link,
        key=grant.idempotency_key,
        thread_key=grant.thread_key,
    )
