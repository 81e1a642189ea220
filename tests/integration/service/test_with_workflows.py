"""Service, relay and workflows with a real worker and Temporal server: settings move timers, and the billed actions."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from care.v1 import settings_service_pb2
from care.v1 import ticket_service_pb2 as tickets
from care.v1.settings_pb2 import Settings
from care.v1.ticket_pb2 import Ticket
from care_client.workflow_names import contact_recovery_id, ticket_workflow_id
from care_dev.stack import postgres
from care_workflows.channels.registry import Messengers, ReviewSites
from care_workflows.channels.review_site import PublicReply, ReplyTarget
from care_workflows.contact_recovery import ContactRecovery
from care_workflows.plugin import CarePlugin
from care_workflows.ticket_workflow import TicketWorkflow
from tests.support import temporal
from tests.support.care import care
from tests.support.system import eventually
from tests.support.tenant import Tenant

DAY = timedelta(days=1)
BILLED = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
    EventType.EVENT_TYPE_MARKER_RECORDED,  # of a local activity
    EventType.EVENT_TYPE_TIMER_STARTED,
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
}
"""The events of these histories that Temporal Cloud bills as one action each. Nothing here is retried."""


class Board:
    """A review site that accepts every reply."""

    def __init__(self) -> None:
        self.replies: dict[str, str] = {}

    async def post_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        self.replies[target.external_id] = text

    async def read_reply(self, target: ReplyTarget) -> PublicReply | None:
        text = self.replies.get(target.external_id)
        return PublicReply(text) if text else None

    async def retract_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        self.replies[target.external_id] = text


@dataclass
class Team:
    """An organization with its own service and worker."""

    tenant: Tenant
    client: Client

    async def deadline(self, ticket: Ticket) -> datetime | None:
        """Returns the time until which the workflow of the ticket sleeps, None if it does not sleep yet."""
        handle = self.client.get_workflow_handle(ticket_workflow_id(self.tenant.id, ticket.number))
        try:
            status = await handle.query(TicketWorkflow.status)
        except RPCError:  # not started yet
            return None
        return status.plan.deadline_time.ToDatetime(UTC) if "Waiting" in status.doing else None

    async def billed(self, workflow_id: str) -> Counter[str]:
        """Returns the billed events of an ended workflow."""
        handle = self.client.get_workflow_handle(workflow_id)
        await handle.result()
        history = await handle.fetch_history()
        return Counter(EventType.Name(each.event_type) for each in history.events if each.event_type in BILLED)


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with temporal.dev_server() as environment:
        yield environment.client


@pytest.fixture
async def team(server: postgres.Server, client: Client, request: pytest.FixtureRequest) -> AsyncIterator[Team]:
    name = f"whole-{abs(hash(request.node.name)) % 10**6}"
    variables = {"CARE_TASK_QUEUE": name}
    async with care(server.create_database(name), temporal=client, variables=variables) as service:
        tenant = Tenant(service, name)
        plugin = CarePlugin(tenant.worker, ReviewSites({"local": Board()}), Messengers({}))
        async with Worker(client, task_queue=name, plugins=[plugin]):
            yield Team(tenant, client)


async def test_a_changed_setting_moves_the_timers_of_a_hundred_waiting_tickets(team: Team) -> None:
    made = await asyncio.gather(*(team.tenant.ticket(None, with_review=False) for _ in range(100)))

    async def until_after(days: int) -> None:
        async def there() -> bool:
            found = await asyncio.gather(*(team.deadline(each) for each in made))
            due = [each.create_time.ToDatetime(UTC) + timedelta(days=days) for each in made]
            return all(at is not None and abs(at - then) < DAY / 2 for at, then in zip(found, due, strict=True))

        await eventually(f"a hundred timers of {days} days", there)

    await until_after(27)  # the warning, three days before the close
    given = Settings(name=f"{team.tenant.name}/settings", inactivity_days=10, inactivity_warning_days=2)
    await team.tenant.supervisor.settings.UpdateSettings(settings_service_pb2.UpdateSettingsRequest(settings=given))
    await until_after(8)
    # The settings of a location move timers too, and to a later time.
    given = Settings(name=f"{team.tenant.name}/locations/soho/settings", inactivity_days=90)
    mask = FieldMask(paths=["inactivity_days"])
    request = settings_service_pb2.UpdateSettingsRequest(settings=given, update_mask=mask)
    await team.tenant.supervisor.settings.UpdateSettings(request)
    await until_after(88)


@pytest.mark.parametrize(
    ("resolves", "actions"),
    [
        # TicketWorkflow: start, timer; signal of the close. ContactRecovery: start, reply, attributes, timer; poke by
        # the contact, check that opens the chat.
        (False, 9),
        # The grace period of a RESOLVED ticket ends before its inactivity: poke, check, attributes, timer.
        (True, 13),
    ],
)
async def test_a_happy_path_takes_few_actions(team: Team, *, resolves: bool, actions: int) -> None:
    tenant = team.tenant
    ticket = await tenant.ticket()

    async def planned() -> bool:
        return await team.deadline(ticket) is not None

    await eventually("the ticket's workflow", planned)
    recovery = await tenant.form(ticket)
    own = contact_recovery_id(tenant.id, ticket.number, recovery.name.rpartition("/")[2])

    async def waits() -> bool:
        try:
            status = await team.client.get_workflow_handle(own).query(ContactRecovery.status)
        except RPCError:  # not started yet
            return False
        return status.doing == "Waiting for the customer to answer the form."

    await eventually("the form", waits)
    await tenant.submit(recovery)
    found = await team.billed(own)
    alice = tenant.agent("alice").tickets
    await alice.StartTicket(tickets.StartTicketRequest(name=ticket.name))
    if resolves:
        before = await team.deadline(ticket)
        await alice.ResolveTicket(tickets.ResolveTicketRequest(name=ticket.name))

        async def moved() -> bool:
            return await team.deadline(ticket) not in {None, before}

        await eventually("the grace", moved)
    first = (await team.client.get_workflow_handle(own).describe()).run_id
    await alice.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
    found += await team.billed(ticket_workflow_id(tenant.id, ticket.number))
    assert found.total() == actions, found

    # The close retracts the link of the public reply in a second run: start, reply.
    async def again() -> bool:
        return (await team.client.get_workflow_handle(own).describe()).run_id != first

    await eventually("the link's end", again)
    retraction = await team.billed(own)
    assert retraction.total() == 2, retraction
    assert (await tenant.log_types(ticket))[0] == "REPLY_RETRACTED"

    async def woken() -> bool:
        return await tenant.care.waiting_wakes() == 0

    await eventually("the end of all wakes", woken)
