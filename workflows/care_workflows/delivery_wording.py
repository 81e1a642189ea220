"""The texts about the delivery of a message that operators read in the Temporal UI.

All functions are pure. No text contains customer data.
"""

from datetime import UTC
from typing import Final

from care.v1 import message_pb2 as message
from care.v1 import worker_service_pb2 as worker
from care.v1.message_pb2 import Channel, DeliveryState
from care.v1.ticket_pb2 import TicketPriority, TicketStatus
from care.v1.worker_service_pb2 import DeliveryPlan
from care_workflows import wording
from care_workflows.activity_options import MESSENGER_RETRIES
from care_workflows.resource_names import last_segment, short_ticket_name

_FAILURES: Final = {
    message.DELIVERY_FAILURE_ADDRESS_REFUSED: "the provider rejects the address",
    message.DELIVERY_FAILURE_UNSUBSCRIBED: "the recipient unsubscribed from this channel",
    message.DELIVERY_FAILURE_CONTENT_REFUSED: "the provider rejects the content of the message",
    message.DELIVERY_FAILURE_NOT_PERMITTED: "our account may not send it",
    message.DELIVERY_FAILURE_TIMED_OUT: "the provider was unavailable until the message was given up",
    message.DELIVERY_FAILURE_CONTACT_REJECTED: "the contact was the wrong person",
    message.DELIVERY_FAILURE_NO_CHANNEL: "the worker has no adapter for the channel",
    message.DELIVERY_FAILURE_BOUNCED: "the message bounced",
    message.DELIVERY_FAILURE_OTHER: "for another reason, which the ticket shows",
}


def describe_step(plan: DeliveryPlan) -> str:
    """Returns a sentence that says what the workflow does at the plan's step."""
    match plan.step:
        case worker.DELIVERY_STEP_SEND:
            return f"Sending the message by {wording.enum_word(Channel.DESCRIPTOR, plan.channel)}."
        case worker.DELIVERY_STEP_CHECK:
            return describe_check(plan)
        case worker.DELIVERY_STEP_WAIT:
            return "Waiting before asking the provider whether the message arrived."
        case worker.DELIVERY_STEP_DONE:
            return f"Done: the message is {wording.enum_word(DeliveryState.DESCRIPTOR, plan.state)}."
        case _:
            return wording.unknown_step(plan.step)


def describe_check(plan: DeliveryPlan) -> str:
    """Returns the status during a check at the provider. A poke also starts such a check while the plan is to wait."""
    return f"Asking the {wording.enum_word(Channel.DESCRIPTOR, plan.channel)} provider whether the message arrived."


def details(plan: DeliveryPlan, status: str) -> str:
    """Returns the Markdown that the Temporal UI shows as the workflow's current details."""
    lines = [f"**{status}**", "", f"- Written {wording.format_time(plan.create_time)}"]
    if plan.step == worker.DELIVERY_STEP_SEND:
        lines.append(f"- Care gives up at {wording.format_time(plan.give_up_time)}")
        lines.append(f"- {wording.retry_note('the provider', MESSENGER_RETRIES)}")
    elif plan.step == worker.DELIVERY_STEP_WAIT:
        check_time = plan.plan_time.ToDatetime(UTC) + plan.wait.ToTimedelta()
        lines.append(f"- Next: the provider is asked, {wording.format_time(check_time)}, or earlier after a poke")
    if plan.failure_reason:
        lines.append(f"- Not delivered: {_FAILURES.get(plan.failure_reason, str(plan.failure_reason))}")
    rows = {
        "Ticket": short_ticket_name(plan.ticket),
        "Status": wording.enum_word(TicketStatus.DESCRIPTOR, plan.ticket_status),
        "Priority": wording.enum_word(TicketPriority.DESCRIPTOR, plan.ticket_priority),
        "Assignee": last_segment(plan.assignee) or "nobody",
        "Location": last_segment(plan.location),
        "Channel": wording.enum_word(Channel.DESCRIPTOR, plan.channel),
        "Message": wording.enum_word(DeliveryState.DESCRIPTOR, plan.state),
        "Attempts": str(plan.attempts),
        "As of": wording.format_time(plan.plan_time),
    }
    return "\n".join([*lines, "", *wording.markdown_table(rows)])
