"""One whole ticket on the real service with its database, so that the service itself sends the pokes."""

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.service import RPCError
from temporalio.worker import Worker

from care.v1 import ticket_service_pb2 as tickets
from care.v1.workflows_pb2 import ContactRecoveryStatus, TicketWorkflowStatus
from care_client import workflow_names
from care_dev.stack import postgres
from care_workflows.channels.messenger import OutgoingMessage, Progress, Receipt
from care_workflows.channels.registry import Messengers, ReviewSites
from care_workflows.channels.review_site import PublicReply, ReplyTarget
from care_workflows.contact_recovery import ContactRecovery
from care_workflows.plugin import CarePlugin
from care_workflows.ticket_workflow import TicketWorkflow
from tests.support.care import care
from tests.support.system import eventually
from tests.support.tenant import Tenant
from tests.workflows.recording.paths import path
from tests.workflows.recording.stage import TASK_QUEUE, Stage


class _Site:
    """A review site with one review. It accepts every reply."""

    def __init__(self) -> None:
        self.text: str | None = None

    async def post_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        self.text = text

    async def read_reply(self, target: ReplyTarget) -> PublicReply | None:
        return None if self.text is None else PublicReply(self.text)

    async def retract_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        await self.post_reply(target, text, key)


class _Mailbox:
    """A messenger that delivers every message at once."""

    async def send(self, message: OutgoingMessage) -> Receipt:
        return Receipt(Progress.DELIVERED)

    async def check(self, provider_id: str) -> Receipt:
        return Receipt(Progress.DELIVERED, provider_id)


@path("one")
async def ticket(stage: Stage) -> None:
    """A ticket from its creation to its close by the assignee; the customer answers the form in between."""
    with _database_url() as url:
        await _play(stage, url)


@contextmanager
def _database_url() -> Iterator[str]:
    with TemporaryDirectory(prefix="care-histories-") as folder:
        # If this account is root, PostgreSQL runs as another account, which must be able to enter the folder.
        Path(folder).chmod(0o711)
        with postgres.postgres(Path(folder) / "postgres") as server:
            yield server.create_database("one")


async def _play(stage: Stage, database_url: str) -> None:
    async with care(database_url, temporal=stage.client, variables={"CARE_TASK_QUEUE": TASK_QUEUE}) as service:
        tenant = Tenant(service, "acme")
        plugin = CarePlugin(tenant.worker, ReviewSites({"local": _Site()}), Messengers({"EMAIL": _Mailbox()}))
        async with Worker(stage.client, task_queue=TASK_QUEUE, plugins=[plugin]):
            ticket = await tenant.ticket()
            watching = stage.client.get_workflow_handle_for(
                TicketWorkflow.run, workflow_names.ticket_workflow_id(tenant.id, ticket.number)
            )
            await eventually("the ticket's workflow", lambda: _waits(watching.query(TicketWorkflow.status)))
            recovery = await tenant.form(ticket)
            recovering = stage.client.get_workflow_handle_for(
                ContactRecovery.run,
                workflow_names.contact_recovery_id(tenant.id, ticket.number, recovery.name.rpartition("/")[2]),
            )
            await eventually("the form", lambda: _waits(recovering.query(ContactRecovery.status)))
            await tenant.submit(recovery)
            await _record(stage, recovering)
            await tenant.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
            await _record(stage, watching)

            async def idle() -> bool:
                running = await stage.client.count_workflows('ExecutionStatus="Running"')
                return not running.count and not await service.waiting_wakes()

            # The customer gets the link of the chat, and the link of the form is removed from the reply.
            await eventually("the end of all workflows", idle)


async def _waits(asked: Awaitable[TicketWorkflowStatus | ContactRecoveryStatus]) -> bool:
    """Returns whether a workflow waits for a deadline or for the customer. False while it has not started."""
    try:
        return (await asked).doing.startswith(("Waiting until", "Waiting for the customer"))
    except RPCError:
        return False


async def _record(stage: Stage, handle: WorkflowHandle[Any, Any]) -> None:
    """Waits for the end of the latest run, and records this run. Raises an error if the run failed."""
    await handle.result()
    await stage.record(handle.id, (await handle.describe()).run_id)
