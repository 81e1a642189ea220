"""The actions of the model: requests to the service, and their outcomes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

AGENTS: Final = ("alice", "bob", "dora", "sue")
SUPERVISOR: Final = "sue"
SERVICE: Final = "intake"
WORKER: Final = "worker"
CUSTOMER: Final = "customer"

BY_CHAT: Final = ("GetChat", "PostMessage")
BY_LINK: Final = ("SubmitContact", *BY_CHAT)
REPORTS: Final = ("RecordPosted", "RecordRefused", "RecordRetracted", "UnlockChat", "ExpireForm")


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
        description = ", ".join(f"{name} {value}" for name, value in values.items() if value != "")
        return f"{self.method} by {self.caller} ({description})"


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


class Mismatch(Exception):
    """The service does not do what the rules require."""
