"""The texts about a recovery that operators read in the Temporal UI.

All functions are pure. No text contains customer data.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from care.v1 import recovery_pb2 as recovery
from care.v1 import worker_service_pb2 as worker
from care.v1.ticket_pb2 import TicketPriority, TicketStatus
from care.v1.worker_service_pb2 import RecoveryPlan
from care_workflows import wording
from care_workflows.activity_options import SITE_RETRIES
from care_workflows.resource_names import last_segment, short_ticket_name

_REFUSALS: Final = {
    recovery.REFUSAL_REASON_TOO_LONG: "the reply is longer than the site allows",
    recovery.REFUSAL_REASON_LINKS_NOT_ALLOWED: "the site does not allow links in replies",
    recovery.REFUSAL_REASON_REVIEW_NOT_FOUND: "the review no longer exists",
    recovery.REFUSAL_REASON_NOT_PERMITTED: "our account may not reply there, or the worker has no adapter for the site",
    recovery.REFUSAL_REASON_TAKEN_DOWN: "the site removed the reply after it had been public",
    recovery.REFUSAL_REASON_OTHER: "for another reason, which the ticket shows",
}

_ENDS: Final = {
    recovery.RECOVERY_STATE_CHAT_UNLOCKED: "The chat is open.",
    recovery.RECOVERY_STATE_REFUSED: "Ended: the review site refused the reply.",
    recovery.RECOVERY_STATE_WITHDRAWN: "Ended: the assignee withdrew the form.",
    recovery.RECOVERY_STATE_EXPIRED: "Ended: the form expired.",
    recovery.RECOVERY_STATE_REJECTED: "Ended: the contact was the wrong person.",
    recovery.RECOVERY_STATE_REPLACED: "Ended: the contact became known in another way.",
    recovery.RECOVERY_STATE_ENDED_BY_CLOSE: "Ended: the ticket was closed.",
}

_FORM_OPEN: Final = frozenset(
    {
        recovery.RECOVERY_STATE_FORM_REQUESTED,
        recovery.RECOVERY_STATE_AWAITING_CONTACT,
        recovery.RECOVERY_STATE_ENDED_BY_CLOSE,  # for a follow-up ticket
    }
)
_SITE_STEPS: Final = (worker.RECOVERY_STEP_POST, worker.RECOVERY_STEP_READ, worker.RECOVERY_STEP_RETRACT)
_WAIT_STEPS: Final = (worker.RECOVERY_STEP_WAIT, worker.RECOVERY_STEP_HOLD)


def describe_step(plan: RecoveryPlan) -> str:
    """Returns a sentence that says what the workflow does at the plan's step."""
    site = plan.review_site or "the review site"
    match plan.step:
        case worker.RECOVERY_STEP_POST:
            return f"Posting the reply with the link to the form at {site}."
        case worker.RECOVERY_STEP_READ:
            return f"Reading {site} to see whether the reply is public."
        case worker.RECOVERY_STEP_RETRACT:
            return f"Removing the link from the public reply at {site}."
        case worker.RECOVERY_STEP_UNLOCK:
            return "Opening the chat."
        case worker.RECOVERY_STEP_EXPIRE:
            return "Ending the form, which has expired."
        case worker.RECOVERY_STEP_REMIND:
            return "Reminding the assignee of the form."
        case worker.RECOVERY_STEP_HOLD:
            return f"Waiting for another recovery of the same review to finish at {site}."
        case worker.RECOVERY_STEP_WAIT if plan.state == recovery.RECOVERY_STATE_AWAITING_CONTACT:
            return "Waiting for the customer to answer the form."
        case worker.RECOVERY_STEP_WAIT:
            return f"Waiting before the next attempt to remove the link at {site}, which refused the last one."
        case worker.RECOVERY_STEP_DONE:
            return _ENDS.get(plan.state, "Nothing more to do.")
        case _:
            return wording.unknown_step(plan.step)


def describe_wait(plan: RecoveryPlan) -> str:
    """Returns a short text that says what happens when the plan's wait ends."""
    if plan.step == worker.RECOVERY_STEP_HOLD:
        return "the service is asked whether the review site is free"
    if plan.state != recovery.RECOVERY_STATE_AWAITING_CONTACT:
        return "the link is removed"
    if plan.HasField("remind_time") and _ends_wait(plan, plan.remind_time):
        return "the assignee is reminded"
    if plan.HasField("expire_time") and _ends_wait(plan, plan.expire_time):
        return "the form expires"
    return "the reply is read again"


def details(plan: RecoveryPlan, status: str) -> str:
    """Returns the Markdown that the Temporal UI shows as the workflow's current details."""
    lines = [f"**{status}**", ""]
    if plan.state == recovery.RECOVERY_STATE_FORM_REQUESTED:
        lines.append(f"- Requested {wording.format_time(plan.create_time)}")
    elif plan.HasField("post_time"):
        lines.append(f"- Reply public since {wording.format_time(plan.post_time)}")
    if plan.HasField("expire_time") and plan.state in _FORM_OPEN:
        lines.append(f"- The form is open until {wording.format_time(plan.expire_time)}")
    if plan.step in _WAIT_STEPS:
        lines.append(f"- Next: {describe_wait(plan)}, {wording.format_time(_wait_end(plan))}, or earlier after a poke")
    elif plan.step in _SITE_STEPS:
        lines.append(f"- {wording.retry_note('the site', SITE_RETRIES)}")
    if plan.refusal_reason:
        lines.append(f"- Refused: {_REFUSALS.get(plan.refusal_reason, str(plan.refusal_reason))}")
    rows = {
        "Ticket": short_ticket_name(plan.ticket),
        "Status": wording.enum_word(TicketStatus.DESCRIPTOR, plan.ticket_status),
        "Priority": wording.enum_word(TicketPriority.DESCRIPTOR, plan.ticket_priority),
        "Assignee": last_segment(plan.assignee) or "nobody",
        "Location": last_segment(plan.location),
        "Review site": plan.review_site or "none",
        "Recovery": wording.enum_word(recovery.RecoveryState.DESCRIPTOR, plan.state),
        "As of": wording.format_time(plan.plan_time),
    }
    return "\n".join([*lines, "", *wording.markdown_table(rows)])


def _wait_end(plan: RecoveryPlan) -> datetime:
    return plan.plan_time.ToDatetime(UTC) + plan.wait.ToTimedelta()


def _ends_wait(plan: RecoveryPlan, time: Timestamp) -> bool:
    # The plan has a duration and not the end of the wait, so the computed end may differ slightly from ``time``.
    return abs(_wait_end(plan) - time.ToDatetime(UTC)) <= timedelta(seconds=1)
