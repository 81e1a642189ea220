"""Converts the plans of workflows to messages of the contract."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypedDict

from google.protobuf.duration_pb2 import Duration

from care.v1 import ticket_pb2, worker_service_pb2
from care_rules import names
from care_rules.delivery import DeliveryPlan, DeliverySnapshot
from care_rules.entities.recovery import RecoveryKind
from care_rules.entities.ticket import Ticket
from care_rules.lifecycle import TicketStatus
from care_rules.recovery_plan import RecoveryPlan
from care_rules.reports import RecoverySnapshot
from care_service.rpc import enums
from care_service.rpc.convert import timestamp


def deadline_plan_message(ticket: Ticket, now: datetime) -> worker_service_pb2.DeadlinePlan:
    """Converts the next deadline of a ticket, with the details that operators see in Temporal."""
    timing = ticket.timing
    kind, time, wait = timing.next_kind, timing.next_time, None
    if ticket.status is TicketStatus.CLOSED:
        step, kind, time = worker_service_pb2.DEADLINE_STEP_DONE, None, None
    elif time is not None and time <= now:
        step = worker_service_pb2.DEADLINE_STEP_FIRE
    else:
        step = worker_service_pb2.DEADLINE_STEP_WAIT
        wait = None if time is None else time - now
    return worker_service_pb2.DeadlinePlan(
        step=step,
        wait=_duration(wait),
        kind=enums.DEADLINE_KIND.to_contract(kind),
        deadline_time=timestamp(time),
        **_ticket_details(ticket),
        contact_state=enums.CONTACT_STATE.to_contract(ticket.contact_state),
        create_time=timestamp(ticket.create_time),
        active_time=timestamp(timing.active_time),
        wait_time=timestamp(timing.waits_since),
        first_response_due_time=timestamp(timing.first_response_due_time),
        resolution_due_time=timestamp(timing.resolution_due_time),
        plan_time=timestamp(now),
    )


def recovery_plan_message(
    load: RecoverySnapshot, plan: RecoveryPlan, reminder: datetime | None, now: datetime
) -> worker_service_pb2.RecoveryPlan:
    """Converts the next step of a recovery, with the details that operators see in Temporal."""
    ticket, recovery, review = load.base.ticket, load.recovery, load.base.review
    return worker_service_pb2.RecoveryPlan(
        state=enums.RECOVERY_STATE.to_contract(recovery.state),
        step=enums.RECOVERY_STEP.to_contract(plan.step),
        wait=_duration(plan.wait),
        kind=enums.RECOVERY_KIND.to_contract(recovery.kind),
        **_ticket_details(ticket),
        review_site=review.site if review and recovery.kind is RecoveryKind.FORM else "",
        create_time=timestamp(recovery.create_time),
        post_time=timestamp(recovery.post_time),
        expire_time=timestamp(recovery.expire_time),
        refusal_reason=enums.REFUSAL_REASON.to_contract(recovery.refusal_reason),
        plan_time=timestamp(now),
        remind_time=timestamp(reminder),
    )


def delivery_plan_message(
    snapshot: DeliverySnapshot, plan: DeliveryPlan, now: datetime
) -> worker_service_pb2.DeliveryPlan:
    """Converts the next step of a delivery, with the details that operators see in Temporal."""
    ticket, delivery = snapshot.base.ticket, snapshot.delivery
    return worker_service_pb2.DeliveryPlan(
        state=enums.DELIVERY_STATE.to_contract(delivery.state),
        step=enums.DELIVERY_STEP.to_contract(plan.step),
        wait=_duration(plan.wait),
        channel=enums.CHANNEL.to_contract(delivery.channel),
        failure_reason=enums.DELIVERY_FAILURE.to_contract(delivery.failure_reason),
        **_ticket_details(ticket),
        create_time=timestamp(delivery.create_time),
        give_up_time=timestamp(delivery.give_up_time),
        attempts=delivery.attempts,
        plan_time=timestamp(now),
    )


class _TicketDetails(TypedDict):
    ticket: str
    location: str
    assignee: str
    ticket_status: ticket_pb2.TicketStatus.ValueType
    ticket_priority: ticket_pb2.TicketPriority.ValueType


def _ticket_details(ticket: Ticket) -> _TicketDetails:
    """Returns the fields about the ticket that all plans have."""
    return {
        "ticket": ticket.name,
        "location": names.location(ticket.organization, ticket.location),
        "assignee": names.agent(ticket.organization, ticket.assignee) if ticket.assignee else "",
        "ticket_status": enums.TICKET_STATUS.to_contract(ticket.status),
        "ticket_priority": enums.PRIORITY.to_contract(ticket.priority),
    }


def _duration(wait: timedelta | None) -> Duration | None:
    if wait is None:
        return None
    converted = Duration()
    converted.FromTimedelta(wait)
    return converted
