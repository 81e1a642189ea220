"""Brings eleven tickets into the situations that the questions of docs/runbook.md are about, and keeps them there."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final
from uuid import uuid4

from google.protobuf.duration_pb2 import Duration
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.worker import Worker

from care.v1.settings_pb2 import Settings
from care.v1.ticket_pb2 import Ticket
from care.v1.workflows_pb2 import ContactRecoveryInput, TicketWorkflowInput
from care_client import workflow_names
from care_client.client import CareClient
from care_dev.demo.waiting import until
from care_dev.stack.secrets import Role
from care_dev.stack.stack import Stack
from care_workflows import search_attributes
from care_workflows.channels.registry import ReviewSites
from care_workflows.plugin import CarePlugin
from care_workflows.ticket_workflow import TicketWorkflow
from tools.screenshots.desk import ORGANIZATION, Desk
from tools.screenshots.processes import Processes

_LOCATIONS: Final = {
    "soho": Settings(),
    "camden": Settings(form_lifetime=Duration(seconds=12 * 3600)),
    "hackney": Settings(inactivity_days=1, inactivity_warning_days=0, grace_days=1),
}
_TASK_QUEUE: Final = "care"
_OUTDATED: Final = "care-outdated"
_REFUSED: Final = "care-refused"


@asynccontextmanager
async def arranged(stack: Stack, processes: Processes, desk: Desk) -> AsyncIterator[None]:
    """Has every situation there while the block lasts; numbers of tickets are those in docs/runbook.md."""
    await desk.name_business(_LOCATIONS)
    # What fails here is meant to: nobody has to read of it.
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)
    silent = Runtime(telemetry=TelemetryConfig(logging=None))
    client = await Client.connect(stack.urls.temporal, runtime=silent)
    async with AsyncExitStack() as resources:
        for location in ("soho", "camden"):
            await desk.send_form(await desk.raise_ticket(location), "AWAITING_CONTACT")
        await desk.send_form(await desk.raise_ticket("soho", "refuse_links"), "REFUSED")
        await desk.send_form(await desk.raise_ticket("soho", "down"), "FORM_REQUESTED")
        talking = await _talk(desk)
        await desk.raise_ticket("hackney")
        await desk.resolve(await desk.raise_ticket("hackney"))
        again, gone = await desk.raise_ticket("soho"), await desk.raise_ticket("soho")
        await _terminate(client, again)
        await _wake(client, again)
        await _terminate(client, gone)
        await _start_for_nothing(client)
        await resources.enter_async_context(_outdated_worker(client))
        await _run_again(client, desk, _OUTDATED)
        await resources.enter_async_context(_refused_worker(client, stack))
        await _run_again(client, desk, _REFUSED)
        resources.enter_context(processes.frozen("mailbox"))
        await desk.write(talking)
        await _found(client, f'{workflow_names.WAITS_FOR_ATTRIBUTE}="{search_attributes.OPERATOR}"')
        await _found(client, "TemporalReportedProblems IS NOT NULL")
        yield


async def _talk(desk: Desk) -> Ticket:
    """Returns a ticket whose chat is open, with a message that was sent."""
    ticket = await desk.raise_ticket("soho")
    await desk.answer(ticket, await desk.send_form(ticket, "AWAITING_CONTACT"))
    await desk.is_sent(ticket, await desk.write(ticket))
    return ticket


async def _terminate(client: Client, ticket: Ticket) -> None:
    """Does what an operator's hand may do by mistake."""
    workflow_id = workflow_names.ticket_workflow_id(ORGANIZATION, ticket.number)
    await _found(client, f'WorkflowId="{workflow_id}"')
    await client.get_workflow_handle(workflow_id).terminate("by hand")


async def _wake(client: Client, ticket: Ticket) -> None:
    """Signal-with-start, as docs/operating.md has it for a workflow that was terminated."""
    await client.start_workflow(
        workflow_names.TICKET_WORKFLOW,
        TicketWorkflowInput(ticket=ticket.name),
        id=workflow_names.ticket_workflow_id(ORGANIZATION, ticket.number),
        task_queue=_TASK_QUEUE,
        start_signal=workflow_names.POKE,
        search_attributes=_attributes(ticket.number),
        static_summary=f"Ticket {workflow_names.ticket_value(ORGANIZATION, ticket.number)}",
    )


async def _start_for_nothing(client: Client) -> None:
    """Starts by hand, mistyped, the recovery of a ticket that there is not."""
    number, recovery = 99, str(uuid4())
    name = f"organizations/{ORGANIZATION}/tickets/{number}/recoveries/{recovery}"
    await _start(client, ContactRecoveryInput(recovery=name), _TASK_QUEUE)


async def _run_again(client: Client, desk: Desk, task_queue: str) -> None:
    """Has the worker of another task queue run the recovery of a new ticket."""
    recovery = await desk.send_form(await desk.raise_ticket("soho", "refuse_links"), "REFUSED")
    await _found(client, f'WorkflowId="{_workflow_id(recovery)}" AND ExecutionStatus="Completed"')
    await _start(client, ContactRecoveryInput(recovery=recovery), task_queue)


async def _start(client: Client, start: ContactRecoveryInput, task_queue: str) -> None:
    number = int(start.recovery.split("/")[3])
    await client.start_workflow(
        workflow_names.CONTACT_RECOVERY,
        start,
        id=_workflow_id(start.recovery),
        task_queue=task_queue,
        search_attributes=_attributes(number),
        static_summary=f"Contact recovery of ticket {workflow_names.ticket_value(ORGANIZATION, number)}",
    )


def _workflow_id(recovery: str) -> str:
    _, organization, _, number, _, recovery_id = recovery.split("/")
    return workflow_names.contact_recovery_id(organization, int(number), recovery_id)


def _attributes(number: int) -> TypedSearchAttributes:
    ticket = workflow_names.ticket_value(ORGANIZATION, number)
    return TypedSearchAttributes(
        [
            SearchAttributePair(search_attributes.ORGANIZATION, ORGANIZATION),
            SearchAttributePair(search_attributes.TICKET, ticket),
            SearchAttributePair(search_attributes.LOCATION, "soho"),
        ]
    )


@asynccontextmanager
async def _outdated_worker(client: Client) -> AsyncIterator[None]:
    """A worker of before there were recoveries: its tasks fail."""
    async with Worker(client, task_queue=_OUTDATED, workflows=[TicketWorkflow]):
        yield


@asynccontextmanager
async def _refused_worker(client: Client, stack: Stack) -> AsyncIterator[None]:
    """A worker with an agent's token, which the service refuses."""
    token = stack.token(ORGANIZATION, "alice", Role.AGENT)
    async with (
        CareClient.connect(stack.urls.grpc, token) as care,
        Worker(client, task_queue=_REFUSED, plugins=[CarePlugin(care, ReviewSites({}))]),
    ):
        yield


async def _found(client: Client, query: str) -> None:
    """Returns once Temporal's visibility store has a workflow for `query`."""

    async def there() -> bool | None:
        return True if (await client.count_workflows(query)).count else None

    await until(f"a workflow with {query}", there)
