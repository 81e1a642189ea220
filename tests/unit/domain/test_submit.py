"""A customer's submission: what becomes of it in every state of the form and the ticket."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from care_service.domain import commands
from care_service.domain.callers import customer
from care_service.domain.case import Decision
from care_service.domain.entities import ActivityType, Contact
from care_service.domain.lifecycle import LIVE, RecoveryState, TicketStatus
from care_service.domain.refusals import Reason, Refusal
from care_service.domain.submit import FormCase, FormState, form_state, submit_contact
from tests.unit.domain import values
from tests.unit.domain.values import NEW_ID, NOW, RECOVERY_ID, TICKET

SUBMISSION = commands.SubmitContact("kim@example.com", "", "Kim", "Hello", NEW_ID)
SOMEBODY = customer(str(RECOVERY_ID))
REFUSED = {
    FormState.EXPIRED: Reason.LINK_EXPIRED,
    FormState.WITHDRAWN: Reason.LINK_WITHDRAWN,
    FormState.REPLACED: Reason.LINK_WITHDRAWN,
    FormState.CLOSED: Reason.TICKET_CLOSED,
}


def form(state: RecoveryState, status: TicketStatus = TicketStatus.OPEN, *submitted: Contact) -> FormCase:
    recovery = values.form(state)
    return FormCase(values.case(recovery, replace(TICKET, status=status)), recovery, submitted)


def submit(case: FormCase, command: commands.SubmitContact = SUBMISSION) -> Decision | None:
    return submit_contact(case, command, SOMEBODY, NOW)


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (RecoveryState.FORM_REQUESTED, FormState.OPEN),
        (RecoveryState.AWAITING_CONTACT, FormState.OPEN),
        (RecoveryState.CONTACT_RECEIVED, FormState.ANSWERED),
        (RecoveryState.CHAT_UNLOCKED, FormState.ANSWERED),
        (RecoveryState.REJECTED, FormState.ANSWERED),
        (RecoveryState.EXPIRED, FormState.EXPIRED),
        (RecoveryState.WITHDRAWN, FormState.WITHDRAWN),
        (RecoveryState.REFUSED, FormState.WITHDRAWN),
        (RecoveryState.REPLACED, FormState.REPLACED),
        (RecoveryState.ENDED_BY_CLOSE, FormState.CLOSED),
    ],
)
def test_the_page_tells_what_became_of_the_form(state: RecoveryState, shown: FormState) -> None:
    assert form_state(values.form(state), TicketStatus.OPEN, NOW) is shown


@pytest.mark.parametrize("state", [*sorted(LIVE), RecoveryState.REJECTED])
def test_a_form_is_over_from_its_expiry_on(state: RecoveryState) -> None:
    expires = replace(values.form(state), expire_time=NOW)
    assert form_state(expires, TicketStatus.OPEN, NOW) is FormState.EXPIRED
    assert form_state(expires, TicketStatus.OPEN, NOW - timedelta(microseconds=1)) is not FormState.EXPIRED


def test_a_submission_is_refused_for_exactly_the_forms_that_take_none() -> None:
    states = [state for state in RecoveryState if state is not RecoveryState.NO_CONTACT]
    for state, status in product(states, TicketStatus):
        if status is TicketStatus.CLOSED and state in LIVE:
            continue  # closing ends a live recovery in the same commit
        case = form(state, status)
        shown = form_state(case.recovery, status, NOW)
        if shown not in REFUSED:
            assert submit(case) is not None
            continue
        with pytest.raises(Refusal) as caught:
            submit(case)
        assert (caught.value.reason, caught.value.metadata) == (REFUSED[shown], {})


@pytest.mark.parametrize("status", [TicketStatus.OPEN, TicketStatus.IN_PROGRESS, TicketStatus.RESOLVED])
def test_a_submission_reopens_a_resolved_ticket_and_leaves_others_as_they_are(status: TicketStatus) -> None:
    decision = submit(form(RecoveryState.AWAITING_CONTACT, status))
    assert decision is not None
    expected = TicketStatus.IN_PROGRESS if status is TicketStatus.RESOLVED else status
    assert decision.ticket.status is expected
    assert decision.activity is not None
    assert decision.activity.type is ActivityType.CONTACT_SUBMITTED
    assert decision.wakes == (RECOVERY_ID,)


def test_the_log_of_a_submission_names_nobody_and_no_address() -> None:
    decision = submit(form(RecoveryState.AWAITING_CONTACT))
    assert decision is not None
    assert decision.activity is not None
    assert decision.activity.actor == ""
    assert "kim" not in repr(decision.activity).lower()


def test_the_same_claim_again_is_no_news_but_another_message_is() -> None:
    first = replace(values.contact(email="kim@example.com"), message="Hello")
    case = form(RecoveryState.CONTACT_RECEIVED, TicketStatus.OPEN, values.contact(), first)
    assert submit(case) is None
    decision = submit(case, replace(SUBMISSION, message="Please call"))
    assert decision is not None
    assert decision.contact is not None
    assert decision.recovery is None
    assert decision.wakes == ()


def test_a_claim_touches_neither_the_contact_nor_the_live_recovery_of_the_ticket() -> None:
    live = replace(values.form(RecoveryState.CHAT_UNLOCKED), id=NEW_ID)
    rejected = values.form(RecoveryState.REJECTED)
    decision = submit(FormCase(replace(values.case(live), named=rejected), rejected, (values.contact(),)))
    assert decision is not None
    assert (decision.ticket.recovery_id, decision.ticket.contact_state) == (NEW_ID, RecoveryState.CHAT_UNLOCKED)


def test_claims_come_to_an_end() -> None:
    kept: list[Contact] = [values.contact()]
    for number in range(100):
        case = form(RecoveryState.CONTACT_RECEIVED, TicketStatus.OPEN, *kept)
        decision = submit(case, replace(SUBMISSION, email=f"claim{number}@example.com"))
        if decision is None:
            break
        assert decision.contact is not None
        kept.append(decision.contact)
    assert 2 < len(kept) <= 10


def test_a_submission_without_an_address_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        submit(form(RecoveryState.AWAITING_CONTACT), replace(SUBMISSION, email=""))
    assert caught.value.reason is Reason.INVALID_FIELD
