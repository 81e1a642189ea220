"""The worker's calls on a recovery, and the plans that they return."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from google.protobuf.duration_pb2 import Duration

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import recovery_pb2
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.recovery_pb2 import Recovery
from care.v1.settings_pb2 import FormReminders, Settings
from care.v1.settings_service_pb2 import UpdateSettingsRequest
from care.v1.ticket_pb2 import Ticket
from tests.integration.service.clocks import SettableClock
from tests.support.tenant import Tenant

POST, READ, RETRACT = workers.RECOVERY_STEP_POST, workers.RECOVERY_STEP_READ, workers.RECOVERY_STEP_RETRACT
LINKS_NOT_ALLOWED: Final = recovery_pb2.REFUSAL_REASON_LINKS_NOT_ALLOWED
TAKEN_DOWN: Final = recovery_pb2.REFUSAL_REASON_TAKEN_DOWN
MONTH = timedelta(days=30)
"""The default lifetime of a form."""
SETTLE = timedelta(minutes=1)
"""The default of CARE_SETTLE_TIME (docs/decisions/0008): how long a write without an outcome may take to appear."""


def state_and_step(plan: workers.RecoveryPlan) -> str:
    """Returns the state and the step of a plan, as `STATE: STEP`."""
    state = recovery_pb2.RecoveryState.Name(plan.state).removeprefix("RECOVERY_STATE_")
    return f"{state}: {workers.RecoveryStep.Name(plan.step).removeprefix('RECOVERY_STEP_')}"


def wait_of(plan: workers.RecoveryPlan) -> timedelta:
    assert plan.HasField("wait")
    return plan.wait.ToTimedelta()


async def report_posted(tenant: Tenant, recovery: Recovery, attempt: int) -> workers.RecoveryPlan:
    request = workers.RecordPostedRequest(name=recovery.name, attempt=attempt)
    return (await tenant.worker.workers.RecordPosted(request)).plan


async def report_refused(
    tenant: Tenant,
    recovery: Recovery,
    attempt: int,
    reason: recovery_pb2.RefusalReason.ValueType = LINKS_NOT_ALLOWED,
    provider_message: str = "",
) -> workers.RecoveryPlan:
    request = workers.RecordRefusedRequest(
        name=recovery.name, attempt=attempt, reason=reason, provider_message=provider_message
    )
    return (await tenant.worker.workers.RecordRefused(request)).plan


async def report_retracted(tenant: Tenant, recovery: Recovery, attempt: int) -> workers.RecoveryPlan:
    request = workers.RecordRetractedRequest(name=recovery.name, attempt=attempt)
    return (await tenant.worker.workers.RecordRetracted(request)).plan


async def begin_attempt(tenant: Tenant, recovery: Recovery, step: workers.RecoveryStep.ValueType) -> int:
    """Begins the step, which must be the planned one. Returns the number of the attempt."""
    answer = await tenant.begin(recovery, step)
    assert answer.HasField("grant"), state_and_step(answer.plan)
    return answer.grant.attempt


def settle(clock: SettableClock) -> None:
    """Lets the time pass in which a write without an outcome may appear."""
    clock.advance(seconds=SETTLE.total_seconds())


async def withdraw(tenant: Tenant, recovery: Recovery) -> None:
    request = conversations.WithdrawRecoveryFormRequest(name=recovery.name)
    await tenant.agent("alice").conversations.WithdrawRecoveryForm(request)


async def close(tenant: Tenant, ticket: Ticket) -> None:
    await tenant.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))


async def follow_up(tenant: Tenant, ticket: Ticket) -> Ticket:
    """Closes the ticket and creates another one of alice for the same review."""
    await close(tenant, ticket)
    create = tickets.CreateTicketRequest(parent=tenant.name, ticket=Ticket(review=ticket.review))
    second = (await tenant.service.tickets.CreateTicket(create)).ticket
    return (await tenant.agent("alice").tickets.TakeTicket(tickets.TakeTicketRequest(name=second.name))).ticket


async def set_reminders(tenant: Tenant, *hours: int) -> None:
    """Sets the reminders of the assignee: hours after the reply of a form is public."""
    after = [Duration(seconds=each * 3600) for each in hours]
    given = Settings(name=f"{tenant.name}/settings", form_reminders=FormReminders(after=after))
    await tenant.supervisor.settings.UpdateSettings(UpdateSettingsRequest(settings=given))
