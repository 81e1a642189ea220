"""The axes of the matrix: statuses, situations of a recovery, callers and commands. Also the roles of each method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.support.design_tables import ENDED_STATES, LIVE_STATES

STATUSES: Final = ("OPEN", "IN_PROGRESS", "RESOLVED", "CLOSED")
SITUATIONS: Final = ("NO_CONTACT", *LIVE_STATES, *ENDED_STATES, "ENDED_BY_CLOSE,unanswered")
"""The state of the recovery that the commands name. NO_CONTACT: the ticket never had a recovery. ENDED_BY_CLOSE occurs
twice, because a close ends recoveries with an open chat and forms without an answer."""

UNREACHABLE: Final[dict[tuple[str, str], str]] = {
    **{("CLOSED", state): "ticket_closed ends a live recovery in the close's own commit" for state in LIVE_STATES},
    **{
        (status, situation): "only a close ends a recovery in this way, and nothing leaves CLOSED"
        for status in STATUSES
        for situation in SITUATIONS
        if status != "CLOSED" and situation.startswith("ENDED_BY_CLOSE")
    },
}
"""Pairs of status and situation that no ticket can have, each with the rule that prevents it."""


@dataclass(frozen=True)
class Caller:
    """Who calls, and whose ticket it is."""

    roles: tuple[str, ...]
    """The roles in the token; empty without a token."""
    owner: str | None
    """The assignee of the ticket: alice, sue (the supervisor) or nobody."""
    owns: bool = False
    stranger: bool = False
    """Whether the caller is of another organization."""
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

_TEAM: Final = frozenset({"agent", "supervisor"})
_TEAM_AND_SERVICES: Final = _TEAM | {"service"}
WORKER: Final = frozenset({"worker"})
ANYBODY: Final[frozenset[str]] = frozenset()

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
    "SubmitContact": ANYBODY,
    "PostMessage": ANYBODY,
    "IngestMessage": frozenset({"service"}),
    "BeginPosting": WORKER,
    "RecordPosted": WORKER,
    "RecordRefused": WORKER,
    "RecordRetracted": WORKER,
    "UnlockChat": WORKER,
    "GetNextDeadline": WORKER,
    "FireDeadline": WORKER,
    "ExpireForm": WORKER,
    "BeginDelivery": WORKER,
    "RecordDelivered": WORKER,
    "RecordFailed": WORKER,
}
"""The methods that write to a ticket, with the roles that may call them. Public methods check only the link."""

NOT_ON_A_TICKET: Final = frozenset(
    {
        # Reading.
        *("GetTicket", "ListTickets", "CountTickets", "ListActivities", "WatchTickets"),
        *("GetRecovery", "ListRecoveries", "ListContacts", "ListMessages", "ListUnmatchedMessages"),
        # GetChat marks the contact as verified. `World.place` has done that before (test_chats).
        *("GetChat", "WatchChat"),
        *("GetContactForm", "CheckRecovery", "GetLifecycle"),
        *("GetReview", "ListReviews"),
        *("GetOrganization", "ListLocations", "GetLocation", "ListAgents", "GetAgent"),
        # Writing something else. The edit of a review is noted on its ticket in any state except CLOSED
        # (test_review_edits).
        *("IngestReview", "BatchIngestReviews", "UpdateOrganization", "UpdateLocation", "UpdateAgent"),
    }
)
"""The other methods. They change no ticket."""

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
"""A method, followed by the variant of the request if there are several."""


def method(command: str) -> str:
    """Returns the method that a command calls."""
    return command.partition(" ")[0]


def recovery_state(situation: str) -> str:
    """Returns the state of the recovery in a situation."""
    return situation.partition(",")[0]
