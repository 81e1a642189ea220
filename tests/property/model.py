"""A model of the rules in DESIGN section 3, as small as possible. The property test compares the service with it.

It is plain Python, written from the design alone, and shares no code and no table with the service. A ticket is a value
in memory, and a request is an `Action`. `Model.accept` checks whether an outcome follows the rules, and applies it to
the model. The rules leave some values open: ids, and when the worker gets a step. The model takes these from the
outcome and checks that they are allowed.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

FORM_LIVE: Final = ("FORM_REQUESTED", "AWAITING_CONTACT")
LIVE: Final = (*FORM_LIVE, "CONTACT_RECEIVED", "CHAT_UNLOCKED")
HANDED_OUT: Final = ("POSTING", "RETRACTING")
WAS_PUBLIC: Final = ("POSTED", "RETRACTING", "RETRACTED")

FORM_LIFETIME: Final = timedelta(days=30)
ANSWERS_KEPT: Final = timedelta(hours=24)
SETTLE: Final = timedelta(minutes=1)
"""How long after it was given to the worker a reply may still appear (the default of CARE_SETTLE_TIME)."""
GREETING: Final = "Thank you for getting in touch. You can write to us privately here: {chat_link}"
"""The first message of a chat. Organizations can set another one."""
MAX_CLAIMS: Final = 5
"""The most claims per form and ticket (docs/decisions/0014)."""

AGENTS: Final = ("alice", "bob", "dora", "sue")
SUPERVISOR: Final = "sue"
SERVICE: Final = "intake"
WORKER: Final = "worker"
CUSTOMER: Final = "customer"

ASSIGNEE_ALONE: Final = (
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
BY_CHAT: Final = ("GetChat", "PostMessage")
BY_LINK: Final = ("SubmitContact", *BY_CHAT)
ON_TICKETS: Final = ("TakeTicket", "AssignTicket", *ASSIGNEE_ALONE)
REPORTS: Final = ("RecordPosted", "RecordRefused", "RecordRetracted", "UnlockChat", "ExpireForm")

_STATUS: Final = {
    "StartTicket": (("OPEN",), "IN_PROGRESS", "STARTED"),
    "ResolveTicket": (("OPEN", "IN_PROGRESS"), "RESOLVED", "RESOLVED"),
    "CloseTicket": (("OPEN", "IN_PROGRESS", "RESOLVED"), "CLOSED", "CLOSED"),
    "ReopenTicket": (("RESOLVED",), "IN_PROGRESS", "REOPENED"),
}
"""Machine 1: by method, the source states, the target state and the activity type."""


@dataclass(frozen=True)
class Action:
    """A request. It refers to tickets and recoveries by their index, so that it is valid in a copy of the model."""

    method: str
    caller: str
    ticket: int = -1
    recovery: int = -1
    """The index in the ticket's recoveries, oldest first."""
    text: str = ""
    """The text of a note or a message, a subject, an email address, an assignee, a step, or the id of a claim."""
    attempt: int = 0
    etag: str = ""
    request_id: str = ""
    review: int = -1
    in_capitals: bool = field(default=False, compare=False)
    """Whether the request id is sent in capitals: it is the same id, and the same action."""

    @property
    def sent_id(self) -> str:
        """The request id as it is sent."""
        return self.request_id.upper() if self.in_capitals else self.request_id

    @property
    def link(self) -> tuple[str, int, int]:
        """The link that a customer uses. A recovery has one for its form and one for its chat."""
        return ("chat" if self.method in BY_CHAT else "form", self.ticket, self.recovery)

    @property
    def key(self) -> tuple[str, str, tuple[str, int, int]]:
        """The key of the kept response: caller, request id and, for customers, the link."""
        return (self.caller, self.request_id, self.link if self.caller == CUSTOMER else ("", -1, -1))

    def __str__(self) -> str:
        values = {
            "ticket": self.ticket if self.ticket >= 0 else "",
            "recovery": self.recovery if self.recovery >= 0 else "",
            "review": self.review if self.review >= 0 else "",
            "text": self.text,
            "attempt": self.attempt or "",
            "etag": self.etag,
            "request_id": self.request_id[:4],
        }
        words = ", ".join(f"{name} {value}" for name, value in values.items() if value != "")
        return f"{self.method} by {self.caller} ({words})"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a request: a reason, or a response."""

    reason: str = ""
    """The reason of the refusal; empty for a success."""
    response: bytes = b""
    """The serialized response."""
    ticket: ShownTicket | None = None
    """The ticket in the response."""
    recovery: str = ""
    """The name of the recovery in the response."""
    grant: int = 0
    """The attempt in BeginPosting's grant; 0 for none."""
    chat: tuple[str, ...] | None = None
    """The messages of the opened chat, without the greeting."""


@dataclass(frozen=True)
class ShownTicket:
    """A ticket in a response. It has the service's resource names, which `Model` learns."""

    name: str
    status: str
    contact_state: str
    close_reason: str
    assignee: str
    reporter: str
    subject: str
    recovery: str
    email: str
    etag: str
    follow_up_of: str
    follow_up: str
    create_time: datetime
    update_time: datetime
    resolve_time: datetime | None
    close_time: datetime | None


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
    """A recovery (machine 2)."""

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
    """When the worker was allowed to write to the site."""
    retract_refused: bool = False
    unlocked: bool = False
    """Whether the chat was unlocked and its link sent."""
    moves: int = 1
    """The number of commits that changed its state. Each must have written an outbox row."""
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
    """The contact that it was sent to or came from."""


@dataclass(eq=False)  # the objects refer to each other
class Ticket:
    """A ticket (machine 1) with its recoveries, contacts, log and thread."""

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


@dataclass
class KeptResponse:
    """The response that a repeated request must get."""

    action: Action
    time: datetime
    response: bytes
    """Empty until a caller has received it."""


class Mismatch(Exception):
    """The service does not do what the rules require."""


class Model:
    """The state of one organization."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.tickets: list[Ticket] = []
        self.reviews: list[str] = []
        self.review_text = ""
        self.attempts: dict[int, int] = {}
        """By review, the last attempt that was granted."""
        self.barred: set[str] = set()
        """The agents who cannot be assignees."""
        self.kept: dict[tuple[str, str, tuple[str, int, int]], KeptResponse] = {}

    def copy(self) -> Model:
        """Returns an independent copy."""
        return copy.deepcopy(self)

    # --- lookups ------------------------------------------------------------------------------------------------------

    def siblings(self, recovery: Recovery) -> Iterator[tuple[bool, Recovery]]:
        """Yields the other recoveries of the same review, each with whether it is newer."""
        newer = False
        recoveries = [
            each for ticket in self.tickets if ticket.review == recovery.ticket.review for each in ticket.recoveries
        ]
        # Recoveries of one review never overlap, because at most one of its tickets is not CLOSED.
        for each in recoveries:
            if each is recovery:
                newer = True
            else:
                yield newer, each

    def open_ticket(self, review: int) -> Ticket | None:
        """Returns the review's ticket that is not CLOSED, or None."""
        return next((each for each in self.tickets if each.review == review and each.status != "CLOSED"), None)

    def recovery(self, action: Action) -> Recovery:
        """Returns the recovery that an action refers to."""
        return self.tickets[action.ticket].recoveries[action.recovery]

    def contact(self, action: Action) -> Contact | None:
        """Returns the contact that AddContact refers to as a claim, or None."""
        return next((each for each in self.tickets[action.ticket].contacts if each.id == action.text), None)

    # --- refusals -----------------------------------------------------------------------------------------------------

    def refusal(self, action: Action) -> str:
        """Returns the reason why an action must be refused, by the order of refusals, or an empty string."""
        role = self.role_refusal(action)
        if role:
            return role
        if action.method in BY_CHAT and not self.recovery(action).has_chat:
            return "LINK_UNKNOWN"
        kept = self._kept(action)
        if kept is not None:
            return "" if kept.action == action else "REQUEST_ID_REUSED"
        if action.caller == WORKER:
            return ""
        if action.method == "SubmitContact":
            return self._link_refusal(self.recovery(action))
        if action.method in BY_CHAT:
            return self._chat_refusal(self.recovery(action), action.text) if action.method == "PostMessage" else ""
        if action.method == "CreateTicket":
            return "TICKET_EXISTS" if self.open_ticket(action.review) else ""
        ticket = self.tickets[action.ticket]
        if action.etag and action.etag != ticket.etag:
            return "ETAG_MISMATCH"
        if ticket.status == "CLOSED":
            return "TICKET_CLOSED"
        return (
            self._owner_refusal(action, ticket)
            or self._machine_refusal(action, ticket)
            or self._other_refusal(action, ticket)
        )

    def form_state(self, recovery: Recovery) -> str:
        """Returns the state that the form's page must show."""
        ended = {"WITHDRAWN": "WITHDRAWN", "REFUSED": "WITHDRAWN", "REPLACED": "REPLACED", "EXPIRED": "EXPIRED"}
        if recovery.state in ended:
            return ended[recovery.state]
        if recovery.expire_time is not None and recovery.expire_time <= self.now:
            return "EXPIRED"
        if recovery.ticket.status == "CLOSED":
            return "CLOSED"
        return "OPEN" if recovery.state in FORM_LIVE else "ANSWERED"

    def role_refusal(self, action: Action) -> str:
        """Returns ROLE_NOT_ALLOWED if the caller's role may not call the method, else an empty string."""
        if action.method in BY_LINK:
            return ""
        if action.method in REPORTS or action.method == "BeginPosting":
            return "" if action.caller == WORKER else "ROLE_NOT_ALLOWED"
        services = action.method in {"AddContact", "CreateTicket"}
        return "" if action.caller in AGENTS or (services and action.caller == SERVICE) else "ROLE_NOT_ALLOWED"

    def _kept(self, action: Action) -> KeptResponse | None:
        kept = self.kept.get(action.key) if action.request_id else None
        return kept if kept is not None and self.now - kept.time < ANSWERS_KEPT else None

    def _link_refusal(self, recovery: Recovery) -> str:
        if recovery.state in {"WITHDRAWN", "REFUSED", "REPLACED"}:
            return "LINK_WITHDRAWN"
        expired = recovery.expire_time is not None and recovery.expire_time <= self.now
        return "LINK_EXPIRED" if recovery.state == "EXPIRED" or expired else ""

    def _chat_refusal(self, recovery: Recovery, text: str) -> str:
        successor = self.open_ticket(recovery.ticket.review) if recovery.ticket.status == "CLOSED" else None
        if successor is None:
            return ""
        if _has_contact_of(successor, recovery):
            return "" if successor.contact_state == "CHAT_UNLOCKED" else "CHAT_LOCKED"
        email = recovery.contact.email if recovery.contact else ""
        is_lost = not self._is_claim(successor, recovery, email, text) and text not in {
            each.message for each in successor.contacts
        }
        return "CHAT_LOCKED" if is_lost else ""

    @staticmethod
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

    def _machine_refusal(self, action: Action, ticket: Ticket) -> str:
        illegal = "ILLEGAL_TRANSITION"
        if action.method in _STATUS:
            return "" if ticket.status in _STATUS[action.method][0] else illegal
        match action.method:
            case "SendRecoveryForm":
                if ticket.contact_state in FORM_LIVE:
                    return "FORM_LIVE"
                return "" if ticket.live is None else illegal
            case "AddContact":
                return "" if ticket.live is None or ticket.contact_state in FORM_LIVE else illegal
            case "WithdrawRecoveryForm":
                return "" if self.recovery(action).state in FORM_LIVE else illegal
            case "RejectContact":
                return "" if self.recovery(action).state in {"CONTACT_RECEIVED", "CHAT_UNLOCKED"} else illegal
            case "SendMessage":
                return "" if ticket.contact_state == "CHAT_UNLOCKED" else "CHAT_LOCKED"
            case _:
                return ""

    def _other_refusal(self, action: Action, ticket: Ticket) -> str:
        owner = {"TakeTicket": action.caller, "AssignTicket": action.text}.get(action.method, ticket.assignee)
        return "NOT_ASSIGNABLE" if owner in self.barred and owner != ticket.assignee else ""

    # --- effects ------------------------------------------------------------------------------------------------------

    def accept(self, action: Action, outcome: Outcome) -> None:
        """Applies an action. Raises Mismatch if its outcome does not follow the rules."""
        refusal = self.refusal(action)
        if outcome.reason != refusal:
            raise Mismatch(f"{action}: {outcome.reason or 'a success'}, not {refusal or 'a success'}")
        if refusal:
            return
        kept = self._kept(action)
        if kept is not None:
            if kept.response and outcome.response != kept.response:
                raise Mismatch(f"{action}: the repeated request has another response")
            kept.response = outcome.response
            return
        changed = self._do(action, outcome)
        if changed and action.request_id:
            self.kept[action.key] = KeptResponse(action, self.now, outcome.response)
        if outcome.ticket is not None:
            ticket = self.tickets[action.ticket if action.ticket >= 0 else -1]
            self.check_ticket(ticket, outcome.ticket, str(action))

    def _do(self, action: Action, outcome: Outcome) -> bool:
        """Applies an accepted action. Returns whether its response is kept for repeats."""
        match action.method:
            case "CreateTicket":
                self._create(action, outcome)
                return True
            case "SubmitContact":
                return self._submit(action)
            case "GetChat":
                self._open_chat(action, outcome)
                return False
            case "PostMessage":
                return self._post(action)
            case "BeginPosting":
                self._begin(action, outcome.grant)
                return False
            case method if method in REPORTS:
                self._report(action)
                return False
            case _:
                return self._command(action, outcome)

    def _log(self, ticket: Ticket, kind: str, action: Action, recovery: Recovery | None = None) -> None:
        caller = action.caller
        actor_kind = {SERVICE: "SERVICE", WORKER: "WORKFLOW", CUSTOMER: "CUSTOMER"}.get(caller, "AGENT")
        actor = "" if caller in {WORKER, CUSTOMER} else caller
        ticket.log.append(LogEntry(kind, actor_kind, actor, action.request_id, recovery, self.now))

    def _move(self, recovery: Recovery, state: str) -> None:
        recovery.state, recovery.moves = state, recovery.moves + 1
        recovery.end_time = None if state in LIVE else self.now

    def _create(self, action: Action, outcome: Outcome) -> None:
        reporter = action.caller if action.caller in AGENTS else ""
        ticket = Ticket(action.review, action.text, reporter, "", self.now)
        ticket.name = outcome.ticket.name if outcome.ticket else ""
        self._add_ticket(ticket, action, None)

    def _add_ticket(self, ticket: Ticket, action: Action, contact: tuple[str, str] | None) -> None:
        self.tickets.append(ticket)
        recovery = self._direct(ticket, "", contact) if contact else None
        ticket.thread.append(ThreadMessage("REVIEW", "", self.review_text))
        self._log(ticket, "CREATED", action, recovery)

    def _direct(self, ticket: Ticket, creator: str, contact: tuple[str, str]) -> Recovery:
        recovery = Recovery(ticket, "DIRECT", "CONTACT_RECEIVED", creator, self.now)
        recovery.contact = Contact(*contact, recovery)
        ticket.contacts.append(recovery.contact)
        ticket.recoveries.append(recovery)
        return recovery

    def _command(self, action: Action, outcome: Outcome) -> bool:
        ticket, caller = self.tickets[action.ticket], action.caller
        if action.method in _STATUS:
            _, status, kind = _STATUS[action.method]
            self._status(ticket, status, kind, action)
            return True
        match action.method:
            case "TakeTicket" | "AssignTicket":
                owner = caller if action.method == "TakeTicket" else action.text
                if ticket.assignee == owner:
                    return False
                own = ticket.assignee == caller
                kind = "TAKEN" if action.method == "TakeTicket" else "ASSIGNED" if own else "ASSIGNED_BY_OVERRIDE"
                ticket.assignee = owner
                self._log(ticket, kind, action)
            case "ReleaseTicket":
                ticket.assignee = ""
                self._log(ticket, "RELEASED", action)
            case "UpdateTicket":
                if ticket.subject == action.text:
                    return False
                ticket.subject = action.text
                self._log(ticket, "UPDATED", action)
            case "AddNote":
                ticket.thread.append(ThreadMessage("NOTE", caller, action.text))
                self._log(ticket, "NOTE_ADDED", action)
            case "SendMessage":
                contact = ticket.live.contact if ticket.live else None
                ticket.thread.append(ThreadMessage("AGENT_MESSAGE", caller, action.text, contact=contact))
                self._log(ticket, "MESSAGE_SENT", action)
            case _:
                self._recovery_command(ticket, action, outcome)
        return True

    def _recovery_command(self, ticket: Ticket, action: Action, outcome: Outcome) -> None:
        caller = action.caller
        match action.method:
            case "SendRecoveryForm":
                expires = self.now + FORM_LIFETIME
                recovery = Recovery(ticket, "FORM", "FORM_REQUESTED", caller, self.now, expires, name=outcome.recovery)
                ticket.recoveries.append(recovery)
                ticket.thread.append(ThreadMessage("REVIEW_REPLY", caller, action.text, recovery))
                ticket.thread.append(ThreadMessage("RECOVERY_FORM", caller, "", recovery))
                self._log(ticket, "FORM_REQUESTED", action, recovery)
            case "AddContact":
                claim = self.contact(action)
                contact = (claim.email, claim.message) if claim else (action.text, "")
                if ticket.live is not None:
                    self._move(ticket.live, "REPLACED")
                recovery = self._direct(ticket, caller if caller in AGENTS else "", contact)
                recovery.name = outcome.recovery
                self._log(ticket, "CONTACT_ADDED", action, recovery)
            case "WithdrawRecoveryForm":
                self._move(self.recovery(action), "WITHDRAWN")
                self._log(ticket, "FORM_WITHDRAWN", action, self.recovery(action))
            case "RejectContact":
                self._move(self.recovery(action), "REJECTED")
                self._log(ticket, "CONTACT_REJECTED", action, self.recovery(action))
            case method:
                raise ValueError(method)

    def _status(self, ticket: Ticket, status: str, kind: str, action: Action) -> None:
        ended = None
        if status == "CLOSED":
            ticket.close_reason, ticket.close_time, ended = "MANUAL", self.now, ticket.live
            if ended is not None:
                self._move(ended, "ENDED_BY_CLOSE")
        else:
            ticket.resolve_time = self.now if status == "RESOLVED" else None
        ticket.status = status
        self._log(ticket, kind, action, ended)

    # --- the customer -------------------------------------------------------------------------------------------------

    def _submit(self, action: Action) -> bool:
        recovery = self.recovery(action)
        ticket = recovery.ticket
        email, _, message = action.text.partition("|")
        if ticket.status == "CLOSED":
            successor = self.open_ticket(ticket.review)
            if successor is not None:
                return self._claim(successor, recovery, email, message, action)
            self._follow_up(ticket, email, message, action)
            return True
        if recovery.state not in FORM_LIVE:
            return self._claim(ticket, recovery, email, message, action)
        recovery.contact = Contact(email, message, recovery)
        ticket.contacts.append(recovery.contact)
        self._move(recovery, "CONTACT_RECEIVED")
        if ticket.status == "RESOLVED":
            ticket.status, ticket.resolve_time = "IN_PROGRESS", None
        self._log(ticket, "CONTACT_SUBMITTED", action, recovery)
        return True

    @staticmethod
    def _is_claim(ticket: Ticket, recovery: Recovery, email: str, message: str) -> bool:
        """Returns whether a further submission is kept as a claim: it is new, and there are not too many."""
        live = ticket.live
        in_use = [each for each in (recovery.contact, live.contact if live else None) if each is not None]
        added = [each for each in ticket.contacts if each.recovery is recovery]
        known = [each for each in ticket.contacts if any(each is one for one in (*in_use, *added))]
        claims = [each for each in added if not any(each is one for one in in_use)]
        return (email, message) not in {(each.email, each.message) for each in known} and len(claims) < MAX_CLAIMS

    def _claim(self, ticket: Ticket, recovery: Recovery, email: str, message: str, action: Action) -> bool:
        if not self._is_claim(ticket, recovery, email, message):
            return False
        ticket.contacts.append(Contact(email, message, recovery))
        self._log(ticket, "CONTACT_CLAIMED", action, recovery if recovery.ticket is ticket else None)
        return True

    def _open_chat(self, action: Action, outcome: Outcome) -> None:
        """Reads the chat. The first time, this verifies the contact."""
        recovery = self.recovery(action)
        ticket, contact = recovery.ticket, recovery.contact
        said = tuple(each.text for each in ticket.thread if each.contact is contact and each.recovery is None)
        if outcome.chat is not None and outcome.chat != said:
            raise Mismatch(f"{action}: the chat shows {outcome.chat}, not {said}")
        if contact is not None and not contact.verified and ticket.status != "CLOSED":
            contact.verified = True
            self._log(ticket, "CONTACT_VERIFIED", action, recovery)

    def _post(self, action: Action) -> bool:
        recovery = self.recovery(action)
        ticket = recovery.ticket
        if recovery.contact is None:
            raise AssertionError("a chat must have a contact")
        if ticket.status == "CLOSED":
            successor = self.open_ticket(ticket.review)
            if successor is None:
                self._follow_up(ticket, recovery.contact.email, "", action, recovery.contact)
                return True
            if not _has_contact_of(successor, recovery):
                return self._claim(successor, recovery, recovery.contact.email, action.text, action)
            ticket = successor
        if ticket.status == "RESOLVED":
            ticket.status, ticket.resolve_time = "IN_PROGRESS", None
        contact = ticket.live.contact if ticket.live else None
        ticket.thread.append(ThreadMessage("CUSTOMER_MESSAGE", "", action.text, contact=contact))
        self._log(ticket, "MESSAGE_RECEIVED", action)
        return True

    def _follow_up(
        self, ticket: Ticket, email: str, message: str, action: Action, writer: Contact | None = None
    ) -> None:
        while ticket.follow_up is not None:
            ticket = ticket.follow_up
        assignee = "" if ticket.assignee in self.barred else ticket.assignee
        ticket.follow_up = Ticket(ticket.review, ticket.subject, "", assignee, self.now, follow_up_of=ticket)
        self._add_ticket(ticket.follow_up, action, (email, message))
        if writer is not None:
            contact = ticket.follow_up.contacts[0]
            contact.verified = writer.verified
            ticket.follow_up.thread.append(ThreadMessage("CUSTOMER_MESSAGE", "", action.text, contact=contact))

    # --- the worker ---------------------------------------------------------------------------------------------------

    def _begin(self, action: Action, grant: int) -> None:
        recovery, step, now = self.recovery(action), action.text, self.now
        review = recovery.ticket.review
        siblings = list(self.siblings(recovery))
        before = [each for newer, each in siblings if not newer]
        after = {each.reply_state for newer, each in siblings if newer}
        settled = all(each.reply_state not in {*HANDED_OUT, "MAYBE"} and _settled(each, now) for each in before)
        expired = recovery.expire_time is not None and recovery.expire_time <= now
        if not grant:
            wanted = recovery.state == "FORM_REQUESTED" and not expired and settled
            if step == "POST" and wanted:
                raise Mismatch(f"{action}: no other recovery is posting, but it was not granted")
            public = recovery.reply_state == "POSTED" and not recovery.live and recovery.state != "REFUSED"
            alone = (
                not after & {"POSTING", "MAYBE", *WAS_PUBLIC}
                and _settled(recovery, now)
                and not recovery.retract_refused
            )
            if step == "RETRACT" and public and alone:
                raise Mismatch(f"{action}: the link is public and no longer valid, but its removal was not granted")
            return
        if grant <= self.attempts.get(review, 0):
            raise Mismatch(f"{action}: attempt {grant} is not new")
        allowed = {
            "POST": recovery.state == "FORM_REQUESTED"
            and not expired
            and not any(e.reply_state in HANDED_OUT for e in before),
            "READ": recovery.reply_state in {"POSTING", "MAYBE"} or recovery.state == "AWAITING_CONTACT",
            "RETRACT": not recovery.live
            and recovery.reply_state in {"POSTED", "RETRACTING"}
            and not after & {"POSTING", *WAS_PUBLIC},
        }
        if not allowed[step]:
            raise Mismatch(f"{action}: granted, although it is {recovery.state}, {recovery.reply_state}")
        self.attempts[review], recovery.attempt = grant, grant
        if step != "READ":
            recovery.reply_state = "POSTING" if step == "POST" else "RETRACTING"
            recovery.grant_times.append(now)
        elif recovery.reply_state == "MAYBE":
            recovery.reply_state = "POSTING"

    def _report(self, action: Action) -> None:
        recovery = self.recovery(action)
        ticket = recovery.ticket
        if action.method.startswith("Record") and (not recovery.attempt or action.attempt != recovery.attempt):
            return
        match action.method:
            case "RecordPosted":
                self._posted(recovery, action)
            case "RecordRefused":
                self._refused(recovery, action)
            case "RecordRetracted" if recovery.reply_state == "RETRACTING":
                recovery.attempt, recovery.reply_state = 0, "RETRACTED"
                self._log(ticket, "REPLY_RETRACTED", action, recovery)
            case "UnlockChat" if recovery.state == "CONTACT_RECEIVED":
                self._move(recovery, "CHAT_UNLOCKED")
                recovery.unlocked = True
                ticket.thread.append(ThreadMessage("AGENT_MESSAGE", "", GREETING, recovery, recovery.contact))
                self._log(ticket, "CHAT_UNLOCKED", action, recovery)
            case "ExpireForm" if recovery.state in FORM_LIVE and recovery.expire_time:
                if recovery.expire_time <= self.now:
                    self._move(recovery, "EXPIRED")
                    self._log(ticket, "FORM_EXPIRED", action, recovery)
            case _:
                pass

    def _posted(self, recovery: Recovery, action: Action) -> None:
        if recovery.reply_state == "POSTED" and recovery.state == "AWAITING_CONTACT":
            recovery.attempt = 0
        elif recovery.reply_state == "POSTING":
            recovery.attempt, recovery.reply_state, recovery.post_time = 0, "POSTED", self.now
            if recovery.state == "FORM_REQUESTED":
                self._move(recovery, "AWAITING_CONTACT")
            self._log(recovery.ticket, "FORM_POSTED", action, recovery)

    def _refused(self, recovery: Recovery, action: Action) -> None:
        if recovery.reply_state == "RETRACTING":
            recovery.attempt, recovery.reply_state, recovery.retract_refused = 0, "POSTED", True
            self._log(recovery.ticket, "RETRACTION_REFUSED", action, recovery)
            return
        moderated = recovery.reply_state == "POSTED" and recovery.state == "AWAITING_CONTACT"
        if recovery.reply_state != "POSTING" and not moderated:
            return
        recovery.attempt = 0
        if recovery.state not in FORM_LIVE:
            recovery.reply_state = "NOT_PUBLIC"
            return
        if not moderated:
            # An earlier write may still appear. Then the site must be read again.
            recovery.reply_state = "MAYBE" if len(recovery.grant_times) > 1 else "NOT_PUBLIC"
        self._move(recovery, "REFUSED")
        self._log(recovery.ticket, "FORM_REFUSED", action, recovery)

    # --- comparison ---------------------------------------------------------------------------------------------------

    def bind(self, recovery: Recovery, name: str) -> str:
        """Returns the name of a recovery. If it is unknown, sets it to `name`, unless another has that name."""
        taken = {each.name for ticket in self.tickets for each in ticket.recoveries}
        if not recovery.name and name not in taken:
            recovery.name = name
        return recovery.name

    def check_ticket(self, ticket: Ticket, shown: ShownTicket, where: str) -> None:
        """Raises Mismatch if a shown ticket differs from the model's ticket."""
        live = ticket.live
        expected = ShownTicket(
            name=ticket.name,
            status=ticket.status,
            contact_state=ticket.contact_state,
            close_reason=ticket.close_reason,
            assignee=ticket.assignee,
            reporter=ticket.reporter,
            subject=ticket.subject,
            recovery=self.bind(live, shown.recovery) if live else "",
            email=live.contact.email if live and live.contact else "",
            etag=ticket.etag,
            follow_up_of=ticket.follow_up_of.name if ticket.follow_up_of else "",
            follow_up=ticket.follow_up.name if ticket.follow_up else "",
            create_time=ticket.create_time,
            update_time=ticket.log[-1].time,
            resolve_time=ticket.resolve_time,
            close_time=ticket.close_time,
        )
        if expected != shown:
            differences = [
                f"{name} is {getattr(shown, name)!r}, not {value!r}"
                for name, value in vars(expected).items()
                if getattr(shown, name) != value
            ]
            raise Mismatch(f"{where}: {'; '.join(differences)}")


def _has_contact_of(ticket: Ticket, recovery: Recovery) -> bool:
    """Returns whether the ticket's live contact has the same email address as the recovery's contact."""
    one, other = ticket.live.contact if ticket.live else None, recovery.contact
    return one is not None and other is not None and one.email == other.email


def _settled(recovery: Recovery, now: datetime) -> bool:
    return all(time + SETTLE <= now for time in recovery.grant_times)
