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
_RECOVERY_RESTS: Final = (worker.RECOVERY_STEP_WAIT, worker.RECOVERY_STEP_HOLD, worker.RECOVERY_STEP_DONE)
_DELIVERY_RESTS: Final = (worker.DELIVERY_STEP_WAIT, worker.DELIVERY_STEP_DONE)
_TICKET_RESTS: Final = (worker.DEADLINE_STEP_WAIT, worker.DEADLINE_STEP_DONE)


class CareTestKit:
    """Care, for tests: ``async with CareTestKit(environment) as kit, Worker(…, plugins=[kit.plugin]): …``.

    The clock is the environment's: ``environment.sleep(timedelta(days=30))`` takes a moment where it skips time. Give
    each test an environment of its own: unfinished workflows of one test hold up the clock of the next.
    People's methods raise the ``CareError`` of the contract where the rules refuse.
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
        """Begin without tickets.

        With ``relay``, every change wakes its workflow on ``task_queue``, as in the service. Without it, only your own
        workflows start or poke Care's.
        """
        self._environment = environment
        self._task_queue = task_queue
        self._relay = relay
        self._desk = Desk(organization, policy or Policy())
        self._exit = AsyncExitStack()
        self._handles: dict[str, WorkflowHandle[Any, Any]] = {}
        self._care: CareClient | None = None
        self.review_site = FakeReviewSite()
        """Where replies are posted."""
        self.messenger = FakeMessenger()
        """What messages are sent with, by email and SMS."""

    async def __aenter__(self) -> Self:
        """Serve on a free port, and connect to it."""
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
        """Stop serving. Leave the worker first."""
        await self._exit.aclose()

    @property
    def care(self) -> CareClient:
        """A client of the fake service, which serves ``care.workers`` only."""
        if self._care is None:
            raise RuntimeError("use the kit in `async with CareTestKit(…) as kit`")
        return self._care

    @property
    def plugin(self) -> CarePlugin:
        """Care's workflows with the fake channels. Reviews are of the site ``local``."""
        messengers = Messengers({"EMAIL": self.messenger, "SMS": self.messenger})
        return CarePlugin(self.care, ReviewSites({"local": self.review_site}), messengers)

    # --- reading ------------------------------------------------------------------------------------------------------

    def ticket(self, name: str) -> Ticket:
        """Return the ticket of that name, or whose recovery or message has it; raises RESOURCE_NOT_FOUND."""
        with as_care_errors():
            return self._desk.ticket(name)

    def recovery(self, name: str) -> Recovery:
        """Return a recovery; raises RESOURCE_NOT_FOUND."""
        with as_care_errors():
            return self._desk.recovery(name)

    def message(self, name: str) -> Delivery:
        """Return a message to the customer; raises RESOURCE_NOT_FOUND."""
        with as_care_errors():
            return self._desk.message(name)

    # --- what the team does -------------------------------------------------------------------------------------------

    async def create_ticket(self, review: str | None = "review-1") -> str:
        """Create a ticket for the review of that external id, or for none; returns its name.

        May refuse: TICKET_EXISTS.
        """
        async with self._acting() as now:
            return self._desk.create_ticket(now, review)

    async def send_form(self, ticket: str, reply_text: str = _REPLY) -> str:
        """Ask for the form; returns the recovery's name.

        May refuse: TICKET_CLOSED, FORM_LIVE, ILLEGAL_TRANSITION, NO_REVIEW, INVALID_FIELD.
        """
        async with self._acting() as now:
            return self._desk.send_form(ticket, reply_text, now)

    async def withdraw_form(self, recovery: str) -> None:
        """Take the form back. May refuse: TICKET_CLOSED, ILLEGAL_TRANSITION."""
        async with self._acting() as now:
            self._desk.withdraw_form(recovery, now)

    async def reject_contact(self, recovery: str) -> None:
        """Say that the contact is the wrong person. May refuse: TICKET_CLOSED, ILLEGAL_TRANSITION."""
        async with self._acting() as now:
            self._desk.reject_contact(recovery, now)

    async def add_contact(self, ticket: str, email: str = _EMAIL, phone: str = "") -> str:
        """Enter an address that became known in another way; returns the recovery's name.

        May refuse: TICKET_CLOSED, ILLEGAL_TRANSITION, INVALID_FIELD.
        """
        async with self._acting() as now:
            return self._desk.add_contact(ticket, email, phone, now)

    async def send_message(self, ticket: str, text: str = _ANSWER) -> str:
        """Write to the customer; returns the message's name. May refuse: TICKET_CLOSED, CHAT_LOCKED."""
        async with self._acting() as now:
            return self._desk.send_message(ticket, text, now)

    async def start(self, ticket: str) -> None:
        """OPEN to IN_PROGRESS. May refuse, as the next three: TICKET_CLOSED, ILLEGAL_TRANSITION."""
        await self._set_status(ticket, commands.StartTicket())

    async def resolve(self, ticket: str) -> None:
        """To RESOLVED."""
        await self._set_status(ticket, commands.ResolveTicket())

    async def reopen(self, ticket: str) -> None:
        """RESOLVED to IN_PROGRESS."""
        await self._set_status(ticket, commands.ReopenTicket())

    async def close(self, ticket: str) -> None:
        """To CLOSED, which ends the live recovery."""
        await self._set_status(ticket, commands.CloseTicket())

    # --- what the customer does ---------------------------------------------------------------------------------------

    async def submit_contact(self, recovery: str, email: str = _EMAIL, phone: str = "") -> str | None:
        """Answer the form; returns the recovery that has the contact now.

        It belongs to a follow-up ticket where the form's own is CLOSED. None where the answer is kept as a claim, which
        moves nothing. May refuse: LINK_EXPIRED, LINK_WITHDRAWN, LINK_UNKNOWN, INVALID_FIELD.
        """
        async with self._acting() as now:
            return self._desk.submit_contact(recovery, email, phone, now)

    async def customer_writes(self, ticket: str) -> None:
        """Have the customer write in the chat, which reopens a RESOLVED ticket.

        May refuse: TICKET_CLOSED, CHAT_LOCKED.
        """
        async with self._acting() as now:
            self._desk.write(ticket, now)

    # --- what time does -----------------------------------------------------------------------------------------------

    async def expire(self, recovery: str) -> None:
        """Let the time of a form end now. May refuse: ILLEGAL_TRANSITION where no form is live."""
        async with self._acting() as now:
            self._desk.expire_now(recovery, now)

    async def settled(self, name: str) -> None:
        """Return once the workflow of a recovery, a message or a ticket waits for time or for a poke; no time passes.

        Call it before people act again: a server that skips time loses track of an activity that is under way when a
        poke arrives. The real server does not.
        """
        handle = self._environment.client.get_workflow_handle(embedding.workflow_id(name))
        while not _waits(await handle.query("status", result_type=_STATUS[embedding.workflow_type(name)])):
            pass

    async def end(self, name: str) -> Any:  # noqa: ANN401 - which message it is, the name decides
        """Let time pass until the workflow of a recovery, a message or a ticket has ended; returns its result.

        Without the kit's relay the workflow is poked, or started if it does not run. Use this method rather than a
        handle made from the workflow's id: that one lets no time pass while it waits.
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
        """Yield the time, and wake what the block has changed. Refusals become the errors of the contract."""
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
        # This handle's `result` lets time pass.
        self._handles[name] = await embedding.wake(self._environment.client, name, task_queue=self._task_queue)


def _waits(status: ContactRecoveryStatus | MessageDeliveryStatus | TicketWorkflowStatus) -> bool:
    """Tell whether a workflow has nothing under way: its words are those of a plan that waits."""
    match status:
        case ContactRecoveryStatus(plan=plan, doing=doing):
            return doing == recovery_wording.describe_step(plan) and plan.step in _RECOVERY_RESTS
        case MessageDeliveryStatus(plan=plan, doing=doing):
            return doing == delivery_wording.describe_step(plan) and plan.step in _DELIVERY_RESTS
        case TicketWorkflowStatus(plan=plan, doing=doing):
            return doing == ticket_wording.describe_step(plan) and plan.step in _TICKET_RESTS
