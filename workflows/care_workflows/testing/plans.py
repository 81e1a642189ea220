"""Builds the contract's plans: the next step of a recovery, of a message to a customer, or of a ticket."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from google.protobuf.message import Message

from care.v1 import message_pb2, recovery_pb2, ticket_pb2
from care.v1 import worker_service_pb2 as pb
from care_rules import names
from care_rules.delivery import DeliverySnapshot
from care_rules.entities.message import Channel
from care_rules.entities.recovery import RecoveryKind
from care_rules.entities.ticket import Ticket
from care_rules.lifecycle import TicketStatus
from care_rules.recovery_plan import SiteTiming
from care_rules.reports import RecoverySnapshot

_UNSPECIFIED: Final = "UNSPECIFIED"


def location(ticket: Ticket) -> str:
    """Returns the name of a ticket's location."""
    return names.location(ticket.organization, ticket.location)


def channel(found: Channel) -> message_pb2.Channel.ValueType:
    """Converts a channel to the contract's enum."""
    return message_pb2.Channel.Value(f"CHANNEL_{found}")


def recovery_plan(snapshot: RecoverySnapshot, timing: SiteTiming, now: datetime) -> pb.RecoveryPlan:
    """Returns the plan of a recovery at ``now``."""
    ticket, recovery, review = snapshot.base.ticket, snapshot.recovery, snapshot.base.review
    plan = snapshot.plan(now, timing)
    plan_message = pb.RecoveryPlan(
        state=recovery_pb2.RecoveryState.Value(f"RECOVERY_STATE_{recovery.state}"),
        step=pb.RecoveryStep.Value(f"RECOVERY_STEP_{plan.step}"),
        kind=recovery_pb2.RecoveryKind.Value(f"RECOVERY_KIND_{recovery.kind}"),
        ticket=ticket.name,
        location=location(ticket),
        assignee=_assignee(ticket),
        ticket_status=_status(ticket),
        ticket_priority=_priority(ticket),
        review_site=review.site if review and recovery.kind is RecoveryKind.FORM else "",
        refusal_reason=recovery_pb2.RefusalReason.Value(f"REFUSAL_REASON_{recovery.refusal_reason or _UNSPECIFIED}"),
    )
    if plan.wait is not None:
        plan_message.wait.FromTimedelta(plan.wait)
    times = {"create_time": recovery.create_time, "post_time": recovery.post_time, "expire_time": recovery.expire_time}
    _set_times(plan_message, times | {"remind_time": snapshot.reminder, "plan_time": now})
    return plan_message


def delivery_plan(snapshot: DeliverySnapshot, now: datetime) -> pb.DeliveryPlan:
    """Returns the plan of a message to the customer at ``now``."""
    ticket, delivery = snapshot.base.ticket, snapshot.delivery
    plan = snapshot.plan(now)
    plan_message = pb.DeliveryPlan(
        state=message_pb2.DeliveryState.Value(f"DELIVERY_STATE_{delivery.state}"),
        step=pb.DeliveryStep.Value(f"DELIVERY_STEP_{plan.step}"),
        channel=channel(delivery.channel),
        failure_reason=message_pb2.DeliveryFailure.Value(f"DELIVERY_FAILURE_{delivery.failure_reason or _UNSPECIFIED}"),
        ticket=ticket.name,
        location=location(ticket),
        assignee=_assignee(ticket),
        ticket_status=_status(ticket),
        ticket_priority=_priority(ticket),
        attempts=delivery.attempts,
    )
    if plan.wait is not None:
        plan_message.wait.FromTimedelta(plan.wait)
    times = {"create_time": delivery.create_time, "give_up_time": delivery.give_up_time, "plan_time": now}
    _set_times(plan_message, times)
    return plan_message


def deadline_plan(ticket: Ticket, now: datetime) -> pb.DeadlinePlan:
    """Returns the plan of a ticket at ``now``: its next deadline."""
    timing = ticket.timing
    plan_message = pb.DeadlinePlan(
        step=pb.DEADLINE_STEP_WAIT,
        ticket=ticket.name,
        location=location(ticket),
        assignee=_assignee(ticket),
        ticket_status=_status(ticket),
        ticket_priority=_priority(ticket),
        contact_state=ticket_pb2.ContactState.Value(f"CONTACT_STATE_{ticket.contact_state}"),
    )
    if ticket.status is TicketStatus.CLOSED:
        plan_message.step = pb.DEADLINE_STEP_DONE
    elif timing.next_kind is not None and timing.next_time is not None:
        plan_message.kind = pb.DeadlineKind.Value(f"DEADLINE_KIND_{timing.next_kind}")
        plan_message.deadline_time.FromDatetime(timing.next_time)
        if timing.next_time <= now:
            plan_message.step = pb.DEADLINE_STEP_FIRE
        else:
            plan_message.wait.FromTimedelta(timing.next_time - now)
    times = {"create_time": ticket.create_time, "active_time": timing.active_time, "wait_time": timing.waits_since}
    _set_times(plan_message, times | {"plan_time": now})
    return plan_message


def _assignee(ticket: Ticket) -> str:
    return names.agent(ticket.organization, ticket.assignee) if ticket.assignee else ""


def _status(ticket: Ticket) -> ticket_pb2.TicketStatus.ValueType:
    return ticket_pb2.TicketStatus.Value(f"TICKET_STATUS_{ticket.status}")


def _priority(ticket: Ticket) -> ticket_pb2.TicketPriority.ValueType:
    return ticket_pb2.TicketPriority.Value(f"TICKET_PRIORITY_{ticket.priority}")


def _set_times(message: Message, times: Mapping[str, datetime | None]) -> None:
    for name, time in times.items():
        if time is not None:
            getattr(message, name).FromDatetime(time)
