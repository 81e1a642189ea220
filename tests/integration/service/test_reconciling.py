"""The reconciler compares the database with a real Temporal server and starts missing workflows."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import ticket_service_pb2 as tickets
from care_client.workflow_names import contact_recovery_id, ticket_workflow_id
from care_dev.stack import postgres
from care_service.running.reconciling import TemporalWorkflows, missing_workflows
from care_service.storage.database import Database
from care_service.storage.expected_workflows import ExpectedWorkflow, ExpectedWorkflows
from tests.integration.service.clocks import SettableClock
from tests.support import temporal
from tests.support.care import care
from tests.support.system import eventually
from tests.support.tenant import Tenant

SOON = {"CARE_RECONCILE_INTERVAL": "1s"}


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with temporal.dev_server() as environment:
        yield environment.client


async def is_running(client: Client, workflow_id: str) -> bool:
    try:
        return (await client.get_workflow_handle(workflow_id).describe()).status is WorkflowExecutionStatus.RUNNING
    except RPCError:
        return False


async def until_running(client: Client, *workflow_ids: str) -> None:
    """Waits until all workflows run and the visibility store lists them, which takes longer."""

    async def there() -> bool:
        found = await TemporalWorkflows(client).running(workflow_ids)
        return set(found) == set(workflow_ids)

    await eventually("running workflows", there)


async def find_missing(wanted: ExpectedWorkflows, client: Client) -> set[str]:
    return {each.workflow_id async for page in missing_workflows(wanted, TemporalWorkflows(client)) for each in page}


async def test_a_terminated_workflow_is_found_and_started_again(server: postgres.Server, client: Client) -> None:
    # The clock of the service is behind that of the database, so its tickets are old enough to be compared.
    async with care(server.create_database("reconciling"), temporal=client, clock=SettableClock()) as service:
        tenant, wanted = Tenant(service, "acme"), ExpectedWorkflows(service.database)
        ticket, closed = [await tenant.ticket() for _ in range(2)]
        recovery = await tenant.form(ticket)
        await tenant.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=closed.name))
        ids = (
            ticket_workflow_id("acme", ticket.number),
            contact_recovery_id("acme", ticket.number, recovery.name.rpartition("/")[2]),
        )
        await until_running(client, *ids)
        assert await find_missing(wanted, client) == set()
        for each in ids:
            await client.get_workflow_handle(each).terminate()

        async def unseen() -> bool:
            return await find_missing(wanted, client) == set(ids)

        await eventually("terminated workflows", unseen)
        async for page in missing_workflows(wanted, TemporalWorkflows(client)):
            await wanted.wake(page)
        await until_running(client, *ids)
        assert await find_missing(wanted, client) == set()


async def test_a_terminated_workflow_is_started_again_automatically(server: postgres.Server, client: Client) -> None:
    url = server.create_database("coming_back")
    async with care(url, temporal=client, clock=SettableClock(), variables=SOON) as service:
        ticket = await Tenant(service, "comes-back").ticket()
        workflow_id = ticket_workflow_id("comes-back", ticket.number)
        await until_running(client, workflow_id)
        first = (await client.get_workflow_handle(workflow_id).describe()).run_id
        await client.get_workflow_handle(workflow_id).terminate()

        async def runs_again() -> bool:
            found = await client.get_workflow_handle(workflow_id).describe()
            return found.status is WorkflowExecutionStatus.RUNNING and found.run_id != first

        await eventually("another run", runs_again)


async def test_a_database_that_was_restored_from_a_backup_gets_its_workflows_back(
    server: postgres.Server, client: Client
) -> None:
    url = server.create_database("backed_up")
    async with care(url, temporal=client, clock=SettableClock()) as service:
        tenant = Tenant(service, "restored")
        ticket = await tenant.ticket()
        recovery = await tenant.form(ticket)
        ids = (
            ticket_workflow_id("restored", ticket.number),
            contact_recovery_id("restored", ticket.number, recovery.name.rpartition("/")[2]),
        )
        await until_running(client, *ids)
    database = Database(server.url)
    async with database.driver() as connection:
        await connection.execute("CREATE DATABASE restored TEMPLATE backed_up")
    await database.close()
    # After the backup the ticket was closed and its workflows ended.
    for each in ids:
        await client.get_workflow_handle(each).terminate()
    async with care(server.create_database("restored"), temporal=client, clock=SettableClock(), variables=SOON):
        await until_running(client, *ids)


async def test_one_replica_compares_at_a_time(server: postgres.Server) -> None:
    async with care(server.create_database("turns"), clock=SettableClock()) as service:
        one, other = ExpectedWorkflows(service.database), ExpectedWorkflows(service.database)
        async with one.exclusive() as mine, other.exclusive() as theirs:
            assert (mine, theirs) == (True, False)
        async with other.exclusive() as theirs:
            assert theirs


async def test_a_recovery_workflow_is_expected_while_its_link_is_public(server: postgres.Server) -> None:
    async with care(server.create_database("still_public"), clock=SettableClock()) as service:
        tenant, wanted = Tenant(service, "acme"), ExpectedWorkflows(service.database)
        ticket = await tenant.ticket()
        recovery = await tenant.form(ticket)
        await tenant.posted(recovery)
        withdraw = conversations.WithdrawRecoveryFormRequest(name=recovery.name)
        await tenant.agent("alice").conversations.WithdrawRecoveryForm(withdraw)

        async def worked() -> list[str]:
            async with service.database.driver() as connection:
                await connection.execute("DELETE FROM outbox")
            page = await wanted.page("ContactRecovery", None, 10)
            return [str(each.resource_id) for each in page]

        own = recovery.name.rpartition("/")[2]
        assert await worked() == [own]
        newer = await tenant.form(ticket)
        # The newer public reply replaces the older one.
        await tenant.posted(newer)
        assert await worked() == [newer.name.rpartition("/")[2]]


async def test_pages_of_any_size_find_the_same_workflows(server: postgres.Server) -> None:
    async with care(server.create_database("pages_of_wanted"), clock=SettableClock()) as service:
        for organization in ("one", "two"):
            tenant = Tenant(service, organization)
            for _ in range(3):
                await tenant.in_recovery_state(await tenant.ticket(), "CHAT_UNLOCKED")
        async with service.database.driver() as connection:
            await connection.execute("DELETE FROM outbox")
        wanted = ExpectedWorkflows(service.database)
        for workflow, number in (("TicketWorkflow", 6), ("MessageDelivery", 6), ("ContactRecovery", 0)):
            found: list[ExpectedWorkflow] = []
            after: ExpectedWorkflow | None = None
            while page := await wanted.page(workflow, after, 2):
                found += page
                after = page[-1]
            assert len({each.workflow_id for each in found}) == len(found) == number


async def test_a_workflow_with_an_outbox_row_is_not_missing(server: postgres.Server) -> None:
    async with care(server.create_database("woken_anyhow"), clock=SettableClock()) as service:
        tenant = Tenant(service, "acme")
        await tenant.ticket()
        wanted = ExpectedWorkflows(service.database)
        assert await wanted.page("TicketWorkflow", None, 10) == []
        async with service.database.driver() as connection:
            await connection.execute("DELETE FROM outbox")
        assert len(await wanted.page("TicketWorkflow", None, 10)) == 1
