"""What a decision writes: the changes to commit, and the activity that logs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from care_rules import names
from care_rules.callers import Caller
from care_rules.completeness import check_complete
from care_rules.entities.activity import Activity, ActivityType, FieldChange
from care_rules.entities.contact import Contact
from care_rules.entities.delivery import Delivery
from care_rules.entities.inbound import Inbound
from care_rules.entities.message import Message
from care_rules.entities.recovery import Recovery
from care_rules.entities.ticket import CloseReason, Ticket
from care_rules.lifecycle import LIVE, STATUS, RecoveryState, TicketStatus, Trigger


@dataclass(frozen=True, slots=True)
class Decision:
    """What to write, all of it in one commit. Entities are given whole, as they shall be afterwards."""

    ticket: Ticket
    activity: Activity | None = None
    """None only for bookkeeping that nobody can see."""
    recovery: Recovery | None = None
    """An existing recovery, changed."""
    followed_ticket: Ticket | None = None
    """The CLOSED ticket that a new one follows, with its link to that; it gets no activity."""
    new_recovery: Recovery | None = None
    contact: Contact | None = None
    """A new one."""
    changed_contact: Contact | None = None
    """An existing one, changed."""
    messages: tuple[Message, ...] = ()
    new_deliveries: tuple[Delivery, ...] = ()
    """Of those messages that are to be carried to the customer; their workflows are woken."""
    delivery: Delivery | None = None
    """An existing delivery, changed."""
    cancel_deliveries_to: UUID | None = None
    """The contact that is rejected: its queued messages fail, as `delivery.cancel_delivery` says."""
    inbound: Inbound | None = None
    """The message that came in by a channel, to be taken in once."""
    admitted: tuple[Inbound, ...] = ()
    """Those that were kept while the chat was locked, and enter its thread now."""
    wakes: tuple[UUID, ...] = ()
    """The recoveries whose workflow shall look again."""
    report_time: datetime | None = None
    """Of a workflow's own report: its wakes wait for a while, and are taken back by who asks with that time."""
    wakes_ticket: bool = False
    """Whether the ticket's own workflow shall."""
    review_attempt: int | None = None
    """The attempt number that is handed out now; commits only if the review's last one is the number before."""

    @property
    def is_new_ticket(self) -> bool:
        """Whether the ticket does not exist yet."""
        return self.ticket.revision == 1


def move_recovery(recovery: Recovery, state: RecoveryState, now: datetime) -> Recovery:
    """Returns `recovery` in `state`, ended `now` where that is an ended state."""
    return replace(recovery, state=state, end_time=None if state in LIVE else now)


def move_status(ticket: Ticket, trigger: Trigger, now: datetime) -> Ticket:
    """Returns `ticket` after a trigger of machine 1, with the times and the close reason that go with it."""
    status = STATUS.fire(ticket.status, trigger)
    resolve_time = ticket.resolve_time
    if trigger is Trigger.RESOLVE:
        resolve_time = now
    elif trigger is Trigger.REOPEN:
        resolve_time = None
    closed = status is TicketStatus.CLOSED
    return replace(
        ticket,
        status=status,
        resolve_time=resolve_time,
        close_time=now if closed else None,
        close_reason=CloseReason.MANUAL if closed else None,
    )


def bump_version(ticket: Ticket, live: Recovery | None, now: datetime) -> Ticket:
    """Returns `ticket` after a change made `now`, with `live` as its live recovery if that is still live."""
    is_live = live is not None and live.state in LIVE
    return replace(
        ticket,
        version=ticket.version + 1,
        revision=ticket.revision + 1,
        update_time=now,
        recovery_id=live.id if live and is_live else None,
        contact_state=live.state if live and is_live else RecoveryState.NO_CONTACT,
    )


LOGGED: Final[Mapping[str, Callable[[Ticket], str]]] = {
    "assignee": lambda ticket: names.agent(ticket.organization, ticket.assignee) if ticket.assignee else "",
    "close_reason": lambda ticket: ticket.close_reason or "",
    "contact_state": lambda ticket: ticket.contact_state,
    "description": lambda ticket: ticket.description,
    "external_reference": lambda ticket: ticket.external_reference,
    "follow_up_of": lambda ticket: (
        names.ticket(ticket.organization, ticket.follow_up_of) if ticket.follow_up_of else ""
    ),
    "labels": lambda ticket: ",".join(ticket.labels),
    "priority": lambda ticket: ticket.priority,
    "recovery_id": lambda ticket: (
        names.recovery(ticket.organization, ticket.number, ticket.recovery_id) if ticket.recovery_id else ""
    ),
    "status": lambda ticket: ticket.status,
    "subject": lambda ticket: ticket.subject,
}
"""The fields of a ticket whose changes its log shows, each with its value as text. In the order of their names."""

NOT_LOGGED: Final[Mapping[str, str]] = {
    "organization": "never changes",
    "number": "never changes",
    "location": "never changes",
    "review_id": "never changes",
    "reporter": "never changes",
    "create_time": "never changes",
    "version": "the number of the activity",
    "revision": "counts writes, also those that nobody can see",
    "update_time": "the time of the activity",
    "resolve_time": "the time of the activity that changes `status`",
    "close_time": "the time of the activity that changes `status`",
    "follow_up": "stands in the new ticket's log as `follow_up_of`; a CLOSED ticket gets no activity",
    "timing": "bookkeeping of deadlines; each deadline that passes is an activity of its own",
}
"""The other fields of a ticket, each with the reason why its log does not show it."""

check_complete((field.name for field in fields(Ticket)), {**LOGGED, **NOT_LOGGED})

_SHOWN_AS: Final = {"recovery_id": "recovery"}
"""What the log calls a field, where that is the contract's name and another one."""


_TEXTS: Final = frozenset({"description", "subject"})
"""Free text, which may hold anything of a customer. The log outlives it, so it says only that such a field changed."""


def ticket_changes(before: Ticket | None, after: Ticket) -> tuple[FieldChange, ...]:
    """Compares two versions of a ticket by field, in the order of the fields' names. Texts appear without values."""
    compared = ((field, text(before) if before else "", text(after)) for field, text in LOGGED.items())
    return tuple(
        FieldChange(_SHOWN_AS.get(field, field), *(("", "") if field in _TEXTS else (old, new)))
        for field, old, new in compared
        if old != new
    )


def new_activity(
    kind: ActivityType,
    caller: Caller,
    before: Ticket | None,
    after: Ticket,
    *,
    recovery: tuple[RecoveryState, Recovery] | None = None,
    recovery_id: UUID | None = None,
    message_id: UUID | None = None,
    request_id: UUID | None = None,
) -> Activity:
    """Makes the one log entry of a change; `recovery` is the one that it moved, with the state before."""
    changes = ticket_changes(before, after)
    if recovery and recovery[1].state not in LIVE and recovery[0] != recovery[1].state:
        moved = FieldChange("recovery.state", recovery[0].value, recovery[1].state.value)
        changes = tuple(sorted((*changes, moved), key=lambda change: change.field))
    return Activity(
        organization=after.organization,
        ticket_number=after.number,
        number=after.version,
        type=kind,
        actor_kind=caller.kind,
        actor=caller.actor,
        changes=changes,
        message_id=message_id,
        recovery_id=recovery[1].id if recovery else recovery_id,
        request_id=request_id,
        create_time=after.update_time,
        acting_service=caller.acting_service,
    )
