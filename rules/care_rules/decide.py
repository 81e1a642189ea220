"""`decide` returns what to write for an agent's command, or raises a refusal. It is pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from care_rules import addresses, commands
from care_rules.callers import Caller
from care_rules.command_refusals import explain_refusal
from care_rules.decision import Decision
from care_rules.entities.agent import Agent
from care_rules.entities.ticket import Ticket
from care_rules.lifecycle import RecoveryState
from care_rules.message_commands import add_note, send_message
from care_rules.permissions import (
    Command,
    Relation,
    Situation,
    refusal_reason,
)
from care_rules.recovery_commands import add_contact, reject_contact, send_form, withdraw_form
from care_rules.snapshot import TicketSnapshot
from care_rules.ticket_commands import assign, change_status, release, take, update


def decide(
    snapshot: TicketSnapshot,
    command: commands.AgentCommand,
    caller: Caller,
    now: datetime,
    request_id: UUID | None = None,
) -> Decision | None:
    """Returns what to write for `command`; None if the command succeeds without a change.

    Raises Refusal if a field is invalid, or if the command is not open to `caller`.
    """
    if isinstance(command, commands.AddContact):
        # An invalid number must be refused before any rule is checked. The number is normalized only here, because the
        # default region comes with the snapshot.
        phone = addresses.normalize_phone(command.phone, snapshot.phone_region)
        command = replace(command, phone=phone)
    check_allowed(snapshot, command.command, caller)
    return _DECIDERS[type(command)](snapshot, command, caller, now, request_id)


def check_allowed(snapshot: TicketSnapshot, command: Command, caller: Caller) -> None:
    """Refuses `command` if it is not open to `caller`."""
    state = snapshot.target_recovery.state if snapshot.target_recovery else snapshot.ticket.contact_state
    situation = situation_of(snapshot.ticket, state, caller, snapshot.agent)
    reason = refusal_reason(command, situation)
    if reason is not None:
        raise explain_refusal(reason, command, snapshot, caller, situation)


def situation_of(ticket: Ticket, state: RecoveryState, caller: Caller, agent: Agent | None) -> Situation:
    """Returns the facts that decide which commands are open to `caller`.

    `state` is the state of the command's recovery, or the ticket's contact state. `agent` is the assignee after the
    command: the caller, or the agent that AssignTicket names.
    """
    if ticket.assignee is None:
        relation = Relation.UNASSIGNED
    else:
        relation = Relation.MINE if caller.is_agent and ticket.assignee == caller.id else Relation.OTHERS
    return Situation(
        status=ticket.status,
        recovery_state=state,
        relation=relation,
        roles=caller.roles,
        has_review=ticket.review_id is not None,
        # The current assignee can keep the ticket, even without `can_be_assignee`.
        can_be_assignee=agent is not None and (agent.can_be_assignee or agent.id == ticket.assignee),
    )


# Each function takes the command class that is its key.
_DECIDERS: Final[dict[type, Callable[[TicketSnapshot, Any, Caller, datetime, UUID | None], Decision | None]]] = {
    commands.TakeTicket: take,
    commands.AssignTicket: assign,
    commands.ReleaseTicket: release,
    commands.UpdateTicket: update,
    commands.StartTicket: change_status,
    commands.ResolveTicket: change_status,
    commands.CloseTicket: change_status,
    commands.ReopenTicket: change_status,
    commands.SendRecoveryForm: send_form,
    commands.WithdrawRecoveryForm: withdraw_form,
    commands.AddContact: add_contact,
    commands.RejectContact: reject_contact,
    commands.AddNote: add_note,
    commands.SendMessage: send_message,
}
