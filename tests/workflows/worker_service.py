"""A fake of WorkerService over real gRPC. A test sets the responses, and reads the reports."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Never

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from care.v1 import worker_service_pb2 as worker
from care.v1.message_pb2 import CHANNEL_EMAIL, DELIVERY_STATE_QUEUED
from care.v1.recovery_pb2 import RECOVERY_STATE_FORM_REQUESTED
from care.v1.worker_service_pb2_grpc import WorkerServiceServicer, add_WorkerServiceServicer_to_server
from care_client.client import CareClient
from tests.support.aborting import abort

RECOVERY = "organizations/acme/tickets/17/recoveries/r1"
TOKEN = "the-workers-token"
LINK = "https://care.example/f/k1.secret-of-the-link"
TEXT = f"We are sorry, Zoë. Please tell us how to reach you: {LINK}"
TEXT_WITHOUT_LINK = "We are sorry, Zoë. Please tell us how to reach you:"

MESSAGE = "organizations/acme/tickets/17/messages/m1"
ADDRESS = "zoe@example.com"
ANSWER = "We looked into it, Zoë."
CHAT_LINK = "https://care.example/c/k1.secret-of-the-chat"

Context = grpc.aio.ServicerContext[Any, Any]


class ScriptedWorkerService(WorkerServiceServicer):
    """Returns the plans that the test sets. Grants attempts if `grant` is set."""

    def __init__(self) -> None:
        self.plan = worker.RecoveryPlan(state=RECOVERY_STATE_FORM_REQUESTED, step=worker.RECOVERY_STEP_WAIT)
        self.grant: worker.PostingGrant | None = worker.PostingGrant(
            attempt=7,
            text=TEXT,
            link=LINK,
            review_site="local",
            review_external_id="review-1",
            location="organizations/acme/locations/harbor",
        )
        self.delivery_plan = worker.DeliveryPlan(state=DELIVERY_STATE_QUEUED, step=worker.DELIVERY_STEP_SEND)
        self.delivery_grant: worker.DeliveryGrant | None = worker.DeliveryGrant(
            attempt=3,
            channel=CHANNEL_EMAIL,
            address=ADDRESS,
            display_name="Zoë",
            business_name="Harbor Kitchen",
            text=f"{ANSWER} {CHAT_LINK}",
            chat_link=CHAT_LINK,
            idempotency_key="m1",
            thread_key="c1",
            location="organizations/acme/locations/harbor",
        )
        self.deadline_plan = worker.DeadlinePlan(step=worker.DEADLINE_STEP_DONE)
        self.refusal: tuple[grpc.StatusCode, str] | None = None
        """The status code and the contract's reason (may be empty) with which every call is refused."""
        self.is_silent = False
        """Whether no call gets a response."""
        self.reports: list[object] = []
        """All requests in order, except those that begin an attempt or follow a report."""
        self.asked_after: list[worker.CheckRecoveryRequest] = []
        """The requests for a plan that follow a report."""
        self.begun: list[worker.RecoveryStep.ValueType] = []
        self.tokens: set[str | bytes | None] = set()

    async def _receive(self, request: object, context: Context) -> None:
        metadata: Mapping[str, str | bytes] = dict(context.invocation_metadata() or ())
        self.tokens.add(metadata.get("authorization"))
        if self.is_silent:
            await asyncio.Event().wait()  # until the caller gives up
        if self.refusal:
            await self._refuse(context, *self.refusal)
        if isinstance(request, worker.CheckRecoveryRequest) and request.HasField("report_time"):
            self.asked_after.append(request)
        elif not isinstance(request, (worker.BeginPostingRequest, worker.BeginDeliveryRequest)):
            self.reports.append(request)

    async def _refuse(self, context: Context, code: grpc.StatusCode, reason: str) -> Never:
        status = Status(code=code.value[0], message=f"not for {TEXT}")
        if reason:
            status.details.add().Pack(ErrorInfo(domain="care", reason=reason))
        await abort(context, status)

    async def CheckRecovery(
        self, request: worker.CheckRecoveryRequest, context: Context
    ) -> worker.CheckRecoveryResponse:
        await self._receive(request, context)
        return worker.CheckRecoveryResponse(plan=self.plan)

    async def BeginPosting(self, request: worker.BeginPostingRequest, context: Context) -> worker.BeginPostingResponse:
        await self._receive(request, context)
        self.begun.append(request.step)
        return worker.BeginPostingResponse(grant=self.grant, plan=self.plan)

    async def RecordPosted(self, request: worker.RecordPostedRequest, context: Context) -> worker.RecordPostedResponse:
        await self._receive(request, context)
        return worker.RecordPostedResponse(plan=self.plan)

    async def RecordRefused(
        self, request: worker.RecordRefusedRequest, context: Context
    ) -> worker.RecordRefusedResponse:
        await self._receive(request, context)
        return worker.RecordRefusedResponse(plan=self.plan)

    async def RecordRetracted(
        self, request: worker.RecordRetractedRequest, context: Context
    ) -> worker.RecordRetractedResponse:
        await self._receive(request, context)
        return worker.RecordRetractedResponse(plan=self.plan)

    async def UnlockChat(self, request: worker.UnlockChatRequest, context: Context) -> worker.UnlockChatResponse:
        await self._receive(request, context)
        return worker.UnlockChatResponse(plan=self.plan)

    async def ExpireForm(self, request: worker.ExpireFormRequest, context: Context) -> worker.ExpireFormResponse:
        await self._receive(request, context)
        return worker.ExpireFormResponse(plan=self.plan)

    async def GetNextDeadline(
        self, request: worker.GetNextDeadlineRequest, context: Context
    ) -> worker.GetNextDeadlineResponse:
        await self._receive(request, context)
        return worker.GetNextDeadlineResponse(plan=self.deadline_plan)

    async def FireDeadline(self, request: worker.FireDeadlineRequest, context: Context) -> worker.FireDeadlineResponse:
        await self._receive(request, context)
        return worker.FireDeadlineResponse(plan=self.deadline_plan)

    async def BeginDelivery(
        self, request: worker.BeginDeliveryRequest, context: Context
    ) -> worker.BeginDeliveryResponse:
        await self._receive(request, context)
        return worker.BeginDeliveryResponse(
            plan=self.delivery_plan, grant=self.delivery_grant if request.step else None
        )

    async def RecordDelivered(
        self, request: worker.RecordDeliveredRequest, context: Context
    ) -> worker.RecordDeliveredResponse:
        await self._receive(request, context)
        return worker.RecordDeliveredResponse(plan=self.delivery_plan)

    async def RecordFailed(self, request: worker.RecordFailedRequest, context: Context) -> worker.RecordFailedResponse:
        await self._receive(request, context)
        return worker.RecordFailedResponse(plan=self.delivery_plan)


@asynccontextmanager
async def serve_worker_service(service: WorkerServiceServicer) -> AsyncIterator[str]:
    """Serves the service on a free port. Yields the address."""
    server = grpc.aio.server()
    add_WorkerServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(grace=None)


@asynccontextmanager
async def connect_worker(service: WorkerServiceServicer) -> AsyncIterator[CareClient]:
    """Serves the service. Yields a client that is connected as a worker."""
    async with serve_worker_service(service) as address, CareClient.connect(address, TOKEN) as care:
        yield care
