"""Decisions on deadlines that have been reached."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, assert_never
from uuid import UUID

from care_rules.callers import Caller
from care_rules.deadlines import Deadline, recompute_deadlines, upcoming_deadlines
from care_rules.decision import Decision, bump_version, move_recovery, new_activity
from care_rules.delivery import new_delivery
from care_rules.entities.activity import ActivityType
from care_rules.entities.message import MessageKind
from care_rules.entities.ticket import CloseReason
from care_rules.lifecycle import RECOVERY, STATUS, RecoveryState, Trigger
from care_rules.new_entities import new_message
from care_rules.scheduling import ScheduledDecision, mark_workflow_informed, refresh_deadlines, schedule
from care_rules.snapshot import TicketSnapshot
from care_rules.timing import DeadlineKind, Timing

_PROMPT: Final = timedelta(hours=1)
"""A warning that is at most this late counts from its due time, so that the close is on time."""


def fire_deadline(
    snapshot: TicketSnapshot, message_id: UUID, caller: Caller, now: datetime
) -> ScheduledDecision | None:
    """Returns what to write for the earliest deadline that has been reached.

    If no deadline has been reached, returns what `refresh_deadlines` returns. The deadlines are computed from the
    ticket as loaded. So a message that the customer wrote in the same second can still postpone the deadline.
    """
    settings = snapshot.settings
    ticket = recompute_deadlines(snapshot.ticket, snapshot.live, settings)
    due = next((each for each in upcoming_deadlines(ticket, snapshot.live, settings) if each.time <= now), None)
    if due is None:
        return refresh_deadlines(snapshot)
    decision = _decide(replace(snapshot, ticket=ticket), due, message_id, caller, now)
    return mark_workflow_informed(schedule(snapshot, decision))


def _decide(snapshot: TicketSnapshot, due: Deadline, message_id: UUID, caller: Caller, now: datetime) -> Decision:
    timing = snapshot.ticket.timing
    match due.kind:
        case DeadlineKind.INACTIVITY_CLOSE | DeadlineKind.GRACE_CLOSE:
            return _close(snapshot, caller, now)
        case DeadlineKind.INACTIVITY_WARNING:
            return _warn(snapshot, due, message_id, caller, now)
        case DeadlineKind.FORM_REMINDER:
            reached = [at for at in snapshot.settings.form_reminders if _post_time(snapshot) + at <= now]
            timing = replace(timing, reminders=len(reached))
            return _record(snapshot, timing, ActivityType.FORM_REMINDED, caller, now)
        case DeadlineKind.FIRST_RESPONSE:
            timing = replace(timing, first_response_missed=True)
            return _record(snapshot, timing, ActivityType.FIRST_RESPONSE_MISSED, caller, now)
        case DeadlineKind.RESOLUTION:
            timing = replace(timing, resolution_missed=True)
            return _record(snapshot, timing, ActivityType.RESOLUTION_MISSED, caller, now)
        case _:
            assert_never(due.kind)


def _post_time(snapshot: TicketSnapshot) -> datetime:
    if snapshot.live is None or snapshot.live.post_time is None:
        raise AssertionError("a reminder is due, but no form is public; upcoming_deadlines must not return it")
    return snapshot.live.post_time


def _record(snapshot: TicketSnapshot, timing: Timing, kind: ActivityType, caller: Caller, now: datetime) -> Decision:
    after = replace(bump_version(snapshot.ticket, snapshot.live, now), timing=timing)
    live = snapshot.live.id if snapshot.live and kind is ActivityType.FORM_REMINDED else None
    return Decision(after, new_activity(kind, caller, snapshot.ticket, after, recovery_id=live))


def _warn(snapshot: TicketSnapshot, due: Deadline, message_id: UUID, caller: Caller, now: datetime) -> Decision:
    warned = due.time if now - due.time <= _PROMPT else now
    after = replace(
        bump_version(snapshot.ticket, snapshot.live, now), timing=replace(snapshot.ticket.timing, warn_time=warned)
    )
    is_open = after.contact_state is RecoveryState.CHAT_UNLOCKED
    if not (snapshot.settings.warn_customer and is_open and snapshot.contact is not None):
        return Decision(after, new_activity(ActivityType.INACTIVITY_WARNED, caller, snapshot.ticket, after))
    notice = replace(
        new_message(after, message_id, MessageKind.AGENT_MESSAGE, caller, snapshot.settings.closing_notice),
        contact_id=snapshot.contact.id,
    )
    entry = new_activity(ActivityType.INACTIVITY_WARNED, caller, snapshot.ticket, after, message_id=notice.id)
    delivery = new_delivery(notice, snapshot.contact, snapshot.settings)
    return Decision(after, entry, messages=(notice,), new_deliveries=(delivery,))


def _close(snapshot: TicketSnapshot, caller: Caller, now: datetime) -> Decision:
    live, ended, moved = snapshot.live, None, None
    after = replace(
        snapshot.ticket,
        status=STATUS.fire(snapshot.ticket.status, Trigger.AUTO_CLOSE),
        close_time=now,
        close_reason=CloseReason.INACTIVITY,
    )
    if live is not None:
        ended = move_recovery(live, RECOVERY.fire(live.state, Trigger.TICKET_CLOSED), now)
        moved = (live.state, ended)
    after = bump_version(after, ended or live, now)
    entry = new_activity(ActivityType.AUTO_CLOSED, caller, snapshot.ticket, after, recovery=moved)
    return Decision(after, entry, recovery=ended, wakes=(ended.id,) if ended else ())
