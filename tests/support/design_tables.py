"""The tables of the design, written by hand. Tests compare the code with them, so they are never read from the code."""

from __future__ import annotations

from typing import Final

import grpc

STATUS: Final[dict[str, tuple[frozenset[str], str]]] = {
    "start": (frozenset({"OPEN"}), "IN_PROGRESS"),
    "resolve": (frozenset({"OPEN", "IN_PROGRESS"}), "RESOLVED"),
    "close": (frozenset({"OPEN", "IN_PROGRESS", "RESOLVED"}), "CLOSED"),
    "reopen": (frozenset({"RESOLVED"}), "IN_PROGRESS"),
    "auto_close": (frozenset({"OPEN", "IN_PROGRESS", "RESOLVED"}), "CLOSED"),
}
"""The status machine: by trigger, the source states and the target state."""

_FORM: Final = frozenset({"FORM_REQUESTED", "AWAITING_CONTACT"})
_KNOWN: Final = frozenset({"CONTACT_RECEIVED", "CHAT_UNLOCKED"})

RECOVERY: Final[dict[str, tuple[frozenset[str], str]]] = {
    "request_form": (frozenset({"NO_CONTACT"}), "FORM_REQUESTED"),
    "add_contact": (frozenset({"NO_CONTACT"}), "CONTACT_RECEIVED"),
    "replace_form": (_FORM, "REPLACED"),
    "record_posted": (frozenset({"FORM_REQUESTED"}), "AWAITING_CONTACT"),
    "record_refused": (_FORM, "REFUSED"),
    "submit_contact": (_FORM, "CONTACT_RECEIVED"),
    "unlock_chat": (frozenset({"CONTACT_RECEIVED"}), "CHAT_UNLOCKED"),
    "withdraw_form": (_FORM, "WITHDRAWN"),
    "expire_form": (_FORM, "EXPIRED"),
    "reject_contact": (_KNOWN, "REJECTED"),
    "ticket_closed": (_FORM | _KNOWN, "ENDED_BY_CLOSE"),
}
"""The recovery machine: by trigger, the source states and the target state. A new recovery comes from NO_CONTACT."""

STATUSES: Final = ("OPEN", "IN_PROGRESS", "RESOLVED", "CLOSED")
LIVE_STATES: Final = ("FORM_REQUESTED", "AWAITING_CONTACT", "CONTACT_RECEIVED", "CHAT_UNLOCKED")
ENDED_STATES: Final = ("REFUSED", "WITHDRAWN", "EXPIRED", "REJECTED", "REPLACED", "ENDED_BY_CLOSE")

STATUS_VERBS: Final = {
    "StartTicket": "start",
    "ResolveTicket": "resolve",
    "CloseTicket": "close",
    "ReopenTicket": "reopen",
}
"""The methods that fire a trigger of the status machine."""

COMMANDS: Final = (
    "TakeTicket",
    "AssignTicket",
    "ReleaseTicket",
    "UpdateTicket",
    "StartTicket",
    "ResolveTicket",
    "CloseTicket",
    "ReopenTicket",
    "SendRecoveryForm",
    "WithdrawRecoveryForm",
    "AddContact",
    "RejectContact",
    "SendMessage",
    "AddNote",
)
"""Every command on a ticket."""


def allowed(table: dict[str, tuple[frozenset[str], str]], state: str) -> str:
    """Returns the triggers that a table has from a state, comma-separated."""
    return ",".join(trigger for trigger, (sources, _) in table.items() if state in sources)


def machine_keys(machine: str, state: str) -> dict[str, str]:
    """Returns the machine keys of an error's metadata."""
    table = STATUS if machine == "status" else RECOVERY
    return {"machine": machine, "state": state, "allowed": allowed(table, state)}


CODES: Final[dict[str, grpc.StatusCode]] = {
    "INVALID_FIELD": grpc.StatusCode.INVALID_ARGUMENT,
    "INVALID_FILTER": grpc.StatusCode.INVALID_ARGUMENT,
    "INVALID_PAGE_TOKEN": grpc.StatusCode.INVALID_ARGUMENT,
    "TOKEN_MISSING": grpc.StatusCode.UNAUTHENTICATED,
    "TOKEN_INVALID": grpc.StatusCode.UNAUTHENTICATED,
    "TOKEN_EXPIRED": grpc.StatusCode.UNAUTHENTICATED,
    "TOKEN_KEYS_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "ROLE_NOT_ALLOWED": grpc.StatusCode.PERMISSION_DENIED,
    "NOT_ASSIGNEE": grpc.StatusCode.PERMISSION_DENIED,
    "NOT_ASSIGNABLE": grpc.StatusCode.PERMISSION_DENIED,
    "REPORTER_NOT_ALLOWED": grpc.StatusCode.PERMISSION_DENIED,
    "RESOURCE_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "LINK_UNKNOWN": grpc.StatusCode.NOT_FOUND,
    "REQUEST_ID_REUSED": grpc.StatusCode.ALREADY_EXISTS,
    "TICKET_EXISTS": grpc.StatusCode.ALREADY_EXISTS,
    "ILLEGAL_TRANSITION": grpc.StatusCode.FAILED_PRECONDITION,
    "UNASSIGNED": grpc.StatusCode.FAILED_PRECONDITION,
    "ALREADY_ASSIGNED": grpc.StatusCode.FAILED_PRECONDITION,
    "TICKET_CLOSED": grpc.StatusCode.FAILED_PRECONDITION,
    "NO_REVIEW": grpc.StatusCode.FAILED_PRECONDITION,
    "CHAT_LOCKED": grpc.StatusCode.FAILED_PRECONDITION,
    "FORM_LIVE": grpc.StatusCode.FAILED_PRECONDITION,
    "LINK_EXPIRED": grpc.StatusCode.FAILED_PRECONDITION,
    "LINK_WITHDRAWN": grpc.StatusCode.FAILED_PRECONDITION,
    "ETAG_MISMATCH": grpc.StatusCode.ABORTED,
    "CONTENDED": grpc.StatusCode.ABORTED,
    "RATE_LIMITED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "DATABASE_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "TIME_LIMIT_EXCEEDED": grpc.StatusCode.DEADLINE_EXCEEDED,
    "OVERLOADED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "DRAINING": grpc.StatusCode.UNAVAILABLE,
}
"""The status code of each reason."""

_PUBLIC: Final = frozenset({"public"})
_AGENTS: Final = frozenset({"agent", "supervisor"})
_READERS: Final = _AGENTS | {"service"}
_DIRECTORS: Final = frozenset({"supervisor", "service"})
_SERVICES: Final = frozenset({"service"})
_WORKERS: Final = frozenset({"worker"})

ACCESS: Final[dict[str, frozenset[str]]] = {
    "TicketService/CreateTicket": _READERS,
    "TicketService/GetTicket": _READERS,
    "TicketService/ListTickets": _READERS,
    "TicketService/CountTickets": _READERS,
    "TicketService/UpdateTicket": _AGENTS,
    "TicketService/TakeTicket": _AGENTS,
    "TicketService/AssignTicket": _AGENTS,
    "TicketService/ReleaseTicket": _AGENTS,
    "TicketService/StartTicket": _AGENTS,
    "TicketService/ResolveTicket": _AGENTS,
    "TicketService/CloseTicket": _AGENTS,
    "TicketService/ReopenTicket": _AGENTS,
    "TicketService/BatchAssignTickets": _AGENTS,
    "TicketService/BatchResolveTickets": _AGENTS,
    "TicketService/BatchCloseTickets": _AGENTS,
    "TicketService/ListActivities": _READERS,
    "TicketService/WatchTickets": _READERS,
    "ConversationService/SendRecoveryForm": _AGENTS,
    "ConversationService/WithdrawRecoveryForm": _AGENTS,
    "ConversationService/AddContact": _READERS,
    "ConversationService/RejectContact": _AGENTS,
    "ConversationService/GetRecovery": _READERS,
    "ConversationService/ListRecoveries": _READERS,
    "ConversationService/ListContacts": _READERS,
    "ConversationService/ListMessages": _READERS,
    "ConversationService/SendMessage": _AGENTS,
    "ConversationService/AddNote": _AGENTS,
    "ConversationService/IngestMessage": _SERVICES,
    "ConversationService/ListUnmatchedMessages": _READERS,
    "CustomerService/GetContactForm": _PUBLIC,
    "CustomerService/SubmitContact": _PUBLIC,
    "CustomerService/GetChat": _PUBLIC,
    "CustomerService/PostMessage": _PUBLIC,
    "CustomerService/WatchChat": _PUBLIC,
    "ReviewService/IngestReview": _SERVICES,
    "ReviewService/BatchIngestReviews": _SERVICES,
    "ReviewService/GetReview": _READERS,
    "ReviewService/ListReviews": _READERS,
    "DirectoryService/GetOrganization": _READERS,
    "DirectoryService/UpdateOrganization": _DIRECTORS,
    "DirectoryService/ListLocations": _READERS,
    "DirectoryService/GetLocation": _READERS,
    "DirectoryService/UpdateLocation": _DIRECTORS,
    "DirectoryService/ListAgents": _READERS,
    "DirectoryService/GetAgent": _READERS,
    "DirectoryService/UpdateAgent": _DIRECTORS,
    "SettingsService/GetSettings": _DIRECTORS,
    "SettingsService/UpdateSettings": _DIRECTORS,
    "SettingsService/ListSettingsRevisions": _DIRECTORS,
    "SettingsService/PreviewReply": _DIRECTORS,
    "WorkerService/CheckRecovery": _WORKERS,
    "WorkerService/BeginPosting": _WORKERS,
    "WorkerService/RecordPosted": _WORKERS,
    "WorkerService/RecordRefused": _WORKERS,
    "WorkerService/RecordRetracted": _WORKERS,
    "WorkerService/UnlockChat": _WORKERS,
    "WorkerService/ExpireForm": _WORKERS,
    "WorkerService/BeginDelivery": _WORKERS,
    "WorkerService/RecordDelivered": _WORKERS,
    "WorkerService/RecordFailed": _WORKERS,
    "WorkerService/GetNextDeadline": _WORKERS,
    "WorkerService/FireDeadline": _WORKERS,
    "LifecycleService/GetLifecycle": _PUBLIC,
}
"""The roles that may call each method."""
