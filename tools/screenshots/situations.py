"""Creates eleven tickets in the situations that docs/runbook.md describes."""

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
from care_dev.demo.polling import poll_until
from care_dev.stack.secrets import Role
from care_dev.stack.stack import Stack
from care_workflows import search_attributes
from care_workflows.channels.registry import ReviewSites
from care_workflows.plugin import CarePlugin
from care_workflows.ticket_workflow import TicketWorkflow
from tools.screenshots.driver import ORGANIZATION, TicketDriver
from tools.screenshots.reporter import ProcessReporter

_LOCATIONS: Final = {
    "soho": Settings(),
    "camden": Settings(form_lifetime=Duration(seconds=12 * 3600)),
    "hackney": Settings(inactivity_days=1, inactivity_warning_days=0, grace_days=1),
}
_TASK_QUEUE: Final = "care"
_OUTDATED: Final = "care-outdated"
_REFUSED: Final = "care-refused"


@asynccontextmanager
async def arrange_situations(stack: Stack, reporter: ProcessReporter, driver: TicketDriver) -> AsyncIterator[None]:
    """Creates all situations and keeps them. The numbers of the tickets are those in docs/runbook.md."""
    await driver.name_business(_LOCATIONS)
    # Some situations are failures, so their log lines are expected.
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)
    silent = Runtime(telemetry=TelemetryConfig(logging=None))
    client = await Client.connect(stack.urls.temporal, runtime=silent)
    async with AsyncExitStack() as resources:
        for location in ("soho", "camden"):
            await driver.send_form(await driver.raise_ticket(location), "AWAITING_CONTACT")
        await driver.send_form(await driver.raise_ticket("soho", "refuse_links"), "REFUSED")
        await driver.send_form(await driver.raise_ticket("soho", "down"), "FORM_REQUESTED")
        chatting = await _open_chat(driver)
        await driver.raise_ticket("hackney")
        await driver.resolve(await driver.raise_ticket("hackney"))
        restarted, terminated = await driver.raise_ticket("soho"), await driver.raise_ticket("soho")
        await _terminate(client, restarted)
        await _wake(client, restarted)
        await _terminate(client, terminated)
        await _start_without_ticket(client)
        await resources.enter_async_context(_outdated_worker(client))
        await _run_on(client, driver, _OUTDATED)
        await resources.enter_async_context(_refused_worker(client, stack))
        await _run_on(client, driver, _REFUSED)
        resources.enter_context(reporter.freeze("mailbox"))
        await driver.send_message(chatting)
        await _wait_for_workflow(client, f'{workflow_names.WAITS_FOR_ATTRIBUTE}="{search_attributes.OPERATOR}"')
        await _wait_for_workflow(client, "TemporalReportedProblems IS NOT NULL")
        yield


async def _open_chat(driver: TicketDriver) -> Ticket:
    """Returns a ticket whose chat is open and has a message that was sent."""
    ticket = await driver.raise_ticket("soho")
    await driver.submit_form(ticket, await driver.send_form(ticket, "AWAITING_CONTACT"))
    await driver.wait_until_sent(ticket, await driver.send_message(ticket))
    return ticket


async def _terminate(client: Client, ticket: Ticket) -> None:
    """Terminates the ticket's workflow, as an operator may do by mistake."""
    workflow_id = workflow_names.ticket_workflow_id(ORGANIZATION, ticket.number)
    await _wait_for_workflow(client, f'WorkflowId="{workflow_id}"')
    await client.get_workflow_handle(workflow_id).terminate("by hand")


async def _wake(client: Client, ticket: Ticket) -> None:
    """Starts the ticket's terminated workflow again at once. The service does so only after a while."""
    await client.start_workflow(
        workflow_names.TICKET_WORKFLOW,
        TicketWorkflowInput(ticket=ticket.name),
        id=workflow_names.ticket_workflow_id(ORGANIZATION, ticket.number),
        task_queue=_TASK_QUEUE,
        start_signal=workflow_names.POKE,
        search_attributes=_attributes(ticket.number),
        static_summary=f"Ticket {workflow_names.ticket_value(ORGANIZATION, ticket.number)}",
    )


async def _start_without_ticket(client: Client) -> None:
    """Starts the recovery of a ticket that does not exist, as if an operator had mistyped its number."""
    number, recovery = 99, str(uuid4())
    name = f"organizations/{ORGANIZATION}/tickets/{number}/recoveries/{recovery}"
    await _start(client, ContactRecoveryInput(recovery=name), _TASK_QUEUE)


async def _run_on(client: Client, driver: TicketDriver, task_queue: str) -> None:
    """Waits for the end of a new ticket's recovery, and then starts its workflow again on another task queue."""
    recovery = await driver.send_form(await driver.raise_ticket("soho", "refuse_links"), "REFUSED")
    await _wait_for_workflow(client, f'WorkflowId="{_workflow_id(recovery)}" AND ExecutionStatus="Completed"')
    await _start(client, ContactRecoveryInput(recovery=recovery), task_queue)


async def _start(client: Client, recovery_input: ContactRecoveryInput, task_queue: str) -> None:
    number = int(recovery_input.recovery.split("/")[3])
    await client.start_workflow(
        workflow_names.CONTACT_RECOVERY,
        recovery_input,
        id=_workflow_id(recovery_input.recovery),
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
    """Runs a worker that does not know the workflow type of recoveries, so that its tasks fail."""
    async with Worker(client, task_queue=_OUTDATED, workflows=[TicketWorkflow]):
        yield


@asynccontextmanager
async def _refused_worker(client: Client, stack: Stack) -> AsyncIterator[None]:
    """Runs a worker with the token of an agent, which the service refuses."""
    token = stack.token(ORGANIZATION, "alice", Role.AGENT)
    async with (
        CareClient.connect(stack.urls.grpc, token) as care,
        Worker(client, task_queue=_REFUSED, plugins=[CarePlugin(care, ReviewSites({}))]),
    ):
        yield


async def _wait_for_workflow(client: Client, query: str) -> None:
    """Waits until Temporal's visibility store has a workflow that matches `query`."""

    async def exists() -> bool | None:
        return True if (await client.count_workflows(query)).count else None

    await poll_until(f"a workflow with {query}", exists)
