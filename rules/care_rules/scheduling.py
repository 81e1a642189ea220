"""Scheduling: how each decision changes the deadlines of its ticket.

A store commits a `ScheduledDecision` and nothing else, and only the functions of this module make one. So a commit that
forgets the deadlines is a type error.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from care_rules.business_hours import Pause
from care_rules.deadlines import recompute_deadlines, recompute_timing
from care_rules.decision import Decision, bump_revision
from care_rules.entities.activity import Activity, ActivityType, ActorKind
from care_rules.entities.recovery import Recovery
from care_rules.entities.ticket import Ticket
from care_rules.lifecycle import RecoveryState, TicketStatus
from care_rules.settings import Settings
from care_rules.snapshot import TicketSnapshot, live_after
from care_rules.timing import Timing

_RESTARTS_INACTIVITY: Final = frozenset(
    {ActivityType.FORM_EXPIRED, ActivityType.FORM_REFUSED, ActivityType.DELIVERY_FAILED}
)
"""Events from the workflows that an agent must deal with. They restart the inactivity time."""
_RESPONSES: Final = frozenset({ActivityType.FORM_POSTED, ActivityType.MESSAGE_SENT})
_STARTS_OR_ENDS_WORKFLOW: Final = frozenset({ActivityType.CREATED, ActivityType.CLOSED, ActivityType.AUTO_CLOSED})
"""The activities that start or end the ticket's workflow. Later activities of a CLOSED ticket do not wake it."""


class _Maker:
    """The functions of this module pass the only instance. So no other code creates a ScheduledDecision by accident."""


_MAKER: Final = _Maker()


class ScheduledDecision:
    """A decision whose ticket already has its new deadlines. Stores commit only this type."""

    __slots__ = ("decision",)

    def __init__(self, decision: Decision, maker: _Maker) -> None:
        if maker is not _MAKER:
            raise TypeError("call schedule, schedule_new_ticket or keep_schedule")
        self.decision: Final = decision


def schedule(snapshot: TicketSnapshot, decision: Decision) -> ScheduledDecision:
    """Returns a decision on the ticket of `snapshot`, or on the ticket's follow-up, with the new deadlines.

    A decision without an activity leaves the deadlines as they are.
    """
    if decision.followed_ticket is not None:
        return schedule_new_ticket(snapshot.settings, decision)
    return _schedule(decision, snapshot.settings, live_after(snapshot, decision))


def schedule_new_ticket(settings: Settings, decision: Decision) -> ScheduledDecision:
    """Returns a decision on a new ticket with its first deadlines."""
    return _schedule(decision, settings, decision.new_recovery)


def keep_schedule(decision: Decision) -> ScheduledDecision:
    """Returns a decision that leaves the deadlines as they are. Raises ValueError if it writes an activity."""
    if decision.activity is not None:
        raise ValueError("the decision writes an activity, which may change the deadlines: call schedule instead")
    return ScheduledDecision(decision, _MAKER)


def mark_workflow_informed(scheduled: ScheduledDecision) -> ScheduledDecision:
    """Returns the decision without a wake. The ticket's workflow gets its next deadline in the response instead."""
    return ScheduledDecision(_inform_workflow(scheduled.decision), _MAKER)


def refresh_deadlines(snapshot: TicketSnapshot) -> ScheduledDecision | None:
    """Returns what to write when the ticket's workflow asks for its next deadline; None if nothing has changed.

    A change of the settings may have moved the deadlines. The response says how long the workflow must sleep.
    """
    moved = Decision(recompute_deadlines(snapshot.ticket, snapshot.live, snapshot.settings))
    decision = _inform_workflow(moved)
    ticket = decision.ticket
    if ticket.timing == snapshot.ticket.timing or ticket.status is TicketStatus.CLOSED:
        return None
    return ScheduledDecision(replace(decision, ticket=bump_revision(ticket)), _MAKER)


def _schedule(decision: Decision, settings: Settings, live: Recovery | None) -> ScheduledDecision:
    """Schedules a decision. `live` is the ticket's live recovery after the decision.

    The ticket's workflow is woken when the ticket is created, when it is closed, and when its next deadline is earlier
    than the one that the workflow waits for.
    """
    entry = decision.activity
    if entry is None:
        return keep_schedule(decision)
    # An automatic message is not activity of a person.
    is_automatic = bool(decision.messages) and decision.messages[-1].automatic
    timing = _new_timing(decision.ticket, entry, is_automatic=is_automatic)
    timing = recompute_timing(decision.ticket, timing, live, settings)
    wakes = _needs_wake(entry, timing)
    if wakes:
        # The wake informs the workflow of the deadline. Later commits need not wake it for the same deadline.
        timing = replace(timing, watch_time=timing.next_time)
    ticket = replace(decision.ticket, timing=timing)
    return ScheduledDecision(replace(decision, ticket=ticket, wakes_ticket=wakes), _MAKER)


def _inform_workflow(decision: Decision) -> Decision:
    timing = decision.ticket.timing
    ticket = replace(decision.ticket, timing=replace(timing, watch_time=timing.next_time))
    return replace(decision, ticket=ticket, wakes_ticket=False)


def _new_timing(ticket: Ticket, entry: Activity, *, is_automatic: bool) -> Timing:
    timing, now = ticket.timing, entry.create_time
    changes: dict[str, Any] = {}
    by_person = entry.actor_kind is not ActorKind.WORKFLOW and not is_automatic
    # The failed delivery of a warning must not restart the inactivity time. Otherwise, the warning would be sent again
    # and again.
    is_failed_warning = entry.type is ActivityType.DELIVERY_FAILED and timing.warn_time is not None
    if by_person or (entry.type in _RESTARTS_INACTIVITY and not is_failed_warning):
        changes |= {"active_time": now, "warn_time": None}
    if entry.type in _RESPONSES and timing.first_response_time is None:
        changes["first_response_time"] = now
    if entry.type is ActivityType.FORM_REQUESTED:
        changes["reminders"] = 0
    waits = _waits_for_customer(ticket, entry, is_automatic=is_automatic)
    if waits and timing.waits_since is None:
        changes["waits_since"] = now
    if not waits and timing.waits_since is not None:
        changes |= {"waits_since": None, "pauses": (*timing.pauses, Pause(timing.waits_since, now))}
    return replace(timing, **changes) if changes else timing


def _waits_for_customer(ticket: Ticket, entry: Activity, *, is_automatic: bool) -> bool:
    """Tells whether a form waits for an answer, or the business wrote the last message of an open chat."""
    if ticket.status is TicketStatus.CLOSED:
        return False
    if ticket.contact_state is RecoveryState.CHAT_UNLOCKED:
        if entry.type is ActivityType.MESSAGE_SENT:
            return True
        was_open = not any(change.field == "contact_state" for change in entry.changes)
        customer_wrote = entry.type is ActivityType.MESSAGE_RECEIVED and not is_automatic
        return was_open and not customer_wrote and ticket.timing.waits_since is not None
    return ticket.contact_state is RecoveryState.AWAITING_CONTACT


def _needs_wake(entry: Activity, timing: Timing) -> bool:
    if entry.type in _STARTS_OR_ENDS_WORKFLOW:
        return True
    time, watched = timing.next_time, timing.watch_time
    return time is not None and (watched is None or time < watched)
