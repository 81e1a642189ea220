"""The test kit itself: the fake service with its relay, the fake channels, and what people do."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

import grpc
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from care.v1 import worker_service_pb2 as worker
from care.v1.worker_service_pb2_grpc import add_WorkerServiceServicer_to_server
from care.v1.workflows_pb2 import ContactRecoveryStatus, MessageDeliveryStatus, TicketWorkflowStatus
from care_client import workflow_names
from care_client.client import CareClient
from care_rules import commands
from care_workflows import delivery_wording, embedding, recovery_wording, ticket_wording
from care_workflows.channels.registry import Messengers, ReviewSites
from care_workflows.plugin import CarePlugin
from care_workflows.testing.channels import FakeMessenger, FakeReviewSite
from care_workflows.testing.desk import Desk
from care_workflows.testing.policy import Policy
from care_workflows.testing.records import Delivery, Recovery, Ticket
from care_workflows.testing.refusals import as_care_errors
from care_workflows.testing.worker_service import FakeWorkerService

_REPLY: Final = "We are sorry. Please tell us how to reach you: {form_link}"
_EMAIL: Final = "customer@example.com"
_ANSWER: Final = "We looked into it."

_STATUS: Final = {
    workflow_names.CONTACT_RECOVERY: ContactRecoveryStatus,
    workflow_names.MESSAGE_DELIVERY: MessageDeliveryStatus,
    workflow_names.TICKET_WORKFLOW: TicketWorkflowStatus,
}
_IDLE_RECOVERY_STEPS: Final = (worker.RECOVERY_STEP_WAIT, worker.RECOVERY_STEP_HOLD, worker.RECOVERY_STEP_DONE)
_IDLE_DELIVERY_STEPS: Final = (worker.DELIVERY_STEP_WAIT, worker.DELIVERY_STEP_DONE)
_IDLE_TICKET_STEPS: Final = (worker.DEADLINE_STEP_WAIT, worker.DEADLINE_STEP_DONE)


class CareTestKit:
    """Care, for tests: ``async with CareTestKit(environment) as kit, Worker(…, plugins=[kit.plugin]): …``.

    The kit uses the environment's clock. If the environment skips time, ``environment.sleep(timedelta(days=30))`` takes
    a moment. Give each test its own environment, because unfinished workflows of one test stop the clock of the next.
    The methods that act for people raise the contract's ``CareError`` if the rules refuse the action.
    """

    def __init__(
        self,
        environment: WorkflowEnvironment,
        *,
        task_queue: str = embedding.TASK_QUEUE,
        relay: bool = True,
        policy: Policy | None = None,
        organization: str = "acme",
    ) -> None:
        """Begins without tickets.

        With ``relay``, every change wakes the workflows that it concerns on ``task_queue``, as in the service. Without
        ``relay``, only your workflows and ``run_to_end`` start or poke Care's workflows.
        """
        self._environment = environment
        self._task_queue = task_queue
        self._relay = relay
        self._desk = Desk(organization, policy or Policy())
        self._exit = AsyncExitStack()
        self._handles: dict[str, WorkflowHandle[Any, Any]] = {}
        self._care: CareClient | None = None
        self.review_site = FakeReviewSite()
        """The review site that replies are posted to."""
        self.messenger = FakeMessenger()
        """The messenger that sends messages, by email and SMS."""

    async def __aenter__(self) -> Self:
        """Serves on a free port, and connects a client to the port."""
        server = grpc.aio.server()
        service = FakeWorkerService(self._desk, self._now, self._wake)
        add_WorkerServiceServicer_to_server(service, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        self._exit.push_async_callback(server.stop, None)
        self._care = await self._exit.enter_async_context(CareClient.connect(f"127.0.0.1:{port}"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops serving. Leave the worker first."""
        await self._exit.aclose()

    @property
    def care(self) -> CareClient:
        """A client of the fake service, which serves ``care.workers`` only."""
        if self._care is None:
            raise RuntimeError("use the kit in `async with CareTestKit(…) as kit`")
        return self._care

    @property
    def plugin(self) -> CarePlugin:
        """Care's workflows with the fake channels. All reviews are from the site ``local``."""
        messengers = Messengers({"EMAIL": self.messenger, "SMS": self.messenger})
        return CarePlugin(self.care, ReviewSites({"local": self.review_site}), messengers)

    # --- reading ------------------------------------------------------------------------------------------------------

    def ticket(self, name: str) -> Ticket:
        """Returns a ticket, by its own name or that of a recovery or message. May refuse: RESOURCE_NOT_FOUND."""
        with as_care_errors():
            return self._desk.ticket(name)

    def recovery(self, name: str) -> Recovery:
        """Returns a recovery. May refuse: RESOURCE_NOT_FOUND."""
        with as_care_errors():
            return self._desk.recovery(name)

    def message(self, name: str) -> Delivery:
        """Returns a message to the customer. May refuse: RESOURCE_NOT_FOUND."""
        with as_care_errors():
            return self._desk.message(name)

    # --- what the team does -------------------------------------------------------------------------------------------

    async def create_ticket(self, review: str | None = "review-1") -> str:
        """Creates a ticket for the review with that external id, or without a review; returns the ticket's name.

        May refuse: TICKET_EXISTS.
        """
        async with self._acting() as now:
            return self._desk.create_ticket(now, review)

    async def send_form(self, ticket: str, reply_text: str = _REPLY) -> str:
        """Sends a form; returns the recovery's name.

        May refuse: TICKET_CLOSED, FORM_LIVE, ILLEGAL_TRANSITION, NO_REVIEW, INVALID_FIELD.
        """
        async with self._acting() as now:
            return self._desk.send_form(ticket, reply_text, now)

    async def withdraw_form(self, recovery: str) -> None:
        """Withdraws the form. May refuse: TICKET_CLOSED, ILLEGAL_TRANSITION."""
        async with self._acting() as now:
            self._desk.withdraw_form(recovery, now)

    async def reject_contact(self, recovery: str) -> None:
        """Rejects the contact as the wrong person. May refuse: TICKET_CLOSED, ILLEGAL_TRANSITION."""
        async with self._acting() as now:
            self._desk.reject_contact(recovery, now)

    async def add_contact(self, ticket: str, email: str = _EMAIL, phone: str = "") -> str:
        """Adds a contact that became known in another way; returns the recovery's name.

        May refuse: TICKET_CLOSED, ILLEGAL_TRANSITION, INVALID_FIELD.
        """
        async with self._acting() as now:
            return self._desk.add_contact(ticket, email, phone, now)

    async def send_message(self, ticket: str, text: str = _ANSWER) -> str:
        """Writes to the customer; returns the message's name. May refuse: TICKET_CLOSED, CHAT_LOCKED."""
        async with self._acting() as now:
            return self._desk.send_message(ticket, text, now)

    async def start(self, ticket: str) -> None:
        """Starts work on a ticket: OPEN becomes IN_PROGRESS. May refuse: TICKET_CLOSED, ILLEGAL_TRANSITION."""
        await self._set_status(ticket, commands.StartTicket())

    async def resolve(self, ticket: str) -> None:
        """Resolves the ticket: it becomes RESOLVED. May refuse: TICKET_CLOSED, ILLEGAL_TRANSITION."""
        await self._set_status(ticket, commands.ResolveTicket())

    async def reopen(self, ticket: str) -> None:
        """Reopens a ticket: RESOLVED becomes IN_PROGRESS. May refuse: TICKET_CLOSED, ILLEGAL_TRANSITION."""
        await self._set_status(ticket, commands.ReopenTicket())

    async def close(self, ticket: str) -> None:
        """Closes the ticket, which ends its live recovery. May refuse: TICKET_CLOSED."""
        await self._set_status(ticket, commands.CloseTicket())

    # --- what the customer does ---------------------------------------------------------------------------------------

    async def submit_contact(self, recovery: str, email: str = _EMAIL, phone: str = "") -> str | None:
        """Answers the form; returns the name of the recovery that has the contact now.

        If the form's ticket is CLOSED, that recovery belongs to the follow-up. Returns None if the answer is only a
        claim, or adds nothing new: then no state changes. May refuse: LINK_EXPIRED, LINK_WITHDRAWN, LINK_UNKNOWN,
        INVALID_FIELD.
        """
        async with self._acting() as now:
            return self._desk.submit_contact(recovery, email, phone, now)

    async def customer_writes(self, ticket: str) -> None:
        """Writes a message of the customer in the chat. The message reopens a RESOLVED ticket.

        May refuse: TICKET_CLOSED, CHAT_LOCKED.
        """
        async with self._acting() as now:
            self._desk.write(ticket, now)

    # --- what time does -----------------------------------------------------------------------------------------------

    async def expire(self, recovery: str) -> None:
        """Sets a form's expiry to now. May refuse: ILLEGAL_TRANSITION, if the form is not live."""
        async with self._acting() as now:
            self._desk.expire_now(recovery, now)

    async def wait_until_idle(self, name: str) -> None:
        """Waits until the workflow of a recovery, a message or a ticket has ended, or waits for a timer or a poke.

        The environment's time does not pass meanwhile. Call this method before each simulated action, such as
        ``submit_contact``. If a poke arrives while an activity is starting, a server that skips time loses that
        activity. The real server does not.
        """
        handle = self._environment.client.get_workflow_handle(embedding.workflow_id(name))
        while not _is_idle(await handle.query("status", result_type=_STATUS[embedding.workflow_type(name)])):
            pass

    async def run_to_end(self, name: str) -> Any:  # noqa: ANN401 - the type of the result depends on the name
        """Skips time until the workflow of a recovery, a message or a ticket ends; returns its result.

        Without the kit's relay, the workflow is poked, or started if it does not run. Use this method instead of a
        handle made from the workflow's id, because time does not pass while such a handle waits.
        """
        if name not in self._handles:
            await self._start(name)
        return await self._handles[name].result()

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _set_status(self, ticket: str, command: commands.AgentCommand) -> None:
        async with self._acting() as now:
            self._desk.set_status(ticket, command, now)

    async def _now(self) -> datetime:
        return await self._environment.get_current_time()

    @asynccontextmanager
    async def _acting(self) -> AsyncIterator[datetime]:
        """Yields the time. Then wakes the workflows that the block's changes concern.

        Converts refusals of the rules to errors of the contract.
        """
        now = await self._now()
        with as_care_errors():
            yield now
        await self._wake()

    async def _wake(self) -> None:
        names = self._desk.memory.to_wake
        while names:
            name = names.popleft()
            if self._relay:
                await self._start(name)

    async def _start(self, name: str) -> None:
        # Time passes while `result` of this handle waits, because the handle comes from a start.
        self._handles[name] = await embedding.wake(self._environment.client, name, task_queue=self._task_queue)


def _is_idle(status: ContactRecoveryStatus | MessageDeliveryStatus | TicketWorkflowStatus) -> bool:
    """Tells whether a workflow runs no activity: its step needs none, and its status is that of the step."""
    match status:
        case ContactRecoveryStatus(plan=plan, doing=doing):
            return doing == recovery_wording.describe_step(plan) and plan.step in _IDLE_RECOVERY_STEPS
        case MessageDeliveryStatus(plan=plan, doing=doing):
            return doing == delivery_wording.describe_step(plan) and plan.step in _IDLE_DELIVERY_STEPS
        case TicketWorkflowStatus(plan=plan, doing=doing):
            return doing == ticket_wording.describe_step(plan) and plan.step in _IDLE_TICKET_STEPS
