"""The workflows that a commit on a ticket makes necessary, as the relay starts them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from care_client import trace_context, workflow_names
from care_rules.decision import Decision
from care_rules.lifecycle import RecoveryState
from care_service.rpc import convert
from care_service.running.waker import NewWorkflow
from care_service.storage.outbox import Wake


def new_workflows(decision: Decision, now: datetime) -> list[NewWorkflow]:
    """Returns the new workflows among those that the commit wakes. Their rows have no ids here.

    A ticket's first plan follows from the decision alone.
    """
    ticket, recovery = decision.ticket, decision.new_recovery
    first = Wake(
        organization=ticket.organization,
        id=0,
        workflow=workflow_names.TICKET_WORKFLOW,
        ticket_number=ticket.number,
        resource_id=None,
        attempts=1,
        location=ticket.location,
        is_new_workflow=True,
        traceparent=trace_context.current(),
    )
    found: list[NewWorkflow] = []
    if decision.wakes_ticket and ticket.version == 1:
        plan = convert.deadline_plan_message(ticket, now)
        found.append(NewWorkflow(replace(first, next_time=ticket.timing.next_time), plan))
    if recovery is not None and recovery.id in decision.wakes:
        needs_site = recovery.state is RecoveryState.FORM_REQUESTED
        wake = replace(
            first, workflow=workflow_names.CONTACT_RECOVERY, resource_id=recovery.id, needs_review_site=needs_site
        )
        found.append(NewWorkflow(wake))
    found += [
        NewWorkflow(replace(first, workflow=workflow_names.MESSAGE_DELIVERY, resource_id=delivery.message_id))
        for delivery in decision.new_deliveries
    ]
    return found
