"""The refusals of the model: the first reason for which the service must refuse an action."""

from __future__ import annotations

from tests.property.model.actions import AGENTS, BY_CHAT, BY_LINK, REPORTS, SERVICE, SUPERVISOR, WORKER, Action
from tests.property.model.state import Model
from tests.property.model.tickets import FORM_LIVE, STATUS_COMMANDS, Recovery, Ticket, has_contact_of, is_claim


def refusal(model: Model, action: Action) -> str:
    """Returns the reason why an action must be refused, or an empty string."""
    role = role_refusal(action)
    if role:
        return role
    if action.method in BY_CHAT and not model.recovery(action).has_chat:
        return "LINK_UNKNOWN"
    kept = model.kept_response(action)
    if kept is not None:
        return "" if kept.action == action else "REQUEST_ID_REUSED"
    if action.caller == WORKER:
        return ""
    if action.method == "SubmitContact":
        return _link_refusal(model, model.recovery(action))
    if action.method in BY_CHAT:
        return _chat_refusal(model, model.recovery(action), action.text) if action.method == "PostMessage" else ""
    if action.method == "CreateTicket":
        return "TICKET_EXISTS" if model.open_ticket(action.review) else ""
    ticket = model.tickets[action.ticket]
    if action.etag and action.etag != ticket.etag:
        return "ETAG_MISMATCH"
    if ticket.status == "CLOSED":
        return "TICKET_CLOSED"
    return (
        _owner_refusal(action, ticket)
        or _machine_refusal(model, action, ticket)
        or _other_refusal(model, action, ticket)
    )


def form_state(model: Model, recovery: Recovery) -> str:
    """Returns the state that the form's page must show."""
    ended = {"WITHDRAWN": "WITHDRAWN", "REFUSED": "WITHDRAWN", "REPLACED": "REPLACED", "EXPIRED": "EXPIRED"}
    if recovery.state in ended:
        return ended[recovery.state]
    if recovery.expire_time is not None and recovery.expire_time <= model.now:
        return "EXPIRED"
    if recovery.ticket.status == "CLOSED":
        return "CLOSED"
    return "OPEN" if recovery.state in FORM_LIVE else "ANSWERED"


def role_refusal(action: Action) -> str:
    """Returns ROLE_NOT_ALLOWED if the caller's role may not call the method, and an empty string otherwise."""
    if action.method in BY_LINK:
        return ""
    if action.method in REPORTS or action.method == "BeginPosting":
        return "" if action.caller == WORKER else "ROLE_NOT_ALLOWED"
    services = action.method in {"AddContact", "CreateTicket"}
    return "" if action.caller in AGENTS or (services and action.caller == SERVICE) else "ROLE_NOT_ALLOWED"


def _link_refusal(model: Model, recovery: Recovery) -> str:
    if recovery.state in {"WITHDRAWN", "REFUSED", "REPLACED"}:
        return "LINK_WITHDRAWN"
    expired = recovery.expire_time is not None and recovery.expire_time <= model.now
    return "LINK_EXPIRED" if recovery.state == "EXPIRED" or expired else ""


def _chat_refusal(model: Model, recovery: Recovery, text: str) -> str:
    successor = model.open_ticket(recovery.ticket.review) if recovery.ticket.status == "CLOSED" else None
    if successor is None:
        return ""
    if has_contact_of(successor, recovery):
        return "" if successor.contact_state == "CHAT_UNLOCKED" else "CHAT_LOCKED"
    email = recovery.contact.email if recovery.contact else ""
    is_lost = not is_claim(successor, recovery, email, text) and text not in {
        each.message for each in successor.contacts
    }
    return "CHAT_LOCKED" if is_lost else ""


def _owner_refusal(action: Action, ticket: Ticket) -> str:
    if action.caller == SERVICE:
        return ""
    if action.method == "TakeTicket":
        return "ALREADY_ASSIGNED" if ticket.assignee not in {"", action.caller} else ""
    if action.method == "AssignTicket" and action.caller == SUPERVISOR:
        return ""
    if not ticket.assignee:
        return "UNASSIGNED"
    return "" if ticket.assignee == action.caller else "NOT_ASSIGNEE"


def _machine_refusal(model: Model, action: Action, ticket: Ticket) -> str:
    illegal = "ILLEGAL_TRANSITION"
    if action.method in STATUS_COMMANDS:
        return "" if ticket.status in STATUS_COMMANDS[action.method][0] else illegal
    match action.method:
        case "SendRecoveryForm":
            if ticket.contact_state in FORM_LIVE:
                return "FORM_LIVE"
            return "" if ticket.live is None else illegal
        case "AddContact":
            return "" if ticket.live is None or ticket.contact_state in FORM_LIVE else illegal
        case "WithdrawRecoveryForm":
            return "" if model.recovery(action).state in FORM_LIVE else illegal
        case "RejectContact":
            return "" if model.recovery(action).state in {"CONTACT_RECEIVED", "CHAT_UNLOCKED"} else illegal
        case "SendMessage":
            return "" if ticket.contact_state == "CHAT_UNLOCKED" else "CHAT_LOCKED"
        case _:
            return ""


def _other_refusal(model: Model, action: Action, ticket: Ticket) -> str:
    owner = {"TakeTicket": action.caller, "AssignTicket": action.text}.get(action.method, ticket.assignee)
    return "NOT_ASSIGNABLE" if owner in model.barred and owner != ticket.assignee else ""
