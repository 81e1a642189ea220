"""Decisions on the commands that change a ticket: its assignee, its details and its status."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from care_rules import commands
from care_rules.callers import Caller
from care_rules.decision import Decision, bump_version, move_recovery, move_status, new_activity
from care_rules.entities.activity import ActivityType
from care_rules.lifecycle import RECOVERY, TicketStatus, Trigger
from care_rules.permissions import (
    TRIGGERS,
)
from care_rules.snapshot import TicketSnapshot


def take(
    snapshot: TicketSnapshot, _: commands.TakeTicket, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision | None:
    """Makes the caller the assignee. Returns None if the caller is the assignee already."""
    if snapshot.ticket.assignee == caller.id:
        return None
    after = replace(bump_version(snapshot.ticket, snapshot.live, now), assignee=caller.id)
    return Decision(after, new_activity(ActivityType.TAKEN, caller, snapshot.ticket, after, request_id=request_id))


def assign(
    snapshot: TicketSnapshot, command: commands.AssignTicket, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision | None:
    """Makes the command's agent the assignee. Returns None if that agent is the assignee already."""
    if snapshot.ticket.assignee == command.agent:
        return None
    own = snapshot.ticket.assignee == caller.id
    after = replace(bump_version(snapshot.ticket, snapshot.live, now), assignee=command.agent)
    kind = ActivityType.ASSIGNED if own else ActivityType.ASSIGNED_BY_OVERRIDE
    return Decision(after, new_activity(kind, caller, snapshot.ticket, after, request_id=request_id))


def release(
    snapshot: TicketSnapshot, _: commands.ReleaseTicket, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision:
    """Removes the assignee."""
    after = replace(bump_version(snapshot.ticket, snapshot.live, now), assignee=None)
    return Decision(after, new_activity(ActivityType.RELEASED, caller, snapshot.ticket, after, request_id=request_id))


def update(
    snapshot: TicketSnapshot, command: commands.UpdateTicket, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision | None:
    """Changes the ticket's details. Returns None if every given value is the current one."""
    ticket = snapshot.ticket
    changed = replace(
        ticket,
        subject=ticket.subject if command.subject is None else command.subject,
        description=ticket.description if command.description is None else command.description,
        priority=command.priority or ticket.priority,
        labels=ticket.labels if command.labels is None else command.labels,
        external_reference=(
            ticket.external_reference if command.external_reference is None else command.external_reference
        ),
    )
    if changed == ticket:
        return None
    after = bump_version(changed, snapshot.live, now)
    return Decision(after, new_activity(ActivityType.UPDATED, caller, ticket, after, request_id=request_id))


_STATUS_ACTIVITIES: Final = {
    Trigger.START: ActivityType.STARTED,
    Trigger.RESOLVE: ActivityType.RESOLVED,
    Trigger.CLOSE: ActivityType.CLOSED,
    Trigger.REOPEN: ActivityType.REOPENED,
}


def change_status(
    snapshot: TicketSnapshot, command: commands.AgentCommand, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision:
    """Fires the command's trigger. Closing a ticket ends its live recovery."""
    trigger = TRIGGERS[command.command]
    live, ended, moved = snapshot.live, None, None
    after = move_status(snapshot.ticket, trigger, now)
    if after.status is TicketStatus.CLOSED and live is not None:
        ended = move_recovery(live, RECOVERY.fire(live.state, Trigger.TICKET_CLOSED), now)
        moved = (live.state, ended)
    after = bump_version(after, ended or live, now)
    entry = new_activity(
        _STATUS_ACTIVITIES[trigger], caller, snapshot.ticket, after, recovery=moved, request_id=request_id
    )
    return Decision(after, entry, recovery=ended, wakes=(ended.id,) if ended else ())
