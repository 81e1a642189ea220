"""Says to operators in words what the delivery of a message is doing; pure, and without anything of the customer."""

from datetime import UTC
from typing import Final

from care.v1 import message_pb2 as message
from care.v1 import worker_service_pb2 as worker
from care.v1.message_pb2 import Channel, DeliveryState
from care.v1.ticket_pb2 import TicketPriority, TicketStatus
from care.v1.worker_service_pb2 import DeliveryPlan
from care_workflows.names import last_segment, ticket_key
from care_workflows.wording import table, time_words, word

_FAILURES: Final = {
    message.DELIVERY_FAILURE_ADDRESS_REFUSED: "the provider does not take the address",
    message.DELIVERY_FAILURE_UNSUBSCRIBED: "the recipient does not want to be written to by this channel",
    message.DELIVERY_FAILURE_CONTENT_REFUSED: "the provider does not take the message for what it says",
    message.DELIVERY_FAILURE_NOT_PERMITTED: "our account may not send it",
    message.DELIVERY_FAILURE_TIMED_OUT: "the provider could not be reached in time",
    message.DELIVERY_FAILURE_CONTACT_REJECTED: "the contact was the wrong person",
    message.DELIVERY_FAILURE_NO_CHANNEL: "the worker has no adapter for the channel",
    message.DELIVERY_FAILURE_BOUNCED: "it came back",
    message.DELIVERY_FAILURE_OTHER: "for a reason of the provider's own, which the ticket shows",
}
_RETRIES: Final = (
    "While the provider can't be reached, it tries again after 2 s, 4 s, … up to 15 min; a poke asks anew at once."
)


def doing(plan: DeliveryPlan) -> str:
    """Say in a sentence what the plan's step is."""
    match plan.step:
        case worker.DELIVERY_STEP_SEND:
            return f"Sending the message by {word(Channel.DESCRIPTOR, plan.channel)}."
        case worker.DELIVERY_STEP_CHECK:
            return checking(plan)
        case worker.DELIVERY_STEP_WAIT:
            return "Waiting before the provider is asked whether the message arrived."
        case worker.DELIVERY_STEP_DONE:
            return f"Done: the message is {word(DeliveryState.DESCRIPTOR, plan.state)}."
        case _:
            return f"The service wants step {plan.step}, which this worker does not know: run a newer worker."


def checking(plan: DeliveryPlan) -> str:
    """Say that the provider is asked, whatever the plan's step is."""
    return f"Asking the provider of {word(Channel.DESCRIPTOR, plan.channel)} whether the message arrived."


def details(plan: DeliveryPlan, now_doing: str) -> str:
    """Return the Markdown that the Temporal UI shows as the workflow's current details."""
    lines = [f"**{now_doing}**", "", f"- Written {time_words(plan.create_time)}"]
    if plan.step == worker.DELIVERY_STEP_SEND:
        lines += [f"- Given up {time_words(plan.give_up_time)}", f"- {_RETRIES}"]
    elif plan.step == worker.DELIVERY_STEP_WAIT:
        lines.append(
            f"- Next: {time_words(plan.plan_time.ToDatetime(UTC) + plan.wait.ToTimedelta())}; a poke comes first"
        )
    if plan.failure_reason:
        lines.append(f"- Not delivered: {_FAILURES.get(plan.failure_reason, str(plan.failure_reason))}")
    rows = {
        "Ticket": ticket_key(plan.ticket),
        "Status": word(TicketStatus.DESCRIPTOR, plan.ticket_status),
        "Priority": word(TicketPriority.DESCRIPTOR, plan.ticket_priority),
        "Assignee": last_segment(plan.assignee) or "nobody",
        "Location": last_segment(plan.location),
        "Channel": word(Channel.DESCRIPTOR, plan.channel),
        "Message": word(DeliveryState.DESCRIPTOR, plan.state),
        "Attempts": str(plan.attempts),
        "As of": time_words(plan.plan_time),
    }
    return "\n".join([*lines, "", *table(rows)])
