"""Decisions on form submissions, and the state of a form that the form's page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from care_rules import addresses
from care_rules.callers import Caller
from care_rules.commands import SubmitContact
from care_rules.completeness import check_complete
from care_rules.decision import Decision, bump_version, move_status, new_activity
from care_rules.entities.activity import ActivityType
from care_rules.entities.contact import Contact
from care_rules.entities.recovery import Recovery
from care_rules.follow_up import create_follow_up
from care_rules.lifecycle import FORM_LIVE, LIVE, RECOVERY, STATUS, RecoveryState, TicketStatus, Trigger
from care_rules.refusals import Reason, Refusal
from care_rules.snapshot import TicketSnapshot

MAX_CLAIMS: Final = 5
"""The maximum number of further submissions that a form keeps until the team handles them.

The limit is high enough that a stranger who submits first can't lock the customer out. It is low enough that nobody can
fill the database through a public link.
"""


class FormState(StrEnum):
    """The state of a form; `care.v1.ContactFormState` documents each value."""

    OPEN = "OPEN"
    ANSWERED = "ANSWERED"
    EXPIRED = "EXPIRED"
    WITHDRAWN = "WITHDRAWN"
    REPLACED = "REPLACED"
    CLOSED = "CLOSED"


_STATES_OF_ENDED: Final = check_complete(
    RecoveryState,
    {
        RecoveryState.EXPIRED: FormState.EXPIRED,
        RecoveryState.WITHDRAWN: FormState.WITHDRAWN,
        RecoveryState.REFUSED: FormState.WITHDRAWN,
        RecoveryState.REPLACED: FormState.REPLACED,
    }
    | dict.fromkeys(LIVE | {RecoveryState.NO_CONTACT, RecoveryState.REJECTED, RecoveryState.ENDED_BY_CLOSE}),
)
"""The state of the form for a state of the recovery; None if the form's expiry time and the ticket's status decide."""

_REFUSALS: Final[Mapping[FormState, tuple[Reason, str] | None]] = check_complete(
    FormState,
    {
        FormState.OPEN: None,
        FormState.ANSWERED: None,
        FormState.CLOSED: None,
        FormState.EXPIRED: (Reason.LINK_EXPIRED, "This form has expired."),
        FormState.WITHDRAWN: (
            Reason.LINK_WITHDRAWN,
            "This form is no longer available: the business withdrew it, or the review site refused the reply.",
        ),
        FormState.REPLACED: (
            Reason.LINK_WITHDRAWN,
            "This form is no longer available: the business has entered the customer's contact itself.",
        ),
    },
)
"""Why a form accepts no answer; None if it accepts one."""


def form_state(recovery: Recovery, status: TicketStatus, now: datetime) -> FormState:
    """Returns the state of the form of `recovery` at `now`. `status` is the status of the recovery's ticket."""
    if (ended := _STATES_OF_ENDED[recovery.state]) is not None:
        return ended
    if recovery.expire_time is not None and recovery.expire_time <= now:
        return FormState.EXPIRED
    if status is TicketStatus.CLOSED:
        return FormState.CLOSED
    return FormState.OPEN if recovery.state in FORM_LIVE else FormState.ANSWERED


@dataclass(frozen=True, slots=True)
class FormSnapshot:
    """The state behind a form link: the ticket, the recovery, and where answers go once the ticket is CLOSED."""

    base: TicketSnapshot
    """The ticket of the form. Its `target_recovery` is the recovery of the form."""
    recovery: Recovery
    submitted: Sequence[Contact]
    """All contacts of the ticket that receives answers."""
    open: TicketSnapshot | None = None
    """The review's open ticket, if the form's own is CLOSED."""
    last: TicketSnapshot | None = None
    """The ticket that a follow-up would follow, if all tickets of the review are CLOSED.

    The `agent` of this snapshot is the assignee of that ticket.
    """

    @property
    def target(self) -> TicketSnapshot:
        """The ticket that receives an answer. If it is CLOSED, the answer creates its follow-up."""
        return self.open or self.last or self.base


def submit_contact(
    form: FormSnapshot,
    number: int,
    command: SubmitContact,
    caller: Caller,
    now: datetime,
    request_id: UUID | None = None,
) -> Decision | None:
    """Returns what to write for a submission; None if the contact is known already, or if there are MAX_CLAIMS claims.

    If the form's ticket is CLOSED and `form.last` is set, creates a follow-up with `number`. Raises Refusal if the form
    accepts no answers, or if the addresses are invalid or missing.
    """
    snapshot, recovery = form.base, form.recovery
    phone = addresses.normalize_phone(command.phone, snapshot.phone_region)
    addresses.require_one(command.email, phone)
    command = replace(command, phone=phone)
    state = form_state(recovery, snapshot.ticket.status, now)
    if (refused := _REFUSALS[state]) is not None:
        raise Refusal(*refused)
    if state is FormState.CLOSED and form.last is not None:
        return create_follow_up(form.last, number, command, caller, now, request_id)
    contact = Contact(
        organization=recovery.organization,
        ticket_number=form.target.ticket.number,
        id=command.contact_id,
        recovery_id=recovery.id,
        recovery_ticket_number=recovery.ticket_number,
        display_name=command.display_name,
        email=command.email,
        phone=phone,
        message=command.message,
        key_id="",
        verify_time=None,
        create_time=now,
    )
    if state is not FormState.OPEN:
        return add_claim(form, contact, caller, now, request_id)
    moved = replace(
        recovery,
        state=RECOVERY.fire(recovery.state, Trigger.SUBMIT_CONTACT),
        contact_id=contact.id,
        contact_time=now,
    )
    ticket = snapshot.ticket
    if ticket.status is TicketStatus.RESOLVED and Trigger.REOPEN in STATUS.allowed(ticket.status):
        ticket = move_status(ticket, Trigger.REOPEN, now)
    after = bump_version(ticket, moved, now)
    entry = new_activity(
        ActivityType.CONTACT_SUBMITTED,
        caller,
        snapshot.ticket,
        after,
        recovery=(recovery.state, moved),
        request_id=request_id,
    )
    return Decision(after, entry, recovery=moved, contact=contact, wakes=(moved.id,))


def add_claim(
    form: FormSnapshot, contact: Contact, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision | None:
    """Returns what to write for a contact that the team may accept.

    Returns None if the contact is known already, or if the form already has MAX_CLAIMS claims that await the team.
    """
    snapshot, recovery = form.target, form.recovery
    used = {recovery.contact_id, snapshot.live.contact_id if snapshot.live else None}
    through_form = [other for other in form.submitted if other.recovery_id == recovery.id]
    seen_time = _seen_time(snapshot, recovery)
    claims = sum(
        other.id not in used and (seen_time is None or other.create_time >= seen_time) for other in through_form
    )
    known = any(
        (other.email, other.phone, other.message) == (contact.email, contact.phone, contact.message)
        for other in form.submitted
        if other.id in used or other in through_form
    )
    if known or claims >= MAX_CLAIMS:
        return None
    after = bump_version(snapshot.ticket, snapshot.live, now)
    own = recovery.ticket_number == snapshot.ticket.number
    entry = new_activity(
        ActivityType.CONTACT_CLAIMED,
        caller,
        snapshot.ticket,
        after,
        recovery_id=recovery.id if own else None,
        request_id=request_id,
    )
    return Decision(after, entry, contact=contact)


def _seen_time(snapshot: TicketSnapshot, recovery: Recovery) -> datetime | None:
    """Returns the time before which all claims count as handled; None if none do.

    That is the end of the form's recovery or, if later, the start of another live recovery that an agent started.
    """
    live = snapshot.live
    # A recovery without a creator was started by a customer's follow-up or a service. The team has not seen the claims.
    is_teams = live is not None and live.id != recovery.id and live.creator is not None
    accepted = live.create_time if live is not None and is_teams else None
    return max((time for time in (recovery.end_time, accepted) if time is not None), default=None)
