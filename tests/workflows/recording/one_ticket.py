"""One whole ticket on the real service, database included: so the pokes are those that the service really sends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from temporalio.client import Client
from temporalio.worker import Worker

from care.v1 import ticket_service_pb2 as tickets
from care.v1.recovery_pb2 import RECOVERY_STATE_AWAITING_CONTACT, RECOVERY_STATE_CHAT_UNLOCKED
from care_cli.stack import postgres
from care_client import workflow_names
from care_workflows.channels.messenger import Outgoing, Progress, Receipt
from care_workflows.channels.registry import Messengers, ReviewSites
from care_workflows.channels.review_site import PublicReply, ReplyTarget
from care_workflows.plugin import CarePlugin
from tests.support.care import care
from tests.support.system import eventually
from tests.support.tenant import Tenant
from tests.workflows.recording.paths import path
from tests.workflows.recording.stage import TASK_QUEUE, Stage


class _Site:
    """A review site with one review, which takes every reply."""

    def __init__(self) -> None:
        self.text: str | None = None
        self.writes = 0

    async def post_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        self.text = text
        self.writes += 1

    async def read_reply(self, target: ReplyTarget) -> PublicReply | None:
        return None if self.text is None else PublicReply(self.text)

    async def retract_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        await self.post_reply(target, text, key)


class _Mailbox:
    """A messenger that has sent everything at once."""

    async def send(self, message: Outgoing) -> Receipt:
        return Receipt(Progress.DELIVERED)

    async def check(self, provider_id: str) -> Receipt:
        return Receipt(Progress.DELIVERED, provider_id)


@path("one")
async def ticket(stage: Stage) -> None:
    """A ticket is raised, its customer found and written to, and the ticket is closed by its assignee."""
    with _database_url() as url:
        await _play(stage, url)


@contextmanager
def _database_url() -> Iterator[str]:
    with TemporaryDirectory(prefix="care-histories-") as folder:
        # Servers that may not run as root run as another account, which has to get through.
        Path(folder).chmod(0o711)
        with postgres.postgres(Path(folder) / "postgres") as server:
            yield server.create_database("one")


async def _play(stage: Stage, database_url: str) -> None:
    async with care(database_url, temporal=stage.client, variables={"CARE_TASK_QUEUE": TASK_QUEUE}) as service:
        tenant, site = Tenant(service, "acme"), _Site()
        plugin = CarePlugin(tenant.worker, ReviewSites({"local": site}), Messengers({"EMAIL": _Mailbox()}))
        async with Worker(stage.client, task_queue=TASK_QUEUE, plugins=[plugin]):
            ticket = await tenant.ticket()
            recovery = await tenant.form(ticket)
            id_ = recovery.name.rpartition("/")[2]
            recovery_workflow = workflow_names.contact_recovery_id(tenant.id, ticket.number, id_)
            ticket_workflow = workflow_names.ticket_workflow_id(tenant.id, ticket.number)

            async def in_state(state: int) -> bool:
                return (await tenant.recovery(recovery)).state == state and not await service.waiting_wakes()

            async def retracted() -> bool:
                return site.writes > writes and not await service.waiting_wakes()

            await eventually("posting", lambda: in_state(RECOVERY_STATE_AWAITING_CONTACT))
            await tenant.submit(recovery)
            await eventually("unlocking", lambda: in_state(RECOVERY_STATE_CHAT_UNLOCKED))
            await stage.client.get_workflow_handle(recovery_workflow).result()
            writes = site.writes
            await tenant.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
            await eventually("retracting", retracted)
            for workflow_id in (recovery_workflow, ticket_workflow):
                for run_id in await _runs(stage.client, workflow_id):
                    await stage.record(workflow_id, run_id)


async def _runs(client: Client, workflow_id: str) -> list[str]:
    """All runs, the earliest first, once the latest has ended well."""
    handle = client.get_workflow_handle(workflow_id)
    await handle.result()
    latest = (await handle.describe()).run_id

    async def listed() -> list[str] | None:
        found = [run async for run in client.list_workflows(f'WorkflowId="{workflow_id}"')]
        runs = [run.run_id for run in sorted(found, key=lambda run: run.start_time)]
        return runs if latest in runs else None

    return await eventually("the list of runs", listed)
