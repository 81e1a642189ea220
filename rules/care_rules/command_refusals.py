"""Why a command is not open: the refusal, with its message and metadata."""

from __future__ import annotations

from typing import assert_never

from care_rules import names
from care_rules.callers import Caller
from care_rules.lifecycle import RECOVERY, STATUS, RecoveryState, TicketStatus
from care_rules.permissions import (
    STATUS_TRIGGERS,
    TRIGGERS,
    Command,
    CommandRefusal,
    Situation,
)
from care_rules.refusals import Reason, Refusal
from care_rules.snapshot import TicketSnapshot


def explain_refusal(
    reason: CommandRefusal, command: Command, snapshot: TicketSnapshot, caller: Caller, situation: Situation
) -> Refusal:
    """Returns the refusal for `reason`: its metadata, and a message that says what to do."""
    ticket = snapshot.ticket
    assignee = names.agent(ticket.organization, ticket.assignee) if ticket.assignee else ""
    metadata = {"ticket": ticket.name}
    match reason:
        case Reason.ROLE_NOT_ALLOWED:
            metadata = {"method": command.value, "roles": ",".join(sorted(caller.roles)), "allowed": "agent,supervisor"}
            return Refusal(reason, f"{command} needs the role agent or supervisor.", metadata)
        case Reason.TICKET_CLOSED:
            message = "The ticket is CLOSED. A CLOSED ticket can't be changed or reopened. Create a new ticket instead."
            return Refusal(reason, message, metadata | status_keys(ticket.status))
        case Reason.UNASSIGNED:
            return Refusal(reason, "The ticket has no assignee. Take it first.", metadata)
        case Reason.NOT_ASSIGNEE:
            message = (
                f"The ticket is assigned to {assignee}. "
                "Ask the assignee, or ask a supervisor to assign it to you with AssignTicket."
            )
            return Refusal(reason, message, metadata | {"assignee": assignee})
        case Reason.ALREADY_ASSIGNED:
            message = (
                f"The ticket is already assigned to {assignee}. "
                "Ask the assignee, or ask a supervisor to assign it to you with AssignTicket."
            )
            return Refusal(reason, message, metadata | {"assignee": assignee})
        case Reason.NOT_ASSIGNABLE:
            agent = names.agent(ticket.organization, snapshot.agent.id if snapshot.agent else caller.id)
            message = (
                f"Tickets can't be assigned to {agent}, because its can_be_assignee is false. "
                "Assign the ticket to another agent."
            )
            return Refusal(reason, message, metadata | {"agent": agent})
        case Reason.NO_REVIEW:
            return Refusal(reason, "The ticket has no review to reply to. Use AddContact.", metadata)
        case Reason.CHAT_LOCKED:
            message = "The chat with the customer is not open. It opens once a contact is known."
            return Refusal(reason, message, metadata | recovery_keys(situation.recovery_state))
        case Reason.FORM_LIVE:
            live = snapshot.live.name if snapshot.live else ""
            keys = metadata | recovery_keys(situation.recovery_state) | {"recovery": live}
            message = "A recovery form is already live. Wait for the customer's answer, or withdraw the form."
            return Refusal(reason, message, keys)
        case Reason.ILLEGAL_TRANSITION:
            trigger = TRIGGERS[command]
            on_status = trigger in STATUS_TRIGGERS
            keys = status_keys(situation.status) if on_status else recovery_keys(situation.recovery_state)
            message = f"{command} is not possible in {keys['state']}. Ticket.actions shows which commands are possible."
            return Refusal(reason, message, metadata | keys | {"trigger": trigger.value})
        case _:
            assert_never(reason)


def status_keys(status: TicketStatus) -> dict[str, str]:
    """Returns what an error's metadata says about the status machine: its name, its state and the allowed triggers."""
    return {"machine": STATUS.name, "state": status.value, "allowed": ",".join(STATUS.allowed(status))}


def recovery_keys(state: RecoveryState) -> dict[str, str]:
    """Returns what an error's metadata says about the recovery machine, as `status_keys` does."""
    return {"machine": RECOVERY.name, "state": state.value, "allowed": ",".join(RECOVERY.allowed(state))}
