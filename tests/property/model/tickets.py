"""The model's tickets, with their recoveries, contacts, log and thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

FORM_LIVE: Final = ("FORM_REQUESTED", "AWAITING_CONTACT")
LIVE: Final = (*FORM_LIVE, "CONTACT_RECEIVED", "CHAT_UNLOCKED")
AWAITED: Final = ("AWAITING_CONTACT", "CHAT_UNLOCKED")
"""States that only reports of the workflow set. The workflow does not sleep before them, so they need no wake."""
HANDED_OUT: Final = ("POSTING", "RETRACTING")
WAS_PUBLIC: Final = ("POSTED", "RETRACTING", "RETRACTED")

MAX_CLAIMS: Final = 5
"""The most claims per form and ticket (docs/decisions/0014)."""

STATUS_COMMANDS: Final = {
    "StartTicket": (("OPEN",), "IN_PROGRESS", "STARTED"),
    "ResolveTicket": (("OPEN", "IN_PROGRESS"), "RESOLVED", "RESOLVED"),
    "CloseTicket": (("OPEN", "IN_PROGRESS", "RESOLVED"), "CLOSED", "CLOSED"),
    "ReopenTicket": (("RESOLVED",), "IN_PROGRESS", "REOPENED"),
}
"""The status machine: by method, the source states, the target state and the activity type."""


@dataclass(eq=False)  # the objects refer to each other
class Contact:
    """A contact, and the recovery whose form or command added it."""

    email: str
    message: str
    recovery: Recovery
    id: str = ""
    verified: bool = False


@dataclass(eq=False)  # the objects refer to each other
class Recovery:
    """A recovery, with the state of the recovery machine."""

    ticket: Ticket
    kind: str
    state: str
    creator: str
    create_time: datetime
    expire_time: datetime | None = None
    contact: Contact | None = None
    end_time: datetime | None = None
    post_time: datetime | None = None
    reply_state: str = "NONE"
    """The known state of the reply: NONE, POSTING, RETRACTING, POSTED, NOT_PUBLIC, MAYBE or RETRACTED."""
    attempt: int = 0
    """The attempt whose reports are accepted; 0 for none."""
    grant_times: list[datetime] = field(default_factory=list)
    """The times at which the worker got an attempt to write to the site."""
    retract_refused: bool = False
    unlocked: bool = False
    """Whether the chat was unlocked and its link sent."""
    wakes: int = 1
    """The least number of outbox rows: one for the creation, and one for each change to a state that is not AWAITED."""
    name: str = ""

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def has_chat(self) -> bool:
        return self.unlocked and self.state != "REJECTED"


@dataclass(frozen=True)
class LogEntry:
    """An activity of the log."""

    type: str
    actor_kind: str
    actor: str
    request_id: str
    recovery: Recovery | None
    time: datetime


@dataclass(frozen=True)
class ThreadMessage:
    """A message of the thread."""

    kind: str
    author: str
    text: str
    recovery: Recovery | None = None
    contact: Contact | None = None
    """The contact that the message was sent to or came from."""


@dataclass(eq=False)  # the objects refer to each other
class Ticket:
    """A ticket, with the state of the status machine, and its recoveries, contacts, log and thread."""

    review: int
    subject: str
    reporter: str
    assignee: str
    create_time: datetime
    status: str = "OPEN"
    close_reason: str = "UNSPECIFIED"
    resolve_time: datetime | None = None
    close_time: datetime | None = None
    follow_up_of: Ticket | None = None
    follow_up: Ticket | None = None
    recoveries: list[Recovery] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    log: list[LogEntry] = field(default_factory=list)
    thread: list[ThreadMessage] = field(default_factory=list)
    name: str = ""

    @property
    def live(self) -> Recovery | None:
        return next((recovery for recovery in self.recoveries if recovery.live), None)

    @property
    def contact_state(self) -> str:
        return self.live.state if self.live else "NO_CONTACT"

    @property
    def etag(self) -> str:
        return str(len(self.log))


def has_contact_of(ticket: Ticket, recovery: Recovery) -> bool:
    """Returns whether the ticket's live contact has the same email address as the recovery's contact."""
    one, other = ticket.live.contact if ticket.live else None, recovery.contact
    return one is not None and other is not None and one.email == other.email


def is_claim(ticket: Ticket, recovery: Recovery, email: str, message: str) -> bool:
    """Returns whether a further submission is kept as a claim: it is new, and there are fewer than `MAX_CLAIMS`."""
    live = ticket.live
    in_use = [each for each in (recovery.contact, live.contact if live else None) if each is not None]
    added = [each for each in ticket.contacts if each.recovery is recovery]
    known = [each for each in ticket.contacts if any(each is one for one in (*in_use, *added))]
    claims = [each for each in added if not any(each is one for one in in_use)]
    return (email, message) not in {(each.email, each.message) for each in known} and len(claims) < MAX_CLAIMS
