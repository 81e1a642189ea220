"""A fake of the service and the site for `ContactRecovery`, with one recovery.

The fake follows the rules of `CheckRecovery`: a received contact is unlocked first, and a requested form is posted.
After an attempt without an outcome, the reply is read. A reply that is public when its recovery has ended is retracted.
The test decides everything else about the recovery.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.common import TypedSearchAttributes
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from care.v1 import recovery_pb2 as recovery
from care.v1 import worker_service_pb2 as worker
from care.v1.ticket_pb2 import TICKET_PRIORITY_HIGH, TICKET_STATUS_IN_PROGRESS
from care.v1.worker_service_pb2 import RecoveryPlan
from care.v1.workflows_pb2 import ContactRecoveryInput, ContactRecoveryResult, ContactRecoveryStatus
from care_workflows import activity_names, failure_types
from care_workflows.contact_recovery import ContactRecovery
from tests.workflows.fake_activities import FakeActivities

FORM_TIME: Final = timedelta(days=14)
HOLD_TIME: Final = timedelta(seconds=5)
RETRACT_PAUSE: Final = timedelta(hours=1)

Handle = WorkflowHandle[ContactRecovery, ContactRecoveryResult]
_FORM_LIVE: Final = (recovery.RECOVERY_STATE_FORM_REQUESTED, recovery.RECOVERY_STATE_AWAITING_CONTACT)
_LIVE: Final = (*_FORM_LIVE, recovery.RECOVERY_STATE_CONTACT_RECEIVED, recovery.RECOVERY_STATE_CHAT_UNLOCKED)


def unavailable(retry_after: timedelta | None = None) -> ApplicationError:
    """Returns the error of an attempt while the site is down."""
    return ApplicationError("CONNECTION", type=failure_types.SITE_UNAVAILABLE, next_retry_delay=retry_after)


class FakeRecovery(FakeActivities[RecoveryPlan]):
    """One recovery and its reply at the site. A test sets failures and refusals."""

    def __init__(self, kind: recovery.RecoveryKind.ValueType = recovery.RECOVERY_KIND_FORM) -> None:
        super().__init__()
        self.name = f"organizations/acme/tickets/17/recoveries/{uuid4().hex}"
        direct = kind == recovery.RECOVERY_KIND_DIRECT
        self.kind = kind
        self.state = recovery.RECOVERY_STATE_CONTACT_RECEIVED if direct else recovery.RECOVERY_STATE_FORM_REQUESTED
        self.refusal_reason = recovery.REFUSAL_REASON_UNSPECIFIED
        self.created = datetime.now(UTC)
        self.expires: datetime | None = None
        self.posted: datetime | None = None
        self.handed_out = False
        self.public = False
        self.holds = 0
        """How many of the next plans are HOLD while the form is requested."""
        self.refusals: dict[str, list[recovery.RefusalReason.ValueType]] = {}
        """By activity name: the refusals that the site returns to its next calls, in order."""
        self.gate: asyncio.Event | None = None
        """A posting waits for this event after it has begun."""
        self.unknown_step = False
        """Whether the next plan has a step that this worker does not know."""
        self._retry_at: datetime | None = None

    # --- actions of people; a test pokes the workflow afterwards ------------------------------------------------------

    def submit(self) -> None:
        assert self.state in _FORM_LIVE
        self.state = recovery.RECOVERY_STATE_CONTACT_RECEIVED

    def end(self, state: recovery.RecoveryState.ValueType) -> None:
        assert self.state in _LIVE
        self.state = state

    # --- the service --------------------------------------------------------------------------------------------------

    def plan(self) -> RecoveryPlan:
        now = self.now
        step, wait = self._next(now)
        plan = RecoveryPlan(
            state=self.state,
            step=step,
            kind=self.kind,
            ticket="organizations/acme/tickets/17",
            location="organizations/acme/locations/harbor",
            assignee="organizations/acme/agents/alice",
            ticket_status=TICKET_STATUS_IN_PROGRESS,
            ticket_priority=TICKET_PRIORITY_HIGH,
            review_site="local" if self.kind == recovery.RECOVERY_KIND_FORM else "",
            refusal_reason=self.refusal_reason,
        )
        if step in (worker.RECOVERY_STEP_WAIT, worker.RECOVERY_STEP_HOLD):
            plan.wait.FromTimedelta(wait)
        plan.create_time.FromDatetime(self.created)
        plan.plan_time.FromDatetime(now)
        if self.posted:
            plan.post_time.FromDatetime(self.posted)
        if self.expires:
            plan.expire_time.FromDatetime(self.expires)
        return plan

    def _next(self, now: datetime) -> tuple[worker.RecoveryStep.ValueType, timedelta]:
        nothing = timedelta()
        if self.unknown_step:
            self.unknown_step = False
            return worker.RECOVERY_STEP_UNSPECIFIED, nothing
        if self.state == recovery.RECOVERY_STATE_CONTACT_RECEIVED:
            return worker.RECOVERY_STEP_UNLOCK, nothing
        if self.state == recovery.RECOVERY_STATE_FORM_REQUESTED:
            if self.holds:
                self.holds -= 1
                return worker.RECOVERY_STEP_HOLD, HOLD_TIME
            return worker.RECOVERY_STEP_POST, nothing
        if self.handed_out:
            return worker.RECOVERY_STEP_READ, nothing
        if self.state == recovery.RECOVERY_STATE_AWAITING_CONTACT:
            assert self.expires
            if now >= self.expires:
                return worker.RECOVERY_STEP_EXPIRE, nothing
            return worker.RECOVERY_STEP_WAIT, self.expires - now
        if self.public and self.state not in _LIVE:
            if self._retry_at and now < self._retry_at:
                return worker.RECOVERY_STEP_WAIT, self._retry_at - now
            return worker.RECOVERY_STEP_RETRACT, nothing
        return worker.RECOVERY_STEP_DONE, nothing

    @activity.defn(name=activity_names.CHECK_RECOVERY)
    async def check_recovery(self, start: ContactRecoveryInput) -> RecoveryPlan:
        async with self._working_on(start, activity_names.CHECK_RECOVERY):
            return await self._answer(activity_names.CHECK_RECOVERY)

    @activity.defn(name=activity_names.POST_REPLY)
    async def post_reply(self, start: ContactRecoveryInput) -> RecoveryPlan:
        async with self._working_on(start, activity_names.POST_REPLY):
            if self.state == recovery.RECOVERY_STATE_FORM_REQUESTED:
                self.handed_out = True
                if self.gate:
                    await self._notify()
                    await self.gate.wait()
                self._fail(activity_names.POST_REPLY)
                self.handed_out = False
                if reason := self._refusal(activity_names.POST_REPLY):
                    self._refuse(reason)
                else:
                    self._record_posted()
            return await self._answer(activity_names.POST_REPLY)

    @activity.defn(name=activity_names.READ_REPLY)
    async def read_reply(self, start: ContactRecoveryInput) -> RecoveryPlan:
        async with self._working_on(start, activity_names.READ_REPLY):
            self._fail(activity_names.READ_REPLY)
            self.handed_out = False
            if reason := self._refusal(activity_names.READ_REPLY):
                self._refuse(reason)
            elif self.public:
                self._record_posted()
            return await self._answer(activity_names.READ_REPLY)

    @activity.defn(name=activity_names.RETRACT_REPLY)
    async def retract_reply(self, start: ContactRecoveryInput) -> RecoveryPlan:
        async with self._working_on(start, activity_names.RETRACT_REPLY):
            self._fail(activity_names.RETRACT_REPLY)
            if self._refusal(activity_names.RETRACT_REPLY):
                self._retry_at = self.now + RETRACT_PAUSE
            else:
                self.public = False
            return await self._answer(activity_names.RETRACT_REPLY)

    @activity.defn(name=activity_names.UNLOCK_CHAT)
    async def unlock_chat(self, start: ContactRecoveryInput) -> RecoveryPlan:
        async with self._working_on(start, activity_names.UNLOCK_CHAT):
            if self.state == recovery.RECOVERY_STATE_CONTACT_RECEIVED:
                self.state = recovery.RECOVERY_STATE_CHAT_UNLOCKED
            return await self._answer(activity_names.UNLOCK_CHAT)

    @activity.defn(name=activity_names.EXPIRE_FORM)
    async def expire_form(self, start: ContactRecoveryInput) -> RecoveryPlan:
        async with self._working_on(start, activity_names.EXPIRE_FORM):
            if self.state in _FORM_LIVE and self.expires and self.now >= self.expires:
                self.state = recovery.RECOVERY_STATE_EXPIRED
            return await self._answer(activity_names.EXPIRE_FORM)

    @activity.defn(name=activity_names.EXPIRE_FORM_NOW)
    async def expire_form_now(self, start: ContactRecoveryInput) -> RecoveryPlan:
        async with self._working_on(start, activity_names.EXPIRE_FORM_NOW):
            if self.state in _FORM_LIVE:
                self.state = recovery.RECOVERY_STATE_EXPIRED
            return await self._answer(activity_names.EXPIRE_FORM_NOW)

    @property
    def activities(self) -> Sequence[Callable[..., Any]]:
        return [
            self.check_recovery,
            self.post_reply,
            self.read_reply,
            self.retract_reply,
            self.unlock_chat,
            self.expire_form,
            self.expire_form_now,
        ]

    @asynccontextmanager
    async def _working_on(self, start: ContactRecoveryInput, name: str) -> AsyncIterator[None]:
        assert start.recovery == self.name
        async with self._called(name):
            yield

    def _record_posted(self) -> None:
        now = self.now
        self.public = True
        self.posted = self.posted or now
        self.expires = self.expires or now + FORM_TIME
        if self.state == recovery.RECOVERY_STATE_FORM_REQUESTED:
            self.state = recovery.RECOVERY_STATE_AWAITING_CONTACT

    def _refuse(self, reason: recovery.RefusalReason.ValueType) -> None:
        self.public = False
        if self.state in _FORM_LIVE:
            self.state = recovery.RECOVERY_STATE_REFUSED
            self.refusal_reason = reason

    def _refusal(self, name: str) -> recovery.RefusalReason.ValueType:
        waiting = self.refusals.get(name)
        return waiting.pop(0) if waiting else recovery.REFUSAL_REASON_UNSPECIFIED


@asynccontextmanager
async def run_recovery(
    client: Client, fake: FakeRecovery, attributes: TypedSearchAttributes | None = None
) -> AsyncIterator[Handle]:
    """Runs a worker, and starts the workflow with a poke and without a plan. The relay starts workflows with a plan."""
    async with recovery_worker(client, fake):
        yield await wake(client, fake, attributes)


def recovery_worker(client: Client, fake: FakeRecovery) -> Worker:
    """Returns a worker with only the activities of `fake`. Use it as a context manager."""
    return Worker(client, task_queue=fake.task_queue, workflows=[ContactRecovery], activities=fake.activities)


async def wake(client: Client, fake: FakeRecovery, attributes: TypedSearchAttributes | None = None) -> Handle:
    """Starts the workflow with a poke. Pokes it if it already runs, and starts a new run if it has completed."""
    return await client.start_workflow(
        ContactRecovery.run,
        ContactRecoveryInput(recovery=fake.name),
        id=f"contact-recovery/acme/17/{fake.name.rpartition('/')[2]}",
        task_queue=fake.task_queue,
        search_attributes=attributes,
        start_signal="poke",
    )


async def until_doing(handle: Handle, expected: str) -> ContactRecoveryStatus:
    """Queries the workflow until its status contains `expected`. The timeout of the test limits the time."""
    while expected not in (status := await handle.query(ContactRecovery.status)).doing:
        pass
    return status
