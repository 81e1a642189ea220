"""What every cell of the matrix must answer: DESIGN section 3 in tables written by hand.

A cell is a command, sent by a caller, to a ticket in a status and with a recovery in a state. The tables say what comes
of it when nothing earlier in the order of refusals stands in the way; `expect` is that order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.support.design_tables import ENDED_STATES, LIVE_STATES, machine_keys

# --- the axes ---------------------------------------------------------------------------------------------------------

STATUSES: Final = ("OPEN", "IN_PROGRESS", "RESOLVED", "CLOSED")
SITUATIONS: Final = ("NO_CONTACT", *LIVE_STATES, *ENDED_STATES, "ENDED_BY_CLOSE,unanswered")
"""The state of the recovery that the commands name; NO_CONTACT: the ticket never had one. A close ends both recoveries
whose chat is open and forms that nobody has answered."""

UNREACHABLE: Final[dict[tuple[str, str], str]] = {
    **{("CLOSED", state): "ticket_closed ends a live recovery in the close's own commit" for state in LIVE_STATES},
    **{
        (status, situation): "only a close ends it so, and nothing leaves CLOSED"
        for status in STATUSES
        for situation in SITUATIONS
        if status != "CLOSED" and situation.startswith("ENDED_BY_CLOSE")
    },
}
"""Pairs that no ticket can be in, each with the rule that keeps it out."""


@dataclass(frozen=True)
class Caller:
    """Who calls, and whose ticket it is."""

    roles: tuple[str, ...]
    """As in the token; none without a token."""
    owner: str | None
    """Whose ticket: alice's, sue's (the supervisor's) or nobody's."""
    owns: bool = False
    stranger: bool = False
    """Of another organization."""
    barred: bool = False
    """Whether the toggle *can be assignee* is off."""

    @property
    def supervises(self) -> bool:
        return "supervisor" in self.roles


_AGENT: Final = ("agent",)
_SUPERVISOR: Final = ("agent", "supervisor")

CALLERS: Final[dict[str, Caller]] = {
    "assignee": Caller(_AGENT, "alice", owns=True),
    "another agent": Caller(_AGENT, "alice"),
    "supervisor": Caller(_SUPERVISOR, "alice"),
    "service": Caller(("service",), "alice"),
    "worker": Caller(("worker",), "alice"),
    "customer": Caller((), "alice"),
    "another organization's agent": Caller(_AGENT, "alice", stranger=True),
    "another organization's supervisor": Caller(_SUPERVISOR, "alice", stranger=True),
    "another organization's service": Caller(("service",), "alice", stranger=True),
    "another organization's worker": Caller(("worker",), "alice", stranger=True),
    "supervisor who owns it": Caller(_SUPERVISOR, "sue", owns=True),
    "agent, nobody's ticket": Caller(_AGENT, None),
    "barred agent, nobody's ticket": Caller(_AGENT, None, barred=True),
    "supervisor, nobody's ticket": Caller(_SUPERVISOR, None),
    "service, nobody's ticket": Caller(("service",), None),
}

# --- who may call at all ----------------------------------------------------------------------------------------------

_TEAM: Final = frozenset({"agent", "supervisor"})
_TEAM_AND_SERVICES: Final = _TEAM | {"service"}
_WORKER: Final = frozenset({"worker"})
_ANYBODY: Final[frozenset[str]] = frozenset()

ROLES: Final[dict[str, frozenset[str]]] = {
    "TakeTicket": _TEAM,
    "AssignTicket": _TEAM,
    "ReleaseTicket": _TEAM,
    "UpdateTicket": _TEAM,
    "StartTicket": _TEAM,
    "ResolveTicket": _TEAM,
    "CloseTicket": _TEAM,
    "ReopenTicket": _TEAM,
    "BatchAssignTickets": _TEAM,
    "BatchResolveTickets": _TEAM,
    "BatchCloseTickets": _TEAM,
    "CreateTicket": _TEAM_AND_SERVICES,
    "SendRecoveryForm": _TEAM,
    "WithdrawRecoveryForm": _TEAM,
    "AddContact": _TEAM_AND_SERVICES,
    "RejectContact": _TEAM,
    "AddNote": _TEAM,
    "SendMessage": _TEAM,
    "SubmitContact": _ANYBODY,
    "PostMessage": _ANYBODY,
    "IngestMessage": frozenset({"service"}),
    "BeginPosting": _WORKER,
    "RecordPosted": _WORKER,
    "RecordRefused": _WORKER,
    "RecordRetracted": _WORKER,
    "UnlockChat": _WORKER,
    "GetNextDeadline": _WORKER,
    "FireDeadline": _WORKER,
    "ExpireForm": _WORKER,
    "BeginDelivery": _WORKER,
    "RecordDelivered": _WORKER,
    "RecordFailed": _WORKER,
}
"""Every method that writes to a ticket, and its callers; of the public one the link is checked, not the caller."""

NOT_ON_A_TICKET: Final = frozenset(
    {
        # Reading.
        *("GetTicket", "ListTickets", "CountTickets", "ListActivities", "WatchTickets"),
        *("GetRecovery", "ListRecoveries", "ListContacts", "ListMessages", "ListUnmatchedMessages"),
        # The first of these marks the contact as verified, which the world has done (test_chats).
        *("GetChat", "WatchChat"),
        *("GetContactForm", "CheckRecovery", "GetLifecycle"),
        *("GetReview", "ListReviews"),
        *("GetOrganization", "ListLocations", "GetLocation", "ListAgents", "GetAgent"),
        # Writing something else. An edit of a review is noted on its ticket by a service, whatever the ticket's state
        # is, unless it is CLOSED (test_review_edits).
        *("IngestReview", "BatchIngestReviews", "UpdateOrganization", "UpdateLocation", "UpdateAgent"),
    }
)
"""The other methods: none of them changes a ticket."""

COMMANDS: Final = (
    "UpdateTicket",
    "UpdateTicket to what it is",
    "AddNote",
    "TakeTicket",
    "AssignTicket to the assignee",
    "AssignTicket to a barred agent",
    "AssignTicket to a stranger",
    "AssignTicket",
    "BatchAssignTickets",
    "ReleaseTicket",
    "StartTicket",
    "ResolveTicket",
    "BatchResolveTickets",
    "CloseTicket",
    "BatchCloseTickets",
    "ReopenTicket",
    "CreateTicket for its review",
    "SendRecoveryForm",
    "WithdrawRecoveryForm",
    "AddContact",
    "AddContact by claim",
    "RejectContact",
    "BeginPosting POST",
    "BeginPosting READ",
    "BeginPosting RETRACT",
    "RecordPosted of another attempt",
    "RecordRefused of another attempt",
    "RecordRetracted of another attempt",
    "RecordPosted",
    "RecordRefused",
    "RecordRetracted",
    "UnlockChat",
    "GetNextDeadline",
    "FireDeadline",
    "SendMessage",
    "PostMessage",
    "IngestMessage",
    "IngestMessage by a machine",
    "BeginDelivery SEND",
    "BeginDelivery CHECK",
    "RecordDelivered of another attempt",
    "RecordFailed of another attempt",
    "RecordDelivered",
    "RecordFailed",
    "SubmitContact",
    "ExpireForm too early",
    "ExpireForm in time",
)
"""A method's name, and where it can be sent in more than one way, how."""


def method(command: str) -> str:
    """The method that a command calls."""
    return command.partition(" ")[0]


def recovery_state(situation: str) -> str:
    """The state of the recovery in a situation."""
    return situation.partition(",")[0]


# --- whose ticket -----------------------------------------------------------------------------------------------------


def _table(text: str) -> dict[str, dict[str, str]]:
    """Reads columns separated by spaces: by row, then by column."""
    head, *rows = (line.split() for line in text.strip().splitlines())
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


# `yes`: nothing of ownership stands in the way. `nothing`: a success that changes nothing.
_OWNERSHIP: Final = _table(
    """
    command            own             agent,other's     agent,nobody's  supervisor,other's  supervisor,nobody's
    TakeTicket         nothing         ALREADY_ASSIGNED  yes             ALREADY_ASSIGNED    yes
    AssignTicket       yes             NOT_ASSIGNEE      UNASSIGNED      yes                 yes
    (every-other)      yes             NOT_ASSIGNEE      UNASSIGNED      NOT_ASSIGNEE        UNASSIGNED
    """
)

# --- machine 1 --------------------------------------------------------------------------------------------------------

# A status: what the ticket has afterwards. ILLEGAL: ILLEGAL_TRANSITION.
_STATUS: Final = _table(
    """
    command        OPEN         IN_PROGRESS  RESOLVED
    StartTicket    IN_PROGRESS  ILLEGAL      ILLEGAL
    ResolveTicket  RESOLVED     RESOLVED     ILLEGAL
    CloseTicket    CLOSED       CLOSED       CLOSED
    ReopenTicket   ILLEGAL      ILLEGAL      IN_PROGRESS
    """
)
_STATUS_TRIGGERS: Final = {
    "StartTicket": "start",
    "ResolveTicket": "resolve",
    "CloseTicket": "close",
    "ReopenTicket": "reopen",
}

# --- machine 2 --------------------------------------------------------------------------------------------------------

# A state: that of the recovery that the command moves or makes. `claimed`: kept beside the first contact.
# A REPLACED recovery's successor is CONTACT_RECEIVED, so that a contact is known; of the others that ended, none is.
_RECOVERY: Final = _table(
    """
    state             SendRecoveryForm  AddContact        WithdrawRecoveryForm  RejectContact  SubmitContact
    NO_CONTACT        FORM_REQUESTED    CONTACT_RECEIVED  ILLEGAL               ILLEGAL        LINK_UNKNOWN
    FORM_REQUESTED    FORM_LIVE         CONTACT_RECEIVED  WITHDRAWN             ILLEGAL        CONTACT_RECEIVED
    AWAITING_CONTACT  FORM_LIVE         CONTACT_RECEIVED  WITHDRAWN             ILLEGAL        CONTACT_RECEIVED
    CONTACT_RECEIVED  ILLEGAL           ILLEGAL           ILLEGAL               REJECTED       claimed
    CHAT_UNLOCKED     ILLEGAL           ILLEGAL           ILLEGAL               REJECTED       claimed
    REFUSED           FORM_REQUESTED    CONTACT_RECEIVED  ILLEGAL               ILLEGAL        LINK_WITHDRAWN
    WITHDRAWN         FORM_REQUESTED    CONTACT_RECEIVED  ILLEGAL               ILLEGAL        LINK_WITHDRAWN
    EXPIRED           FORM_REQUESTED    CONTACT_RECEIVED  ILLEGAL               ILLEGAL        LINK_EXPIRED
    REJECTED          FORM_REQUESTED    CONTACT_RECEIVED  ILLEGAL               ILLEGAL        claimed
    REPLACED          ILLEGAL           ILLEGAL           ILLEGAL               ILLEGAL        LINK_WITHDRAWN
    """
)
_RECOVERY_TRIGGERS: Final = {
    "SendRecoveryForm": "request_form",
    "AddContact": "add_contact",
    "WithdrawRecoveryForm": "withdraw_form",
    "RejectContact": "reject_contact",
}

# After the close, the links that it ended, and those whose contact had been rejected, raise a follow-up.
_SUBMIT_AFTER_CLOSE: Final = {
    "NO_CONTACT": "LINK_UNKNOWN",
    "REFUSED": "LINK_WITHDRAWN",
    "WITHDRAWN": "LINK_WITHDRAWN",
    "EXPIRED": "LINK_EXPIRED",
    "REJECTED": "follow-up",
    "REPLACED": "LINK_WITHDRAWN",
    "ENDED_BY_CLOSE": "follow-up",
}

# --- the chat ---------------------------------------------------------------------------------------------------------

# A contact has a chat from the unlock on, until it is rejected.
_WITH_CHAT: Final = frozenset({"CHAT_UNLOCKED", "ENDED_BY_CLOSE"})

# The greeting is QUEUED when a chat opens; a rejected contact's is FAILED. Bookkeeping goes on after a close.
_DELIVERY: Final = {
    "BeginDelivery SEND": "hidden",
    "BeginDelivery CHECK": "-",
    "RecordDelivered": "DELIVERY_SENT",
    "RecordFailed": "DELIVERY_FAILED",
}

# --- the worker's reports ---------------------------------------------------------------------------------------------

# Whatever the status: workflow bookkeeping is still recorded on a CLOSED ticket. The attempt is the one that the
# recovery wants in its state: POST, READ or RETRACT; where it wants none, the last one, whose report comes late.
# `hidden`: a success that nobody sees. `logged`: an activity, no move. `-`: nothing. Otherwise the state afterwards.
_WORKER_TABLE: Final = _table(
    """
    state             POST    READ    RETRACT  RecordPosted      RecordRefused  RecordRetracted  UnlockChat  ExpireForm
    FORM_REQUESTED    hidden  -       -        AWAITING_CONTACT  REFUSED        -                -              EXPIRED
    AWAITING_CONTACT  -       hidden  -        hidden            REFUSED        -                -              EXPIRED
    CONTACT_RECEIVED  -       -       -        -                 -              -                CHAT_UNLOCKED  -
    CHAT_UNLOCKED     -       -       -        -                 -              -                -              -
    REFUSED           -       -       -        -                 -              -                -              -
    WITHDRAWN         -       -       hidden   -                 logged         logged           -              -
    EXPIRED           -       -       hidden   -                 logged         logged           -              -
    REJECTED          -       -       hidden   -                 logged         logged           -              -
    REPLACED          -       -       hidden   -                 logged         logged           -              -
    ENDED_BY_CLOSE    -       -       hidden   -                 logged         logged           -              -
    """
)
_WORKER_COLUMNS: Final = {
    "BeginPosting POST": "POST",
    "BeginPosting READ": "READ",
    "BeginPosting RETRACT": "RETRACT",
}

# --- the log ----------------------------------------------------------------------------------------------------------

_ACTIVITIES: Final = {
    "UpdateTicket": "UPDATED",
    "AddNote": "NOTE_ADDED",
    "SendMessage": "MESSAGE_SENT",
    "TakeTicket": "TAKEN",
    "ReleaseTicket": "RELEASED",
    "StartTicket": "STARTED",
    "ResolveTicket": "RESOLVED",
    "CloseTicket": "CLOSED",
    "ReopenTicket": "REOPENED",
    "SendRecoveryForm": "FORM_REQUESTED",
    "WithdrawRecoveryForm": "FORM_WITHDRAWN",
    "AddContact": "CONTACT_ADDED",
    "RejectContact": "CONTACT_REJECTED",
    "RecordPosted": "FORM_POSTED",
    "RecordRefused": "FORM_REFUSED",
    "RecordRetracted": "REPLY_RETRACTED",
    "UnlockChat": "CHAT_UNLOCKED",
    "ExpireForm": "FORM_EXPIRED",
}

# --- a cell's answer --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Refused:
    """Nothing changes. `keys` are the metadata beside the names of this ticket and organization, see `names`."""

    reason: str
    keys: tuple[tuple[str, str], ...] = ()
    names: tuple[str, ...] = ()
    """Metadata keys whose value is the ticket's own: its name, its assignee, its live recovery, what was asked for…"""


@dataclass(frozen=True)
class Done:
    """A success: one activity, and these values afterwards; None where it stays."""

    activity: str
    status: str | None = None
    contact_state: str | None = None
    named: str | None = None
    """The state of the recovery that the situation is about."""
    assignee: str | None = None
    """An agent's id, or empty for nobody."""


@dataclass(frozen=True)
class Nothing:
    """A success that changes nothing at all."""


@dataclass(frozen=True)
class Hidden:
    """A success that shows nowhere: what was handed out or read is remembered."""


@dataclass(frozen=True)
class Raised:
    """A success that raises another ticket; on this one nothing changes, but its link if it is `followed`."""

    followed: bool


@dataclass(frozen=True)
class Unmatched:
    """A success that changes nothing of the ticket: what came in found no open chat."""


@dataclass(frozen=True)
class Remembered:
    """A success that nobody sees: until when the ticket's workflow sleeps is remembered."""


Expected = Refused | Done | Nothing | Hidden | Raised | Unmatched | Remembered


def expect(status: str, situation: str, command: str, caller: Caller) -> Expected:
    """What must come of a cell: the order of refusals of DESIGN section 3, as far as these requests can fail."""
    name = method(command)
    roles = ROLES[name]
    if roles != _ANYBODY:
        if not caller.roles:
            return Refused("TOKEN_MISSING")
        if not roles & set(caller.roles):
            lists = (("roles", ",".join(caller.roles)), ("allowed", ",".join(sorted(roles))))
            return Refused("ROLE_NOT_ALLOWED", lists, ("method",))
        if caller.stranger:
            return Refused("RESOURCE_NOT_FOUND", names=("resource",))
    if missing(situation, command):
        return Refused("RESOURCE_NOT_FOUND", names=("resource",))
    if command in _DELIVERY or name in _DELIVERY:
        return _delivery(situation, command)
    if roles == _WORKER:
        return _report(situation, command)
    if name == "SubmitContact":
        return _submit(status, situation)
    if name == "PostMessage":
        return _write(status, situation, automatic=False) or Refused("LINK_UNKNOWN")
    if name == "IngestMessage":
        return _write(status, situation, automatic=command.endswith("machine")) or Unmatched()
    if name == "CreateTicket":
        return Raised(followed=False) if status == "CLOSED" else Refused("TICKET_EXISTS", names=("ticket", "review"))
    if status == "CLOSED":
        return _refused("TICKET_CLOSED", "status", status)
    single = name.removeprefix("Batch").removesuffix("s") if name.startswith("Batch") else name
    return _owned(single, command, caller) or _moved(status, situation, single, command, caller)


def action(status: str, situation: str, command: str, caller: Caller) -> str:
    """The reason that `Ticket.actions` must give for a command; UNSPECIFIED where it is open to the caller.

    It is about the live recovery; a ticket whose recovery has ended is like one that never had one. AssignTicket is
    open as long as somebody could be assigned.
    """
    if not ROLES[command] & set(caller.roles):
        return "ROLE_NOT_ALLOWED"
    if status == "CLOSED":
        return "TICKET_CLOSED"
    expected = _owned(command, command, caller) or _moved(
        status, contact_state(status, situation), command, command, caller
    )
    return expected.reason if isinstance(expected, Refused) else "UNSPECIFIED"


def missing(situation: str, command: str) -> bool:
    """Whether a command names something that does not exist: a recovery, a claim or an agent."""
    if command == "AddContact by claim":
        return situation not in {"CONTACT_RECEIVED", "CHAT_UNLOCKED", "REJECTED", "REPLACED", "ENDED_BY_CLOSE"}
    if command == "AssignTicket to a stranger":
        return True
    if method(command) in {"BeginDelivery", "RecordDelivered", "RecordFailed"}:
        return situation not in _WITH_CHAT | {"REJECTED"}
    if command in {"GetNextDeadline", "FireDeadline"}:
        return False
    names_one = method(command) in {"WithdrawRecoveryForm", "RejectContact"} or ROLES[method(command)] == _WORKER
    return situation == "NO_CONTACT" and names_one


def contact_state(status: str, situation: str) -> str:
    """The ticket's contact state in a situation."""
    if status != "CLOSED" and situation == "REPLACED":
        return "CONTACT_RECEIVED"
    return situation if situation in LIVE_STATES else "NO_CONTACT"


def _refused(reason: str, machine: str, state: str, trigger: str = "", names: tuple[str, ...] = ()) -> Refused:
    keys = machine_keys(machine, state) | ({"trigger": trigger} if trigger else {})
    return Refused(reason, tuple(keys.items()), ("ticket", *names))


def _owned(name: str, command: str, caller: Caller) -> Expected | None:
    if "service" in caller.roles:
        return None
    whose = "own" if caller.owns else "nobody's" if caller.owner is None else "other's"
    kind = "supervisor" if caller.supervises else "agent"
    row = _OWNERSHIP.get(name, _OWNERSHIP["(every-other)"])
    match row["own" if caller.owns else f"{kind},{whose}"]:
        case "nothing":
            return Nothing()
        case "yes":
            pass
        case "UNASSIGNED":
            return Refused("UNASSIGNED", names=("ticket",))
        case reason:
            return Refused(reason, names=("ticket", "assignee"))
    if (name == "TakeTicket" and caller.barred) or command == "AssignTicket to a barred agent":
        return Refused("NOT_ASSIGNABLE", names=("ticket", "agent"))
    return None


def _moved(status: str, situation: str, name: str, command: str, caller: Caller) -> Expected:
    if command in {"UpdateTicket to what it is", "AssignTicket to the assignee"}:
        return Nothing()
    if name == "AssignTicket":
        return Done("ASSIGNED" if caller.owns else "ASSIGNED_BY_OVERRIDE", assignee="bob")
    activity = _ACTIVITIES[name]
    if name == "SendMessage" and situation != "CHAT_UNLOCKED":
        return _refused("CHAT_LOCKED", "recovery", contact_state(status, situation))
    if name == "TakeTicket":
        return Done(activity, assignee="sue" if caller.supervises else "bob")
    if name == "ReleaseTicket":
        return Done(activity, assignee="")
    if name in _STATUS:
        after = _STATUS[name][status]
        if after == "ILLEGAL":
            return _refused("ILLEGAL_TRANSITION", "status", status, _STATUS_TRIGGERS[name])
        if after != "CLOSED":
            return Done(activity, status=after)
        ended = "ENDED_BY_CLOSE" if situation in LIVE_STATES else None
        return Done(activity, status=after, contact_state="NO_CONTACT", named=ended)
    if name not in _RECOVERY_TRIGGERS:
        return Done(activity)
    after = _RECOVERY[situation][name]
    names_one = name in {"WithdrawRecoveryForm", "RejectContact"}
    state = situation if names_one else contact_state(status, situation)
    if after == "ILLEGAL":
        return _refused("ILLEGAL_TRANSITION", "recovery", state, _RECOVERY_TRIGGERS[name])
    if after == "FORM_LIVE":
        return _refused("FORM_LIVE", "recovery", state, names=("recovery",))
    if names_one:
        return Done(activity, contact_state="NO_CONTACT", named=after)
    replaced = name == "AddContact" and situation in {"FORM_REQUESTED", "AWAITING_CONTACT"}
    return Done(activity, contact_state=after, named="REPLACED" if replaced else None)


def _submit(status: str, situation: str) -> Expected:
    after = (
        _SUBMIT_AFTER_CLOSE[recovery_state(situation)] if status == "CLOSED" else _RECOVERY[situation]["SubmitContact"]
    )
    if after == "follow-up":
        return Raised(followed=True)
    if after == "claimed":
        return Done("CONTACT_CLAIMED")
    if after != "CONTACT_RECEIVED":
        return Refused(after)
    reopened = "IN_PROGRESS" if status == "RESOLVED" else None
    return Done("CONTACT_SUBMITTED", status=reopened, contact_state=after, named=after)


def _write(status: str, situation: str, *, automatic: bool) -> Expected | None:
    """What comes of a customer's message; None where no chat is theirs."""
    if situation not in _WITH_CHAT:
        return None
    if status == "CLOSED":
        return Unmatched() if automatic else Raised(followed=True)
    reopened = "IN_PROGRESS" if status == "RESOLVED" and not automatic else None
    return Done("MESSAGE_RECEIVED", status=reopened)


def _delivery(situation: str, command: str) -> Expected:
    after = "-" if situation == "REJECTED" or command.endswith("of another attempt") else _DELIVERY[command]
    match after:
        case "-":
            return Nothing()
        case "hidden":
            return Hidden()
        case _:
            return Done(after)


def _report(situation: str, command: str) -> Expected:
    if command in {"GetNextDeadline", "FireDeadline"}:
        return Remembered()  # no deadline is over: everything here happens within minutes
    if command.endswith("of another attempt") or command == "ExpireForm too early":
        return Nothing()
    name = method(command)
    after = _WORKER_TABLE[recovery_state(situation)][_WORKER_COLUMNS.get(command, name)]
    match after:
        case "-":
            return Nothing()
        case "hidden":
            return Hidden()
        case "logged":
            return Done("RETRACTION_REFUSED" if name == "RecordRefused" else _ACTIVITIES[name])
        case _:
            contact = after if after in LIVE_STATES else "NO_CONTACT"
            return Done(_ACTIVITIES[name], contact_state=contact, named=after)
