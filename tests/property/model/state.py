"""The state of the model: the tickets of one organization, and what the service remembers about requests."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tests.property.model.actions import CUSTOMER, SERVICE, WORKER, Action, Mismatch, ShownTicket
from tests.property.model.tickets import AWAITED, LIVE, Contact, LogEntry, Recovery, ThreadMessage, Ticket

ANSWERS_KEPT: Final = timedelta(hours=24)
"""How long the service keeps the response of a request with a request id."""


@dataclass
class KeptResponse:
    """The response that a repeated request must get."""

    action: Action
    time: datetime
    response: bytes
    """Empty until a caller has received it."""


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

    def kept_response(self, action: Action) -> KeptResponse | None:
        """Returns the response that an earlier request with the same key left, or None if none is kept."""
        kept = self.kept.get(action.key) if action.request_id else None
        return kept if kept is not None and self.now - kept.time < ANSWERS_KEPT else None

    def log(self, ticket: Ticket, kind: str, action: Action, recovery: Recovery | None = None) -> None:
        """Adds an activity of type `kind` to the ticket's log."""
        caller = action.caller
        actor_kind = {SERVICE: "SERVICE", WORKER: "WORKFLOW", CUSTOMER: "CUSTOMER"}.get(caller, "AGENT")
        actor = "" if caller in {WORKER, CUSTOMER} else caller
        ticket.log.append(LogEntry(kind, actor_kind, actor, action.request_id, recovery, self.now))

    def move(self, recovery: Recovery, state: str) -> None:
        """Changes the state of a recovery, and sets or clears its end time."""
        recovery.state = state
        if state not in AWAITED:
            recovery.wakes += 1
        recovery.end_time = None if state in LIVE else self.now

    def add_ticket(self, ticket: Ticket, action: Action, contact: tuple[str, str] | None) -> None:
        """Adds a ticket, with a direct recovery if there is a contact (email address and message)."""
        self.tickets.append(ticket)
        recovery = self.add_direct_recovery(ticket, "", contact) if contact else None
        ticket.thread.append(ThreadMessage("REVIEW", "", self.review_text))
        self.log(ticket, "CREATED", action, recovery)

    def add_direct_recovery(self, ticket: Ticket, creator: str, contact: tuple[str, str]) -> Recovery:
        """Adds a recovery whose contact (email address and message) is known from the start."""
        recovery = Recovery(ticket, "DIRECT", "CONTACT_RECEIVED", creator, self.now)
        recovery.contact = Contact(*contact, recovery)
        ticket.contacts.append(recovery.contact)
        ticket.recoveries.append(recovery)
        return recovery

    def bind(self, recovery: Recovery, name: str) -> str:
        """Returns the name of a recovery. If it has none, first sets `name`, unless another recovery has that name."""
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
