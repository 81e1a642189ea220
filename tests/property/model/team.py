"""The effects of the commands of agents and services."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from tests.property.model.actions import AGENTS, Action, Outcome
from tests.property.model.state import Model
from tests.property.model.tickets import STATUS_COMMANDS, Recovery, ThreadMessage, Ticket

FORM_LIFETIME: Final = timedelta(days=30)
"""How long a form accepts submissions after it was sent."""


def execute_command(model: Model, action: Action, outcome: Outcome) -> bool:
    """Applies a command of an agent or a service. Returns whether it changed the ticket."""
    ticket, caller = model.tickets[action.ticket], action.caller
    if action.method in STATUS_COMMANDS:
        _, status, kind = STATUS_COMMANDS[action.method]
        _change_status(model, ticket, status, kind, action)
        return True
    match action.method:
        case "TakeTicket" | "AssignTicket":
            owner = caller if action.method == "TakeTicket" else action.text
            if ticket.assignee == owner:
                return False
            own = ticket.assignee == caller
            kind = "TAKEN" if action.method == "TakeTicket" else "ASSIGNED" if own else "ASSIGNED_BY_OVERRIDE"
            ticket.assignee = owner
            model.log(ticket, kind, action)
        case "ReleaseTicket":
            ticket.assignee = ""
            model.log(ticket, "RELEASED", action)
        case "UpdateTicket":
            if ticket.subject == action.text:
                return False
            ticket.subject = action.text
            model.log(ticket, "UPDATED", action)
        case "AddNote":
            ticket.thread.append(ThreadMessage("NOTE", caller, action.text))
            model.log(ticket, "NOTE_ADDED", action)
        case "SendMessage":
            contact = ticket.live.contact if ticket.live else None
            ticket.thread.append(ThreadMessage("AGENT_MESSAGE", caller, action.text, contact=contact))
            model.log(ticket, "MESSAGE_SENT", action)
        case _:
            _execute_recovery_command(model, ticket, action, outcome)
    return True


def _execute_recovery_command(model: Model, ticket: Ticket, action: Action, outcome: Outcome) -> None:
    caller = action.caller
    match action.method:
        case "SendRecoveryForm":
            expires = model.now + FORM_LIFETIME
            recovery = Recovery(ticket, "FORM", "FORM_REQUESTED", caller, model.now, expires, name=outcome.recovery)
            ticket.recoveries.append(recovery)
            ticket.thread.append(ThreadMessage("REVIEW_REPLY", caller, action.text, recovery))
            ticket.thread.append(ThreadMessage("RECOVERY_FORM", caller, "", recovery))
            model.log(ticket, "FORM_REQUESTED", action, recovery)
        case "AddContact":
            claim = model.contact(action)
            contact = (claim.email, claim.message) if claim else (action.text, "")
            if ticket.live is not None:
                model.move(ticket.live, "REPLACED")
            recovery = model.add_direct_recovery(ticket, caller if caller in AGENTS else "", contact)
            recovery.name = outcome.recovery
            model.log(ticket, "CONTACT_ADDED", action, recovery)
        case "WithdrawRecoveryForm":
            model.move(model.recovery(action), "WITHDRAWN")
            model.log(ticket, "FORM_WITHDRAWN", action, model.recovery(action))
        case "RejectContact":
            model.move(model.recovery(action), "REJECTED")
            model.log(ticket, "CONTACT_REJECTED", action, model.recovery(action))
        case method:
            raise ValueError(method)


def _change_status(model: Model, ticket: Ticket, status: str, kind: str, action: Action) -> None:
    ended = None
    if status == "CLOSED":
        ticket.close_reason, ticket.close_time, ended = "MANUAL", model.now, ticket.live
        if ended is not None:
            model.move(ended, "ENDED_BY_CLOSE")
    else:
        ticket.resolve_time = model.now if status == "RESOLVED" else None
    ticket.status = status
    model.log(ticket, kind, action, ended)
