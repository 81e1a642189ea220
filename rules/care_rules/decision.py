"""The result of a decision: the changes to commit, and the activity that logs them."""

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
    """The changes to write in one commit. Entities are complete, with the values after the commit."""

    ticket: Ticket
    activity: Activity | None = None
    """None only for bookkeeping that callers can't see."""
    recovery: Recovery | None = None
    """An existing recovery, changed."""
    followed_ticket: Ticket | None = None
    """The CLOSED ticket that the new ticket follows, already linked to the new ticket. It gets no activity."""
    new_recovery: Recovery | None = None
    contact: Contact | None = None
    """A new contact."""
    changed_contact: Contact | None = None
    """An existing contact, changed."""
    messages: tuple[Message, ...] = ()
    new_deliveries: tuple[Delivery, ...] = ()
    """The deliveries of new messages to the customer. Their workflows are woken."""
    delivery: Delivery | None = None
    """An existing delivery, changed."""
    cancel_deliveries_to: UUID | None = None
    """The id of the rejected contact. Messages queued for the contact fail: see `delivery.cancel_delivery`."""
    inbound: Inbound | None = None
    """The inbound message that this decision ingests."""
    admitted: tuple[Inbound, ...] = ()
    """The inbound messages that waited while the chat was locked. They enter the ticket's thread now."""
    wakes: tuple[UUID, ...] = ()
    """The ids of the recoveries whose workflows are woken."""
    report_time: datetime | None = None
    """The time of the report that causes the wakes; None if a report does not cause them.

    Such wakes are delayed. The workflow's next CheckRecovery deletes them by this time.
    """
    wakes_ticket: bool = False
    """Whether the ticket's workflow is woken."""
    review_attempt: int | None = None
    """The number of a new attempt at the review site.

    The commit fails unless this number is one more than the number of the review's last attempt.
    """

    @property
    def is_new_ticket(self) -> bool:
        """Whether the ticket does not exist yet."""
        return self.ticket.revision == 1


def move_recovery(recovery: Recovery, state: RecoveryState, now: datetime) -> Recovery:
    """Returns `recovery` in `state`. If `state` is not live, the recovery ends at `now`."""
    return replace(recovery, state=state, end_time=None if state in LIVE else now)


def move_status(ticket: Ticket, trigger: Trigger, now: datetime) -> Ticket:
    """Returns `ticket` after a trigger of the status machine, with its new status, times and close reason."""
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


def bump_revision(ticket: Ticket) -> Ticket:
    """Returns `ticket` with the next revision, for a write that callers can't see.

    A concurrent call that has loaded the previous revision must load the ticket again.
    """
    return replace(ticket, revision=ticket.revision + 1)


def bump_version(ticket: Ticket, live: Recovery | None, now: datetime) -> Ticket:
    """Returns `ticket` with the next version, after a change at `now`.

    `live` is the ticket's current recovery, in its state after the change; None if there is none. The change may have
    ended this recovery.
    """
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
"""The fields of a ticket whose changes are logged, with their values as text, sorted by name."""

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
"""The fields of a ticket whose changes are not logged, with the reason."""

check_complete((field.name for field in fields(Ticket)), {**LOGGED, **NOT_LOGGED})

_SHOWN_AS: Final = {"recovery_id": "recovery"}
"""The contract's names of fields that have another name here."""


_TEXTS: Final = frozenset({"description", "subject"})
"""Free text that may contain personal data. The log outlives erasure, so it records only that the text changed."""


def ticket_changes(before: Ticket | None, after: Ticket) -> tuple[FieldChange, ...]:
    """Returns the logged changes between two versions of a ticket, sorted by field name. Texts have no values."""
    compared = (
        (field, text(before) if before else "", text(after))
        for field, text in LOGGED.items()
        if before is None or getattr(before, field) != getattr(after, field)
    )
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
    """Returns the activity of a change.

    `recovery` is a recovery that the change affects: its state before the change, and the recovery after the change.
    """
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
