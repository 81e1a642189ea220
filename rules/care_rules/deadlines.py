"""Deadlines: what becomes of a ticket by time alone, when, and what is written then.

Everything is computed from the present state and the settings that hold, so that a changed setting or priority moves
whatever has not happened yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, assert_never
from uuid import UUID

from care_rules.business_hours import Pause, due_time
from care_rules.callers import Caller
from care_rules.decide import message
from care_rules.decision import Decision, activity, bump_version, move_recovery
from care_rules.delivery import new_delivery
from care_rules.entities import (
    Activity,
    ActivityType,
    ActorKind,
    CloseReason,
    MessageKind,
    Recovery,
    Ticket,
)
from care_rules.lifecycle import FORM_LIVE, RECOVERY, STATUS, RecoveryState, TicketStatus, Trigger
from care_rules.settings import Settings
from care_rules.snapshot import TicketSnapshot
from care_rules.timing import DeadlineKind, Timing

_ORDER: Final = {kind: place for place, kind in enumerate(DeadlineKind)}
_WAITED_FOR: Final = frozenset({ActivityType.FORM_EXPIRED, ActivityType.FORM_REFUSED, ActivityType.DELIVERY_FAILED})
"""What the workflow records, and an agent has to deal with: the time without anybody's word begins anew."""
_ANSWERS: Final = frozenset({ActivityType.FORM_POSTED, ActivityType.MESSAGE_SENT})
_TURNS: Final = frozenset({ActivityType.CREATED, ActivityType.CLOSED, ActivityType.AUTO_CLOSED})
"""What its workflow begins or ends with; what is noted of a CLOSED ticket afterwards is none of its business."""
_PROMPT: Final = timedelta(hours=1)
"""A warning that is not later than that counts from when it was due, so that what follows is not late as well."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """What happens by itself, and when."""

    kind: DeadlineKind
    time: datetime


def upcoming(ticket: Ticket, live: Recovery | None, settings: Settings) -> list[Deadline]:
    """Returns what will happen to a ticket by itself if nobody does anything, what comes first at the beginning.

    What is overdue is in it as well, until it is recorded.
    """
    found = (
        [] if ticket.status is TicketStatus.CLOSED else [*_closings(ticket, settings), *_others(ticket, live, settings)]
    )
    return sorted(found, key=lambda deadline: (deadline.time, _ORDER[deadline.kind]))


def next_reminder(ticket: Ticket, live: Recovery | None, settings: Settings) -> datetime | None:
    """Returns when the assignee is to be reminded of a form next: that is for its recovery to wait for."""
    return next(_reminders(ticket, live, settings), None)


def _reminders(ticket: Ticket, live: Recovery | None, settings: Settings) -> Iterator[datetime]:
    if live is not None and live.state is RecoveryState.AWAITING_CONTACT and live.post_time is not None:
        for after in settings.form_reminders[ticket.timing.reminders :]:
            yield live.post_time + after


def _closings(ticket: Ticket, settings: Settings) -> Iterator[Deadline]:
    # Never while a form is out, however long that is; afterwards the time begins anew.
    if ticket.contact_state in FORM_LIVE:
        return
    if ticket.status is TicketStatus.RESOLVED:
        if settings.grace_days and ticket.resolve_time is not None:
            since = max(ticket.resolve_time, ticket.timing.active_time)
            yield Deadline(DeadlineKind.GRACE_CLOSE, since + timedelta(days=settings.grace_days))
        return
    if not settings.inactivity_days:
        return
    timing, warned = ticket.timing, timedelta(days=settings.inactivity_warning_days)
    close = timing.active_time + timedelta(days=settings.inactivity_days)
    if not warned:
        yield Deadline(DeadlineKind.INACTIVITY_CLOSE, close)
    elif timing.warn_time is None or timing.warn_time < close - warned:
        # Nobody was warned, or so early that it was of another close: a setting was raised since.
        yield Deadline(DeadlineKind.INACTIVITY_WARNING, close - warned)
    else:
        # Whoever was warned has the whole time, also where a setting has changed meanwhile.
        yield Deadline(DeadlineKind.INACTIVITY_CLOSE, max(close, timing.warn_time + warned))


def _others(ticket: Ticket, live: Recovery | None, settings: Settings) -> Iterator[Deadline]:
    timing = ticket.timing
    for time in _reminders(ticket, live, settings):
        yield Deadline(DeadlineKind.FORM_REMINDER, time)
    # What came too late is missed as well, though nobody may have looked at the clock in between.
    is_resolved = ticket.status is TicketStatus.RESOLVED
    due, answered = timing.first_response_due_time, timing.first_response_time
    if due and not timing.first_response_missed and (answered > due if answered else not is_resolved):
        yield Deadline(DeadlineKind.FIRST_RESPONSE, due)
    due, resolved = timing.resolution_due_time, ticket.resolve_time if is_resolved else None
    if due and not timing.resolution_missed and (resolved is None or resolved > due):
        yield Deadline(DeadlineKind.RESOLUTION, due)


# --- what every commit keeps ------------------------------------------------------------------------------------------


def keep_time(decision: Decision, settings: Settings, live: Recovery | None) -> Decision:
    """Returns `decision` with its ticket's timing, for a commit that writes an activity.

    `live` is the ticket's live recovery afterwards. The ticket's workflow is woken by what brings its next deadline
    forward, by its creation and by its close; by nothing else.
    """
    entry = decision.activity
    if entry is None:
        return decision
    # What a machine answers is nobody's word.
    is_machine = bool(decision.messages) and decision.messages[-1].automatic
    ticket = replace(decision.ticket, timing=_kept(decision.ticket, entry, is_machine=is_machine))
    ticket = recompute_deadlines(ticket, live, settings)
    decision = replace(decision, ticket=ticket)
    return replace(mark_workflow_informed(decision), wakes_ticket=True) if _is_sooner(entry, ticket) else decision


def mark_workflow_informed(decision: Decision) -> Decision:
    """Returns `decision` with its ticket's workflow knowing what happens next: it needs no wake."""
    timing = decision.ticket.timing
    ticket = replace(decision.ticket, timing=replace(timing, watch_time=timing.next_time))
    return replace(decision, ticket=ticket, wakes_ticket=False)


def recompute_deadlines(ticket: Ticket, live: Recovery | None, settings: Settings) -> Ticket:
    """Returns `ticket` with its due times, and with what happens next, by the settings that hold now."""
    timing = ticket.timing
    first, resolution = timing.first_response_due_time, timing.resolution_due_time
    named = settings.deadlines.of(ticket.priority)
    if ticket.status in {TicketStatus.OPEN, TicketStatus.IN_PROGRESS}:
        resolution = _due(ticket, named.resolution, settings)
        if timing.first_response_time is None:
            first = _due(ticket, named.first_response, settings)
    ticket = replace(ticket, timing=replace(timing, first_response_due_time=first, resolution_due_time=resolution))
    own = (each for each in upcoming(ticket, live, settings) if each.kind is not DeadlineKind.FORM_REMINDER)
    nearest = next(own, None)
    kind, time = (nearest.kind, nearest.time) if nearest else (None, None)
    return replace(ticket, timing=replace(ticket.timing, next_kind=kind, next_time=time))


def _due(ticket: Ticket, after: timedelta | None, settings: Settings) -> datetime | None:
    if after is None:
        return None
    timing, pauses = ticket.timing, ticket.timing.pauses
    if timing.waits_since is not None:
        pauses = (*pauses, Pause(timing.waits_since, None))
    if not settings.deadlines.paused_while_waiting:
        pauses = ()
    return due_time(settings.business_hours, ticket.create_time, after, pauses)


def _kept(ticket: Ticket, entry: Activity, *, is_machine: bool) -> Timing:
    timing, now = ticket.timing, entry.create_time
    by_somebody = entry.actor_kind is not ActorKind.WORKFLOW and not is_machine
    # That the warning itself did not arrive puts nothing off: it would be sent again and again.
    notice_failed = entry.type is ActivityType.DELIVERY_FAILED and timing.warn_time is not None
    if by_somebody or (entry.type in _WAITED_FOR and not notice_failed):
        timing = replace(timing, active_time=now, warn_time=None)
    if entry.type in _ANSWERS and timing.first_response_time is None:
        timing = replace(timing, first_response_time=now)
    if entry.type is ActivityType.FORM_REQUESTED:
        timing = replace(timing, reminders=0)
    waits = _waits(ticket, entry, is_machine=is_machine)
    if waits and timing.waits_since is None:
        return replace(timing, waits_since=now)
    if not waits and timing.waits_since is not None:
        return replace(timing, waits_since=None, pauses=(*timing.pauses, Pause(timing.waits_since, now)))
    return timing


def _waits(ticket: Ticket, entry: Activity, *, is_machine: bool) -> bool:
    """Tells whether we wait for the customer: a form is out, or the last word of an open chat was ours."""
    if ticket.status is TicketStatus.CLOSED:
        return False
    if ticket.contact_state is RecoveryState.CHAT_UNLOCKED:
        if entry.type is ActivityType.MESSAGE_SENT:
            return True
        was_open = not any(change.field == "contact_state" for change in entry.changes)
        heard = entry.type is ActivityType.MESSAGE_RECEIVED and not is_machine
        return was_open and not heard and ticket.timing.waits_since is not None
    return ticket.contact_state is RecoveryState.AWAITING_CONTACT


def _is_sooner(entry: Activity, ticket: Ticket) -> bool:
    if entry.type in _TURNS:
        return True
    time, watched = ticket.timing.next_time, ticket.timing.watch_time
    return time is not None and (watched is None or time < watched)


# --- what is written when one is over ---------------------------------------------------------------------------------


def fire(snapshot: TicketSnapshot, message_id: UUID, caller: Caller, now: datetime) -> Decision | None:
    """Returns what to write for the first deadline that is over; where none is, None or the timing as it is now.

    Decided from the ticket as it is loaded: a customer who wrote in the same second has moved the deadline.
    """
    settings = snapshot.settings
    ticket = recompute_deadlines(snapshot.ticket, snapshot.live, settings)
    due = next((each for each in upcoming(ticket, snapshot.live, settings) if each.time <= now), None)
    if due is None:
        return refresh_deadlines(snapshot)
    before = replace(snapshot, ticket=ticket)
    match due.kind:
        case DeadlineKind.INACTIVITY_CLOSE | DeadlineKind.GRACE_CLOSE:
            return _closed(before, caller, now)
        case DeadlineKind.INACTIVITY_WARNING:
            return _warned(before, due, message_id, caller, now)
        case DeadlineKind.FORM_REMINDER:
            reached = [at for at in settings.form_reminders if _posted(before) + at <= now]
            timing = replace(ticket.timing, reminders=len(reached))
            return _noted(before, timing, ActivityType.FORM_REMINDED, caller, now)
        case DeadlineKind.FIRST_RESPONSE:
            timing = replace(ticket.timing, first_response_missed=True)
            return _noted(before, timing, ActivityType.FIRST_RESPONSE_MISSED, caller, now)
        case DeadlineKind.RESOLUTION:
            timing = replace(ticket.timing, resolution_missed=True)
            return _noted(before, timing, ActivityType.RESOLUTION_MISSED, caller, now)
        case _:
            assert_never(due.kind)


def refresh_deadlines(snapshot: TicketSnapshot) -> Decision | None:
    """Returns the bookkeeping for a workflow that asks: what settings have moved, and until when it will sleep.

    None where that is known already.
    """
    decision = mark_workflow_informed(Decision(recompute_deadlines(snapshot.ticket, snapshot.live, snapshot.settings)))
    ticket = decision.ticket
    if ticket.timing == snapshot.ticket.timing or ticket.status is TicketStatus.CLOSED:
        return None
    return replace(decision, ticket=replace(ticket, revision=ticket.revision + 1))


def _posted(snapshot: TicketSnapshot) -> datetime:
    if snapshot.live is None or snapshot.live.post_time is None:
        raise AssertionError("only of a form that is out is anybody reminded")
    return snapshot.live.post_time


def _noted(snapshot: TicketSnapshot, timing: Timing, kind: ActivityType, caller: Caller, now: datetime) -> Decision:
    after = replace(bump_version(snapshot.ticket, snapshot.live, now), timing=timing)
    live = snapshot.live.id if snapshot.live and kind is ActivityType.FORM_REMINDED else None
    return Decision(after, activity(kind, caller, snapshot.ticket, after, recovery_id=live))


def _warned(snapshot: TicketSnapshot, due: Deadline, message_id: UUID, caller: Caller, now: datetime) -> Decision:
    warned = due.time if now - due.time <= _PROMPT else now
    after = replace(
        bump_version(snapshot.ticket, snapshot.live, now), timing=replace(snapshot.ticket.timing, warn_time=warned)
    )
    is_open = after.contact_state is RecoveryState.CHAT_UNLOCKED
    if not (snapshot.settings.warn_customer and is_open and snapshot.contact is not None):
        return Decision(after, activity(ActivityType.INACTIVITY_WARNED, caller, snapshot.ticket, after))
    said = replace(
        message(after, message_id, MessageKind.AGENT_MESSAGE, caller, snapshot.settings.closing_notice),
        contact_id=snapshot.contact.id,
    )
    entry = activity(ActivityType.INACTIVITY_WARNED, caller, snapshot.ticket, after, message_id=said.id)
    delivery = new_delivery(said, snapshot.contact, snapshot.settings)
    return Decision(after, entry, messages=(said,), new_deliveries=(delivery,))


def _closed(snapshot: TicketSnapshot, caller: Caller, now: datetime) -> Decision:
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
    entry = activity(ActivityType.AUTO_CLOSED, caller, snapshot.ticket, after, recovery=moved)
    return Decision(after, entry, recovery=ended, wakes=(ended.id,) if ended else ())
