"""The new workflows of a commit on a ticket, which the relay starts at once."""

from __future__ import annotations

from datetime import datetime

from care_client import trace_context, workflow_names
from care_rules.decision import Decision
from care_rules.lifecycle import RecoveryState
from care_service.rpc import convert_plans
from care_service.running.waker import NewWorkflow
from care_service.storage.outbox import Wake
from care_service.storage.woken_workflows import WokenWorkflow, woken_workflows


def new_workflows(decision: Decision, now: datetime) -> list[NewWorkflow]:
    """Returns the new workflows among those that the commit wakes. The id of each `Wake` is 0.

    The workflow of a ticket gets a plan, because a ticket's first plan follows from the decision alone.
    """
    return [_new_workflow(decision, woken, now) for woken in woken_workflows(decision) if woken.is_new]


def _new_workflow(decision: Decision, woken: WokenWorkflow, now: datetime) -> NewWorkflow:
    ticket, recovery = decision.ticket, decision.new_recovery
    is_tickets = woken.workflow == workflow_names.TICKET_WORKFLOW
    needs_site = recovery is not None and recovery.state is RecoveryState.FORM_REQUESTED
    wake = Wake(
        organization=ticket.organization,
        id=0,
        workflow=woken.workflow,
        ticket_number=ticket.number,
        resource_id=woken.resource_id,
        attempts=1,
        location=ticket.location,
        is_new_workflow=True,
        traceparent=trace_context.current(),
        next_time=ticket.timing.next_time if is_tickets else None,
        needs_review_site=needs_site and woken.workflow == workflow_names.CONTACT_RECOVERY,
    )
    return NewWorkflow(wake, convert_plans.deadline_plan_message(ticket, now) if is_tickets else None)
