"""Which commands are open in which situation.

Both `decide` and `Ticket.actions` use these functions, so they always agree.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from care_rules.callers import Role
from care_rules.lifecycle import FORM_LIVE, RECOVERY, STATUS, Party, RecoveryState, TicketStatus, Trigger
from care_rules.refusals import Reason


class Command(StrEnum):
    """The commands on a ticket, named like their methods."""

    TAKE = "TakeTicket"
    ASSIGN = "AssignTicket"
    RELEASE = "ReleaseTicket"
    UPDATE = "UpdateTicket"
    START = "StartTicket"
    RESOLVE = "ResolveTicket"
    CLOSE = "CloseTicket"
    REOPEN = "ReopenTicket"
    SEND_FORM = "SendRecoveryForm"
    WITHDRAW_FORM = "WithdrawRecoveryForm"
    ADD_CONTACT = "AddContact"
    REJECT_CONTACT = "RejectContact"
    SEND_MESSAGE = "SendMessage"
    ADD_NOTE = "AddNote"


TRIGGERS: Final[dict[Command, Trigger]] = {
    Command.START: Trigger.START,
    Command.RESOLVE: Trigger.RESOLVE,
    Command.CLOSE: Trigger.CLOSE,
    Command.REOPEN: Trigger.REOPEN,
    Command.SEND_FORM: Trigger.REQUEST_FORM,
    Command.WITHDRAW_FORM: Trigger.WITHDRAW_FORM,
    Command.ADD_CONTACT: Trigger.ADD_CONTACT,
    Command.REJECT_CONTACT: Trigger.REJECT_CONTACT,
}
"""The commands that fire a trigger. The others change no state."""

STATUS_TRIGGERS: Final = frozenset(rule.trigger for rule in STATUS.rules)


class Relation(StrEnum):
    """Who owns the ticket, from the caller's point of view."""

    MINE = "MINE"
    OTHERS = "OTHERS"
    UNASSIGNED = "UNASSIGNED"


@dataclass(frozen=True, slots=True)
class Situation:
    """The facts that decide which commands are open."""

    status: TicketStatus
    recovery_state: RecoveryState
    """The state of the recovery that the command names, or else of the live recovery. NO_CONTACT if there is none."""
    relation: Relation
    roles: frozenset[Role]
    has_review: bool
    can_be_assignee: bool
    """Whether the new assignee can be one: the caller of TakeTicket, or the agent that AssignTicket names."""


CommandRefusal: TypeAlias = Literal[
    Reason.ROLE_NOT_ALLOWED,
    Reason.TICKET_CLOSED,
    Reason.UNASSIGNED,
    Reason.NOT_ASSIGNEE,
    Reason.ALREADY_ASSIGNED,
    Reason.NOT_ASSIGNABLE,
    Reason.NO_REVIEW,
    Reason.CHAT_LOCKED,
    Reason.FORM_LIVE,
    Reason.ILLEGAL_TRANSITION,
]
"""Why a command is not open. `explain_refusal` has a message for each."""


@lru_cache(maxsize=16_384)
def refusal_reason(command: Command, situation: Situation) -> CommandRefusal | None:
    """Returns why `command` is not open: the reason of the first check that fails. None if it is open."""
    supervisor = Role.SUPERVISOR in situation.roles
    agent = supervisor or Role.AGENT in situation.roles
    service = Role.SERVICE in situation.roles and command in TRIGGERS and Party.SERVICE in _parties(command)
    if not agent and not service:
        return Reason.ROLE_NOT_ALLOWED
    if situation.status is TicketStatus.CLOSED:
        return Reason.TICKET_CLOSED
    free = service or command is Command.TAKE or (command is Command.ASSIGN and supervisor)
    if not free and situation.relation is Relation.UNASSIGNED:
        return Reason.UNASSIGNED
    if not free and situation.relation is Relation.OTHERS:
        return Reason.NOT_ASSIGNEE
    if command is Command.TAKE and situation.relation is Relation.OTHERS:
        return Reason.ALREADY_ASSIGNED
    return _machine_refusal(command, situation) or _other_refusal(command, situation)


@lru_cache(maxsize=4_096)
def actions(situation: Situation) -> tuple[tuple[Command, CommandRefusal | None], ...]:
    """Returns each command with the reason why it is not open; None if it is open.

    For AssignTicket, this function assumes that the new assignee can be an assignee: only the command names that agent.
    """
    to_somebody = replace(situation, can_be_assignee=True)
    return tuple(
        (command, refusal_reason(command, to_somebody if command is Command.ASSIGN else situation))
        for command in Command
    )


def _parties(command: Command) -> frozenset[Party]:
    trigger = TRIGGERS[command]
    return (STATUS if trigger in STATUS_TRIGGERS else RECOVERY).rule(trigger).parties


def _machine_refusal(command: Command, situation: Situation) -> CommandRefusal | None:
    trigger = TRIGGERS.get(command)
    if command is Command.SEND_MESSAGE:
        return None if situation.recovery_state is RecoveryState.CHAT_UNLOCKED else Reason.CHAT_LOCKED
    if trigger is None:
        return None
    if trigger in STATUS_TRIGGERS:
        return None if trigger in STATUS.allowed(situation.status) else Reason.ILLEGAL_TRANSITION
    state = situation.recovery_state
    if trigger in RECOVERY.allowed(state):
        return None
    if command is Command.SEND_FORM and state in FORM_LIVE:
        return Reason.FORM_LIVE
    if command is Command.ADD_CONTACT and Trigger.REPLACE_FORM in RECOVERY.allowed(state):
        return None
    return Reason.ILLEGAL_TRANSITION


def _other_refusal(command: Command, situation: Situation) -> CommandRefusal | None:
    if command is Command.SEND_FORM and not situation.has_review:
        return Reason.NO_REVIEW
    taking = command is Command.TAKE and situation.relation is Relation.UNASSIGNED
    if (taking or command is Command.ASSIGN) and not situation.can_be_assignee:
        return Reason.NOT_ASSIGNABLE
    return None
