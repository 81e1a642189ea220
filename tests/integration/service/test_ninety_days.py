"""Ninety days of a ticket with the real service, its relay and the workflows, on a Temporal server that skips time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio import client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    Worker,
)

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import settings_pb2, settings_service_pb2, ticket_pb2
from care.v1 import ticket_service_pb2 as tickets
from care.v1.activity_pb2 import ActivityType
from care.v1.message_pb2 import CHANNEL_EMAIL
from care.v1.settings_pb2 import BusinessHours, Deadlines, OpenHours, PriorityDeadlines, Settings
from care.v1.ticket_pb2 import Ticket
from care_client.workflow_names import ticket_workflow_id
from care_dev.stack import postgres
from care_workflows.channels.messenger import OutgoingMessage, Progress, Receipt
from care_workflows.channels.registry import Messengers, ReviewSites
from care_workflows.plugin import CarePlugin
from care_workflows.ticket_workflow import TicketWorkflow
from tests.support import temporal
from tests.support.care import care
from tests.support.system import eventually
from tests.support.tenant import Tenant

DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)


@dataclass
class SkippedClock:
    """The time of the service: it starts at a given moment and follows that of the Temporal server in whole minutes.

    So everything that happens in one minute has the same time.
    """

    environment: WorkflowEnvironment
    _begin: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    _since: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    _now: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    async def begin(self, moment: datetime) -> None:
        """Sets the current time."""
        self._begin = self._now = moment
        self._since = await self.environment.get_current_time()

    async def look(self) -> None:
        """Reads the time of the Temporal server."""
        passed = await self.environment.get_current_time() - self._since
        self._now = self._begin + passed // _MINUTE * _MINUTE

    async def until(self, moment: datetime) -> None:
        """Skips time up to a moment."""
        await self.look()
        await self.environment.sleep(moment - self._now)
        await self.look()


class Ticking(Interceptor):
    """Reads the time before each activity, because activities call the service."""

    def __init__(self, clock: SkippedClock) -> None:
        self._clock = clock

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's
        clock = self._clock

        class Looking(ActivityInboundInterceptor):
            async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - the SDK's
                await clock.look()
                return await super().execute_activity(input)

        return Looking(next)


class WithoutAttributes(client.Interceptor):
    """Starts workflows without search attributes, because this server cannot register them."""

    def intercept_client(self, next: client.OutboundInterceptor) -> client.OutboundInterceptor:  # noqa: A002 - the SDK's
        class Leaving(client.OutboundInterceptor):
            async def start_workflow(self, input: client.StartWorkflowInput) -> client.WorkflowHandle[Any, Any]:  # noqa: A002
                return await super().start_workflow(replace(input, search_attributes=None))

        return Leaving(next)


class Mailbox:
    """A messenger that sends every message at once."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send(self, message: OutgoingMessage) -> Receipt:
        self.sent.append(message.text)
        return Receipt(Progress.SENT)

    async def check(self, provider_id: str) -> Receipt:
        return Receipt(Progress.SENT, provider_id)


@dataclass
class Run:
    """A service, its clock and its organization."""

    tenant: Tenant
    clock: SkippedClock
    environment: WorkflowEnvironment
    mailbox: Mailbox = field(default_factory=Mailbox)

    async def logged(self, ticket: Ticket) -> list[tuple[str, datetime]]:
        """Returns the types and times of all activities, oldest first."""
        return [
            (ActivityType.Name(entry.type).removeprefix("ACTIVITY_TYPE_"), entry.create_time.ToDatetime(UTC))
            for entry in reversed(await self.tenant.log(ticket))
        ]

    async def until_logged(self, ticket: Ticket, what: str) -> None:
        """Waits until the newest activity has type `what`."""

        async def there() -> bool:
            return (await self.logged(ticket))[-1][0] == what

        await eventually(what, there)

    async def until_planned(self, ticket: Ticket) -> None:
        """Waits until the workflow of the ticket sleeps and no outbox row is left to wake it."""

        async def there() -> bool:
            handle = self.environment.client.get_workflow_handle(ticket_workflow_id(self.tenant.id, ticket.number))
            try:
                status = await handle.query(TicketWorkflow.status)
            except Exception:  # noqa: BLE001 - the workflow has not started yet
                return False
            waiting: bool = "Waiting" in status.doing and not await self.tenant.care.waiting_wakes()
            return waiting

        await eventually("the ticket's workflow", there)


@pytest.fixture(scope="module")
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    async with temporal.time_skipping() as made:
        yield made


@asynccontextmanager
async def running(server: postgres.Server, environment: WorkflowEnvironment, name: str) -> AsyncIterator[Run]:
    clock = SkippedClock(environment)
    variables = {"CARE_TASK_QUEUE": f"care-{name}"}
    url = server.create_database(f"ninety_{name}")
    config = environment.client.config()
    config["interceptors"] = [WithoutAttributes()]
    starter = client.Client(**config)
    async with care(url, temporal=starter, clock=clock, variables=variables) as service:
        run = Run(Tenant(service, name), clock, environment)
        plugin = CarePlugin(run.tenant.worker, ReviewSites({}), Messengers({"EMAIL": run.mailbox}))
        async with Worker(
            environment.client,
            task_queue=variables["CARE_TASK_QUEUE"],
            plugins=[plugin],
            interceptors=[Ticking(clock)],
        ):
            yield run


def hours(number: float) -> Duration:
    made = Duration()
    made.FromTimedelta(timedelta(hours=number))
    return made


def office(zone: str) -> Settings:
    """Returns business hours from nine to five on workdays, and deadlines: first response 4 hours, resolution 40."""
    days = settings_pb2.Weekday.values()[1:6]
    deadlines = PriorityDeadlines(
        priority=ticket_pb2.TICKET_PRIORITY_NORMAL, first_response=hours(4), resolution=hours(40)
    )
    return Settings(
        business_hours=BusinessHours(
            time_zone=zone, hours=[OpenHours(day=day, start="09:00", end="17:00") for day in days]
        ),
        deadlines=Deadlines(priorities=[deadlines]),
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("zone", "created", "first_response", "resolution"),
    [
        # Friday, 15:00: two hours on that day. 4 h end on Monday at 11:00, 40 h on the next Friday at 15:00
        # (2 + 4 * 8 + 6). In between the clocks change. Berlin: UTC+1 until 28 March 2027, then UTC+2.
        ("Europe/Berlin", (3, 26, 14, 0), (3, 29, 9, 0), (4, 2, 13, 0)),
        # New York: UTC-5 until 14 March 2027, then UTC-4.
        ("America/New_York", (3, 12, 20, 0), (3, 15, 15, 0), (3, 19, 19, 0)),
        # Lord Howe: UTC+11 until 4 April 2027, then UTC+10:30.
        ("Australia/Lord_Howe", (4, 2, 4, 0), (4, 5, 0, 30), (4, 9, 4, 30)),
    ],
    ids=["berlin", "new-york", "lord-howe"],
)
async def test_every_deadline_of_ninety_days_fires_at_its_instant(
    server: postgres.Server,
    environment: WorkflowEnvironment,
    zone: str,
    created: tuple[int, int, int, int],
    first_response: tuple[int, int, int, int],
    resolution: tuple[int, int, int, int],
) -> None:
    begin, first, resolved = (datetime(2027, *each, tzinfo=UTC) for each in (created, first_response, resolution))
    async with running(server, environment, zone.rpartition("/")[2].lower().replace("_", "-")) as run:
        tenant, alice = run.tenant, run.tenant.agent("alice")
        await run.clock.begin(begin)
        await tenant.meet("alice")
        settings = office(zone)
        settings.name = f"{tenant.name}/settings"
        await tenant.supervisor.settings.UpdateSettings(settings_service_pb2.UpdateSettingsRequest(settings=settings))
        ticket = await tenant.ticket(with_review=False)
        assert ticket.first_response_due_time.ToDatetime(UTC) == first
        assert ticket.resolution_due_time.ToDatetime(UTC) == resolved

        async def at(day: float, *acts: Callable[[], Awaitable[object]]) -> None:
            await run.until_planned(ticket)
            await run.clock.until(begin + day * DAY)
            for act in acts:
                await act()

        add = conversations.AddContactRequest(parent=ticket.name, email="kim@example.com")
        await at(20, lambda: alice.conversations.AddContact(add))
        await run.until_logged(ticket, "DELIVERY_SENT")
        heard = conversations.InboundMessage(
            channel=CHANNEL_EMAIL, external_id="1@mail.example.com", sender="kim@example.com", text="Any news?"
        )
        ingest = conversations.IngestMessageRequest(parent=tenant.name, message=heard)
        await at(45, lambda: tenant.service.conversations.IngestMessage(ingest))
        send = conversations.SendMessageRequest(parent=ticket.name, text="We looked into it.")
        await at(74, lambda: alice.conversations.SendMessage(send))
        await run.until_logged(ticket, "DELIVERY_SENT")
        resolve = tickets.ResolveTicketRequest(name=ticket.name)
        await at(80, lambda: alice.tickets.ResolveTicket(resolve))
        await at(90)
        assert await run.logged(ticket) == [
            ("CREATED", begin),
            ("TAKEN", begin),
            ("FIRST_RESPONSE_MISSED", first),
            ("RESOLUTION_MISSED", resolved),
            ("CONTACT_ADDED", begin + 20 * DAY),
            ("CHAT_UNLOCKED", begin + 20 * DAY),
            ("DELIVERY_SENT", begin + 20 * DAY),
            ("MESSAGE_RECEIVED", begin + 45 * DAY),
            ("INACTIVITY_WARNED", begin + (45 + 27) * DAY),
            ("MESSAGE_SENT", begin + 74 * DAY),
            ("DELIVERY_SENT", begin + 74 * DAY),
            ("RESOLVED", begin + 80 * DAY),
            ("AUTO_CLOSED", begin + (80 + 7) * DAY),
        ]
        workflow = environment.client.get_workflow_handle(ticket_workflow_id(tenant.id, ticket.number))
        await workflow.result()
        assert (await workflow.describe()).status is client.WorkflowExecutionStatus.COMPLETED
        assert len(run.mailbox.sent) == 2
