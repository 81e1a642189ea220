"""The texts about a ticket's own workflow that operators read in the Temporal UI.

All functions are pure. No text contains customer data.
"""

from typing import Final

from care.v1 import worker_service_pb2 as worker
from care.v1.ticket_pb2 import ContactState, TicketPriority, TicketStatus
from care.v1.worker_service_pb2 import DeadlinePlan
from care_workflows import wording
from care_workflows.resource_names import last_segment, short_ticket_name

_DEADLINES: Final = {
    worker.DEADLINE_KIND_FIRST_RESPONSE: "the first response is overdue",
    worker.DEADLINE_KIND_RESOLUTION: "the resolution is overdue",
    worker.DEADLINE_KIND_INACTIVITY_WARNING: "the assignee is warned that the ticket will be closed",
    worker.DEADLINE_KIND_INACTIVITY_CLOSE: "the ticket is closed for inactivity",
    worker.DEADLINE_KIND_GRACE_CLOSE: "the resolved ticket is closed",
}


def describe_deadline(plan: DeadlinePlan) -> str:
    """Returns a short text that says what happens at the next deadline."""
    return _DEADLINES.get(plan.kind, f"deadline {plan.kind}")


def describe_step(plan: DeadlinePlan) -> str:
    """Returns a sentence that says what the workflow does at the plan's step."""
    match plan.step:
        case worker.DEADLINE_STEP_FIRE:
            return f"Recording that a deadline has passed: {describe_deadline(plan)}."
        case worker.DEADLINE_STEP_WAIT if plan.HasField("wait"):
            return f"Waiting until {describe_deadline(plan)}."
        case worker.DEADLINE_STEP_WAIT:
            return "Waiting: the ticket has no deadline."
        case worker.DEADLINE_STEP_DONE:
            return "Done: the ticket is CLOSED."
        case _:
            return wording.unknown_step(plan.step)


def details(plan: DeadlinePlan, status: str) -> str:
    """Returns the Markdown that the Temporal UI shows as the workflow's current details."""
    lines = [f"**{status}**", "", f"- Last message or command: {wording.format_time(plan.active_time)}"]
    if plan.HasField("wait_time"):
        lines.append(f"- Waiting for the customer since {wording.format_time(plan.wait_time)}")
    if plan.HasField("first_response_due_time"):
        lines.append(f"- First response due {wording.format_time(plan.first_response_due_time)}")
    if plan.HasField("resolution_due_time"):
        lines.append(f"- Resolution due {wording.format_time(plan.resolution_due_time)}")
    if plan.HasField("deadline_time"):
        deadline_time = wording.format_time(plan.deadline_time)
        lines.append(f"- Next: {describe_deadline(plan)}, {deadline_time}, or earlier after a poke")
    rows = {
        "Ticket": short_ticket_name(plan.ticket),
        "Status": wording.enum_word(TicketStatus.DESCRIPTOR, plan.ticket_status),
        "Priority": wording.enum_word(TicketPriority.DESCRIPTOR, plan.ticket_priority),
        "Assignee": last_segment(plan.assignee) or "nobody",
        "Location": last_segment(plan.location),
        "Contact": wording.enum_word(ContactState.DESCRIPTOR, plan.contact_state),
        "Created": wording.format_time(plan.create_time),
        "As of": wording.format_time(plan.plan_time),
    }
    return "\n".join([*lines, "", *wording.markdown_table(rows)])
