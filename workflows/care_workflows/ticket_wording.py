"""Says to operators in words what a ticket's own workflow waits for; pure, and without anything of the customer."""

from typing import Final

from care.v1 import worker_service_pb2 as worker
from care.v1.ticket_pb2 import ContactState, TicketPriority, TicketStatus
from care.v1.worker_service_pb2 import DeadlinePlan
from care_workflows.names import last_segment, ticket_key
from care_workflows.wording import table, time_words, word

_NEXT: Final = {
    worker.DEADLINE_KIND_FIRST_RESPONSE: "the first response is overdue",
    worker.DEADLINE_KIND_RESOLUTION: "the resolution is overdue",
    worker.DEADLINE_KIND_INACTIVITY_WARNING: "the assignee is warned that the ticket will be closed",
    worker.DEADLINE_KIND_INACTIVITY_CLOSE: "the ticket is closed for inactivity",
    worker.DEADLINE_KIND_GRACE_CLOSE: "the resolved ticket is closed",
}


def next_words(plan: DeadlinePlan) -> str:
    """Say in a few words what happens by itself next."""
    return _NEXT.get(plan.kind, f"deadline {plan.kind}")


def doing(plan: DeadlinePlan) -> str:
    """Say in a sentence what the plan's step is."""
    match plan.step:
        case worker.DEADLINE_STEP_FIRE:
            return f"Recording: {next_words(plan)}."
        case worker.DEADLINE_STEP_WAIT if plan.HasField("wait"):
            return f"Waiting until {next_words(plan)}."
        case worker.DEADLINE_STEP_WAIT:
            return "Waiting: nothing happens to the ticket by itself."
        case worker.DEADLINE_STEP_DONE:
            return "Done: the ticket is CLOSED."
        case _:
            return f"The service wants step {plan.step}, which this worker does not know: run a newer worker."


def details(plan: DeadlinePlan, now_doing: str) -> str:
    """Return the Markdown that the Temporal UI shows as the workflow's current details."""
    lines = [f"**{now_doing}**", "", f"- Last word or command: {time_words(plan.active_time)}"]
    if plan.HasField("wait_time"):
        lines.append(f"- Waiting for the customer since {time_words(plan.wait_time)}")
    if plan.HasField("first_response_due_time"):
        lines.append(f"- First response due {time_words(plan.first_response_due_time)}")
    if plan.HasField("resolution_due_time"):
        lines.append(f"- Resolution due {time_words(plan.resolution_due_time)}")
    if plan.HasField("deadline_time"):
        lines.append(f"- Next: {next_words(plan)}, {time_words(plan.deadline_time)}; a poke comes first")
    rows = {
        "Ticket": ticket_key(plan.ticket),
        "Status": word(TicketStatus.DESCRIPTOR, plan.ticket_status),
        "Priority": word(TicketPriority.DESCRIPTOR, plan.ticket_priority),
        "Assignee": last_segment(plan.assignee) or "nobody",
        "Location": last_segment(plan.location),
        "Contact": word(ContactState.DESCRIPTOR, plan.contact_state),
        "Created": time_words(plan.create_time),
        "As of": time_words(plan.plan_time),
    }
    return "\n".join([*lines, "", *table(rows)])
