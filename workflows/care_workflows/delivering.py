"""The activities of `MessageDelivery`: they ask the service, hand messages to a messenger, and report.

A grant (address, text and private link) is fetched, used and dropped within one activity: results hold the plan alone,
and failures hold our codes alone, as Temporal keeps both.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
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
from care_workflows import failures, steps
from care_workflows.channels.errors import MessageRefused
from care_workflows.channels.messenger import Messenger, Outgoing, Progress, Receipt
from care_workflows.channels.registry import Messengers
from care_workflows.names import last_segment, parse_message

if TYPE_CHECKING:  # exists for type checkers only
    from care.v1.worker_service_pb2_grpc import WorkerServiceAsyncStub


class DeliveryActivities:
    """The steps, each of which returns the service's next plan; holds its client and its channels only.

    Where the service refuses, they raise an ``ApplicationError`` whose type is the contract's reason; see ``failures``.
    """

    def __init__(
        self,
        workers: "WorkerServiceAsyncStub",
        messengers: Messengers,
        attempt_deadline: timedelta = steps.ATTEMPT_DEADLINE,
    ) -> None:
        """Act for the service behind ``workers``; each attempt at a provider ends within ``attempt_deadline``."""
        self._workers = workers
        self._messengers = messengers
        self._attempt_deadline = attempt_deadline

    @property
    def all(self) -> Sequence[Callable[..., Awaitable[Any]]]:
        """Every activity, as ``Worker(activities=…)`` takes them."""
        return [self.ask_delivery, self.send_message, self.check_message]

    @activity.defn(name=steps.ASK_DELIVERY)
    async def ask_delivery(self, start: MessageDeliveryInput) -> DeliveryPlan:
        """Ask what the message wants next."""
        with failures.of_service():
            return (await self._workers.BeginDelivery(BeginDeliveryRequest(name=start.message))).plan

    @activity.defn(name=steps.SEND_MESSAGE)
    async def send_message(self, start: MessageDeliveryInput) -> DeliveryPlan:
        """Hand the message to its provider, and report what became of it."""

        async def send(messenger: Messenger, begun: BeginDeliveryResponse) -> Receipt:
            return await messenger.send(outgoing(start.message, begun))

        return await self._attempt(start, DELIVERY_STEP_SEND, send)

    @activity.defn(name=steps.CHECK_MESSAGE)
    async def check_message(self, start: MessageDeliveryInput) -> DeliveryPlan:
        """Ask the provider how far the message got, and report it."""

        async def check(messenger: Messenger, begun: BeginDeliveryResponse) -> Receipt:
            return await messenger.check(begun.grant.provider_id)

        return await self._attempt(start, DELIVERY_STEP_CHECK, check)

    async def _attempt(
        self,
        start: MessageDeliveryInput,
        step: DeliveryStep.ValueType,
        act: Callable[[Messenger, BeginDeliveryResponse], Awaitable[Receipt]],
    ) -> DeliveryPlan:
        async with self._in_time():
            begun = await self._begin(start, step)
            if not begun.HasField("grant"):
                return begun.plan
            attempt = begun.grant.attempt
            try:
                with failures.of_messenger():
                    messenger = self._messengers.get(Channel.Name(begun.grant.channel).removeprefix("CHANNEL_"))
                    receipt = await act(messenger, begun)
            except MessageRefused as refused:
                request = RecordFailedRequest(
                    name=start.message,
                    attempt=attempt,
                    reason=DeliveryFailure.Value(f"DELIVERY_FAILURE_{refused.reason}"),
                    provider_message=refused.provider_message,
                )
                with failures.of_service():
                    return (await self._workers.RecordFailed(request)).plan
            arrived = receipt.progress is Progress.DELIVERED
            report = RecordDeliveredRequest(
                name=start.message,
                attempt=attempt,
                state=DELIVERY_STATE_DELIVERED if arrived else DELIVERY_STATE_SENT,
                provider_id=receipt.provider_id,
                can_be_checked=receipt.can_be_checked,
            )
            with failures.of_service():
                return (await self._workers.RecordDelivered(report)).plan

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """Hold the whole attempt to its deadline; see ``steps.ATTEMPT_DEADLINE``."""
        try:
            async with asyncio.timeout(self._attempt_deadline.total_seconds()):
                yield
        except TimeoutError:
            raise failures.messenger_unavailable("ATTEMPT_DEADLINE") from None

    async def _begin(self, start: MessageDeliveryInput, step: DeliveryStep.ValueType) -> BeginDeliveryResponse:
        with failures.of_service():
            return await self._workers.BeginDelivery(BeginDeliveryRequest(name=start.message, step=step))


def outgoing(message: str, begun: BeginDeliveryResponse) -> Outgoing:
    """Return the message of that resource name as a channel gets it, of what the service handed out."""
    grant = begun.grant
    return Outgoing(
        organization=parse_message(message).organization,
        message=message,
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
