"""Says to operators in words what a recovery is doing; pure, and without anything of the customer."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.exceptions import ApplicationError

from care.v1 import recovery_pb2 as recovery
from care.v1 import worker_service_pb2 as worker
from care.v1.ticket_pb2 import TicketPriority, TicketStatus
from care.v1.worker_service_pb2 import RecoveryPlan
from care_workflows import steps
from care_workflows.names import last_segment, ticket_key

ASKING: Final = "Asking the service what to do next."

_REFUSALS: Final = {
    recovery.REFUSAL_REASON_TOO_LONG: "the reply is longer than the site takes",
    recovery.REFUSAL_REASON_LINKS_NOT_ALLOWED: "the site takes no links in replies",
    recovery.REFUSAL_REASON_REVIEW_NOT_FOUND: "the review is not there any more",
    recovery.REFUSAL_REASON_NOT_PERMITTED: "our account may not reply there, or the worker has no channel for the site",
    recovery.REFUSAL_REASON_TAKEN_DOWN: "the site took the reply down after it had been public",
    recovery.REFUSAL_REASON_OTHER: "for a reason of its own, which the ticket shows",
}

_ENDS: Final = {
    recovery.RECOVERY_STATE_CHAT_UNLOCKED: "The chat is open.",
    recovery.RECOVERY_STATE_REFUSED: "Ended: the review site refused the reply.",
    recovery.RECOVERY_STATE_WITHDRAWN: "Ended: the assignee took the form back.",
    recovery.RECOVERY_STATE_EXPIRED: "Ended: nobody answered the form in time.",
    recovery.RECOVERY_STATE_REJECTED: "Ended: the contact was the wrong person.",
    recovery.RECOVERY_STATE_REPLACED: "Ended: the contact became known in another way.",
    recovery.RECOVERY_STATE_ENDED_BY_CLOSE: "Ended: the ticket was closed.",
}

_FORM_OPEN: Final = frozenset(
    {
        recovery.RECOVERY_STATE_FORM_REQUESTED,
        recovery.RECOVERY_STATE_AWAITING_CONTACT,
        recovery.RECOVERY_STATE_ENDED_BY_CLOSE,  # for a follow-up
    }
)
_FAILURES: Final = {
    "TIMEOUT": "no answer in time",
    "CONNECTION": "no connection could be made, or it broke",
    "SERVER_ERROR": "the other side failed (5xx)",
    "RATE_LIMITED": "the other side asks us to slow down (429)",
    "NOT_SECURE": "the provider offers no encryption that we may trust",
    "LOGIN_REFUSED": "the provider does not take our credentials",
    "IN_MODERATION": "the site has not decided yet whether the reply may be public",
    "DEFERRED": "the provider puts the message off for now",
    "UNEXPECTED_ANSWER": "an answer that this provider does not give: look at its address",
    "ATTEMPT_DEADLINE": "no answer in time",
}
"""`UnavailableReason`, and the deadline of an attempt."""

_READ_AGAIN: Final = "the reply is read again"
_RETRIES: Final = (
    "While the site can't be reached, it tries again after 1 s, 2 s, … up to 5 min; a poke asks anew at once."
)


def doing(plan: RecoveryPlan) -> str:
    """Say in a sentence what the plan's step is."""
    site = plan.review_site or "the review site"
    match plan.step:
        case worker.RECOVERY_STEP_POST:
            return f"Posting the reply with the link to the form at {site}."
        case worker.RECOVERY_STEP_READ:
            return f"Reading {site}: is the reply public?"
        case worker.RECOVERY_STEP_RETRACT:
            return f"Taking the link out of the public reply at {site}."
        case worker.RECOVERY_STEP_UNLOCK:
            return "Opening the chat."
        case worker.RECOVERY_STEP_EXPIRE:
            return "Ending the form: its time is over."
        case worker.RECOVERY_STEP_REMIND:
            return "Reminding the assignee of the form."
        case worker.RECOVERY_STEP_HOLD:
            return f"Waiting for another recovery of the same review, which is at {site}."
        case worker.RECOVERY_STEP_WAIT if plan.state == recovery.RECOVERY_STATE_AWAITING_CONTACT:
            return "Waiting for the customer to answer the form."
        case worker.RECOVERY_STEP_WAIT:
            return f"Pausing before the link is taken out of the reply at {site}: the last try was refused."
        case worker.RECOVERY_STEP_DONE:
            return _ENDS.get(plan.state, "Nothing more to do.")
        case _:
            return f"The service wants step {plan.step}, which this worker does not know: run a newer worker."


def paused(reason: str) -> str:
    """Say that the service refuses the worker, for ``reason`` of the contract or a gRPC code."""
    words = "Check CARE_TOKEN and the versions of both; it asks again within the hour."
    return f"Paused: the service refuses this worker ({reason}). {words}"


def failure(cause: BaseException | None) -> str:
    """Say in a few words why an activity failed, made of our codes alone."""
    match cause:
        case ApplicationError(type=steps.SITE_UNAVAILABLE | steps.MESSENGER_UNAVAILABLE, message=code):
            return _FAILURES.get(code, f"no usable answer ({code})")
        case ApplicationError(type=steps.ADAPTER_ERROR, message=place):
            return f"the adapter failed: {place}"
        case ApplicationError(type=reason):
            return f"the service gave no answer ({reason})"
        case _:
            return "an attempt did not end in time; its worker may have died"


def waiting_for(plan: RecoveryPlan) -> str:
    """Say in a few words what ends the plan's wait by itself."""
    if plan.step == worker.RECOVERY_STEP_HOLD:
        return "the review site is free"
    if plan.state != recovery.RECOVERY_STATE_AWAITING_CONTACT:
        return "the next try"
    if plan.HasField("remind_time") and _is_next(plan, plan.remind_time):
        return "the assignee is reminded"
    return "the form expires" if plan.HasField("expire_time") and _is_next(plan, plan.expire_time) else _READ_AGAIN


def details(plan: RecoveryPlan, now_doing: str) -> str:
    """Return the Markdown that the Temporal UI shows as the workflow's current details."""
    lines = [f"**{now_doing}**", ""]
    if plan.state == recovery.RECOVERY_STATE_FORM_REQUESTED:
        lines.append(f"- Since {time_words(plan.create_time)}")
    elif plan.HasField("post_time"):
        lines.append(f"- Reply public since {time_words(plan.post_time)}")
    if plan.HasField("expire_time") and plan.state in _FORM_OPEN:
        lines.append(f"- The form takes answers until {time_words(plan.expire_time)}")
    if plan.step in (worker.RECOVERY_STEP_WAIT, worker.RECOVERY_STEP_HOLD):
        lines.append(f"- Next: {waiting_for(plan)}, {time_words(_next(plan))}; a poke comes first")
    elif plan.step in (worker.RECOVERY_STEP_POST, worker.RECOVERY_STEP_READ, worker.RECOVERY_STEP_RETRACT):
        lines.append(f"- {_RETRIES}")
    if plan.refusal_reason:
        lines.append(f"- Refused: {_REFUSALS.get(plan.refusal_reason, str(plan.refusal_reason))}")
    rows = {
        "Ticket": ticket_key(plan.ticket),
        "Status": word(TicketStatus.DESCRIPTOR, plan.ticket_status),
        "Priority": word(TicketPriority.DESCRIPTOR, plan.ticket_priority),
        "Assignee": last_segment(plan.assignee) or "nobody",
        "Location": last_segment(plan.location),
        "Review site": plan.review_site or "none",
        "Recovery": word(recovery.RecoveryState.DESCRIPTOR, plan.state),
        "As of": time_words(plan.plan_time),
    }
    return "\n".join([*lines, "", *table(rows)])


def table(rows: Mapping[str, str]) -> list[str]:
    """Return the lines of a table in Markdown, of names and texts."""
    return ["| | |", "|---|---|", *(f"| {name} | {_cell(text)} |" for name, text in rows.items())]


def _next(plan: RecoveryPlan) -> datetime:
    """When the plan's wait is over."""
    return plan.plan_time.ToDatetime(UTC) + plan.wait.ToTimedelta()


def _is_next(plan: RecoveryPlan, time: Timestamp) -> bool:
    # The wait is a duration: it may miss the instant a little.
    return abs(_next(plan) - time.ToDatetime(UTC)) <= timedelta(seconds=1)


def time_words(time: Timestamp | datetime) -> str:
    """Say when, in UTC."""
    moment = time.ToDatetime(UTC) if isinstance(time, Timestamp) else time
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def word(enum: EnumDescriptor, number: int) -> str:
    """Return the bare word of an enum's value; the number where this worker's contract does not have it yet."""
    value = enum.values_by_number.get(number)
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return value.name.removeprefix(prefix) if value else str(number)


def _cell(text: str) -> str:
    """Show ``text`` in a table of Markdown as it is."""
    return f"`{text.replace('`', chr(39)).replace('|', '¦')}`" if text else ""
