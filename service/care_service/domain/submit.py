"""A customer answers the form: what becomes of a submission, and what the page may know of the form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from care_service.domain import addresses
from care_service.domain.callers import Caller
from care_service.domain.case import Case, Decision, activity, touched
from care_service.domain.commands import SubmitContact
from care_service.domain.decide import with_status
from care_service.domain.entities import ActivityType, Contact, Recovery
from care_service.domain.lifecycle import FORM_LIVE, RECOVERY, STATUS, RecoveryState, TicketStatus, Trigger
from care_service.domain.refusals import Reason, Refusal

MAX_CLAIMS: Final = 5
"""Further submissions that are kept of one form: enough that a stranger can't lock the real customer out by the first,
few enough that nobody can fill the database through a public link."""


class FormState(StrEnum):
    """What became of a form; `care.v1.ContactFormState` documents each value."""

    OPEN = "OPEN"
    ANSWERED = "ANSWERED"
    EXPIRED = "EXPIRED"
    WITHDRAWN = "WITHDRAWN"
    REPLACED = "REPLACED"
    CLOSED = "CLOSED"


_ENDED: Final = {
    RecoveryState.EXPIRED: FormState.EXPIRED,
    RecoveryState.WITHDRAWN: FormState.WITHDRAWN,
    RecoveryState.REFUSED: FormState.WITHDRAWN,
    RecoveryState.REPLACED: FormState.REPLACED,
    RecoveryState.ENDED_BY_CLOSE: FormState.CLOSED,
}

_REFUSALS: Final = {
    FormState.EXPIRED: (Reason.LINK_EXPIRED, "The form's time is over."),
    FormState.WITHDRAWN: (Reason.LINK_WITHDRAWN, "The business took the form back."),
    FormState.REPLACED: (Reason.LINK_WITHDRAWN, "The business reached the customer in another way."),
    FormState.CLOSED: (Reason.TICKET_CLOSED, "The business closed the case."),
}


def form_state(recovery: Recovery, status: TicketStatus, now: datetime) -> FormState:
    """Returns what became of the form of `recovery`, whose ticket has `status`, by `now`."""
    if recovery.state in _ENDED:
        return _ENDED[recovery.state]
    if status is TicketStatus.CLOSED:
        return FormState.CLOSED
    if recovery.expire_time is not None and recovery.expire_time <= now:
        return FormState.EXPIRED
    return FormState.OPEN if recovery.state in FORM_LIVE else FormState.ANSWERED


@dataclass(frozen=True, slots=True)
class FormCase:
    """A ticket as it was loaded through the link of one of its forms."""

    case: Case
    """Its `named` recovery is the form's."""
    recovery: Recovery
    submitted: Sequence[Contact]
    """Every contact that came in through this form."""


def submit_contact(
    form: FormCase, command: SubmitContact, caller: Caller, now: datetime, request_id: UUID | None = None
) -> Decision | None:
    """Returns what to write for a submission, or None where it is thanked for and nothing new; raises Refusal."""
    case, recovery = form.case, form.recovery
    phone = addresses.normalize_phone(command.phone, case.phone_region)
    addresses.need_one(command.email, phone)
    state = form_state(recovery, case.ticket.status, now)
    if state in _REFUSALS:
        raise Refusal(*_REFUSALS[state])
    contact = Contact(
        organization=recovery.organization,
        ticket_number=recovery.ticket_number,
        id=command.contact_id,
        recovery_id=recovery.id,
        recovery_ticket_number=recovery.ticket_number,
        display_name=command.display_name,
        email=command.email,
        phone=phone,
        message=command.message,
        verify_time=None,
        create_time=now,
    )
    if state is FormState.ANSWERED:
        return _claim(form, contact, caller, now, request_id)
    moved = replace(
        recovery,
        state=RECOVERY.fire(recovery.state, Trigger.SUBMIT_CONTACT),
        contact_id=contact.id,
        contact_time=now,
    )
    ticket = case.ticket
    if ticket.status is TicketStatus.RESOLVED and Trigger.REOPEN in STATUS.allowed(ticket.status):
        ticket = with_status(ticket, Trigger.REOPEN, now)
    after = touched(ticket, moved, now)
    entry = activity(
        ActivityType.CONTACT_SUBMITTED,
        caller,
        case.ticket,
        after,
        recovery=(recovery.state, moved),
        request_id=request_id,
    )
    return Decision(after, entry, recovery=moved, contact=contact, wakes=(moved.id,))


def _claim(form: FormCase, contact: Contact, caller: Caller, now: datetime, request_id: UUID | None) -> Decision | None:
    known = any(
        (other.email, other.phone, other.message) == (contact.email, contact.phone, contact.message)
        for other in form.submitted
    )
    if known or len(form.submitted) > MAX_CLAIMS:
        return None
    after = touched(form.case.ticket, form.case.live, now)
    entry = activity(
        ActivityType.CONTACT_CLAIMED,
        caller,
        form.case.ticket,
        after,
        recovery_id=form.recovery.id,
        request_id=request_id,
    )
    return Decision(after, entry, contact=contact)
