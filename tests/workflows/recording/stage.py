"""A real Temporal server on which paths are played. The service's own waker starts and pokes the workflows."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Generic, Protocol, TypeVar
from uuid import UUID

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle, WorkflowHistory
from temporalio.worker import Worker

from care.v1.recovery_pb2 import RECOVERY_KIND_FORM
from care_client import workflow_names
from care_service.running.waker import Plan, TemporalWaker
from care_service.storage.outbox import Wake
from care_workflows.contact_recovery import ContactRecovery
from care_workflows.message_delivery import MessageDelivery
from care_workflows.ticket_workflow import TicketWorkflow
from tests.workflows import fake_delivery, fake_steps, fake_ticket
from tests.workflows.fake_delivery import FakeDelivery
from tests.workflows.fake_steps import FakeRecovery
from tests.workflows.fake_ticket import FakeTicket

TASK_QUEUE: Final = "care"

_ORGANIZATION: Final = "acme"
_TICKET: Final = 17
_RESOURCE: Final = UUID("00000000-0000-4000-8000-000000000000")

H = TypeVar("H", bound=WorkflowHandle[Any, Any])


class _Fake(Protocol):
    starts_with_plan: bool

    @property
    def activities(self) -> Sequence[Callable[..., Any]]: ...

    def plan(self) -> Plan: ...


@dataclass(frozen=True)
class _FakePlans:
    """The plans of the fake, as the service would compute them."""

    fake: _Fake

    async def plan(self, wake: Wake) -> Plan | None:
        return self.fake.plan() if self.fake.starts_with_plan else None


@dataclass(frozen=True)
class Played(Generic[H]):
    """A running workflow that can be poked as the service pokes it."""

    handle: H
    _waker: TemporalWaker
    _wake: Wake
    _fake: _Fake

    async def poke(self) -> None:
        """Pokes the workflow as the service's relay does."""
        is_closed = isinstance(self._fake, FakeTicket) and self._fake.closed
        await self._waker.wake(replace(self._wake, is_closed_ticket=is_closed))

    async def ends(self) -> None:
        """Waits until the workflow has completed or failed."""
        with suppress(WorkflowFailureError):
            await self.handle.result()


@dataclass
class Stage:
    """Plays one path at a time on a server, and keeps its histories."""

    client: Client
    histories: list[WorkflowHistory] = field(default_factory=list)

    @asynccontextmanager
    async def recovery(self, fake: FakeRecovery) -> AsyncIterator[Played[fake_steps.Handle]]:
        """Runs the workflow of a recovery, and records it when the block ends."""
        fake.name = f"organizations/{_ORGANIZATION}/tickets/{_TICKET}/recoveries/{_RESOURCE}"
        workflow_id = workflow_names.contact_recovery_id(_ORGANIZATION, _TICKET, str(_RESOURCE))
        handle = self.client.get_workflow_handle_for(ContactRecovery.run, workflow_id)
        wake = _wake(ContactRecovery, _RESOURCE, needs_review_site=fake.kind == RECOVERY_KIND_FORM)
        async with self._played(ContactRecovery, fake, handle, wake) as played:
            yield played

    @asynccontextmanager
    async def delivery(self, fake: FakeDelivery) -> AsyncIterator[Played[fake_delivery.Handle]]:
        """Runs the workflow of a message, and records it when the block ends."""
        fake.id = str(_RESOURCE)
        handle = self.client.get_workflow_handle_for(MessageDelivery.run, fake.workflow_id)
        async with self._played(MessageDelivery, fake, handle, _wake(MessageDelivery, _RESOURCE)) as played:
            yield played

    @asynccontextmanager
    async def ticket(self, fake: FakeTicket) -> AsyncIterator[Played[fake_ticket.Handle]]:
        """Runs the workflow of a ticket, and records it when the block ends."""
        fake.number = _TICKET
        workflow_id = workflow_names.ticket_workflow_id(_ORGANIZATION, _TICKET)
        handle = self.client.get_workflow_handle_for(TicketWorkflow.run, workflow_id)
        # The service passes the first deadline at the start, so that the workflow need not change the attribute.
        next_time = fake_ticket.PLANNED + fake.waits[0] if fake.waits else None
        async with self._played(TicketWorkflow, fake, handle, _wake(TicketWorkflow, None, next_time)) as played:
            yield played

    async def record(self, workflow_id: str, run_id: str) -> None:
        """Fetches and keeps the history of a run."""
        self.histories.append(await self.client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history())

    @asynccontextmanager
    async def _played(self, workflow: type, fake: _Fake, handle: H, first: Wake) -> AsyncIterator[Played[H]]:
        waker = TemporalWaker(self.client, TASK_QUEUE, _FakePlans(fake))
        async with Worker(self.client, task_queue=TASK_QUEUE, workflows=[workflow], activities=fake.activities):
            await waker.wake(first)
            run_id = (await handle.describe()).run_id
            later = _wake(workflow, first.resource_id, first.next_time, is_new_workflow=False)
            try:
                yield Played(handle, waker, later, fake)
            finally:
                # A path may end while the workflow waits.
                await self.record(handle.id, run_id)
                if (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
                    await handle.terminate()


def _wake(
    workflow: type,
    resource: UUID | None,
    next_time: datetime | None = None,
    *,
    needs_review_site: bool = False,
    is_new_workflow: bool = True,
) -> Wake:
    return Wake(
        organization=_ORGANIZATION,
        id=0,
        workflow=workflow.__name__,
        ticket_number=_TICKET,
        resource_id=resource,
        attempts=0,
        location="harbor",
        is_new_workflow=is_new_workflow,
        next_time=next_time,
        needs_review_site=needs_review_site,
    )
