"""Follow-up tickets, for customers who come back after their ticket is CLOSED."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from care_rules.callers import Caller
from care_rules.commands import CreateTicket, SubmitContact
from care_rules.create import CreationSnapshot, decide_new_ticket, new_ticket
from care_rules.decision import Decision, bump_revision
from care_rules.new_entities import new_contact
from care_rules.snapshot import TicketSnapshot


def create_follow_up(
    last: TicketSnapshot,
    number: int,
    command: SubmitContact,
    caller: Caller,
    now: datetime,
    request_id: UUID | None,
    *,
    verify_time: datetime | None = None,
) -> Decision:
    """Returns what to write for a ticket that follows `last`. Each of the two tickets links to the other.

    The follow-up inherits the review, the location and the subject. It also inherits the assignee, if that agent
    (`last.agent`) can still be an assignee. The follow-up has a new recovery with a new contact, because each contact
    belongs to one recovery.
    """
    before = last.ticket
    snapshot = CreationSnapshot(last.organization, last.location, last.review, open_ticket=None, reporter=None)
    details = CreateTicket(
        subject=before.subject,
        description="",
        location=before.location,
        priority=None,
        labels=(),
        email=command.email,
        phone=command.phone,
        display_name=command.display_name,
        recovery_id=command.recovery_id,
        contact_id=command.contact_id,
        message_id=command.message_id,
    )
    assignable = last.agent is not None and last.agent.can_be_assignee and last.agent.id == before.assignee
    ticket = replace(
        new_ticket(snapshot, number, details, now),
        assignee=before.assignee if assignable else None,
        follow_up_of=before.number,
    )
    contact = replace(new_contact(ticket, details, now, command.message), verify_time=verify_time)
    decision = decide_new_ticket(ticket, snapshot.review, contact, command.message_id, caller, now, request_id)
    return replace(decision, followed_ticket=replace(bump_revision(before), follow_up=number))
