"""A customer's submission in every state of the form and the ticket."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product
from uuid import UUID

import pytest

from care_rules import commands
from care_rules.callers import customer_caller
from care_rules.decision import Decision
from care_rules.entities.activity import ActivityType
from care_rules.entities.contact import Contact
from care_rules.entities.message import MessageKind
from care_rules.entities.recovery import RecoveryKind
from care_rules.entities.ticket import Priority
from care_rules.lifecycle import LIVE, RecoveryState, TicketStatus
from care_rules.refusals import Reason, Refusal
from care_rules.snapshot import TicketSnapshot
from care_rules.submit import MAX_CLAIMS, FormSnapshot, FormState, form_state, submit_contact
from tests.support import sample_tickets as samples
from tests.support.sample_tickets import NEW_ID, NOW, RECOVERY_ID, TICKET

FOLLOW_UP_RECOVERY_ID = UUID("0190a0a0-0000-7000-8000-000000000011")
ENTRY_ID = UUID("0190a0a0-0000-7000-8000-000000000012")
SUBMISSION = commands.SubmitContact("kim@example.com", "", "Kim", "Hello", NEW_ID, FOLLOW_UP_RECOVERY_ID, ENTRY_ID)
SOMEBODY = customer_caller(str(RECOVERY_ID))
REFUSED = {
    FormState.EXPIRED: Reason.LINK_EXPIRED,
    FormState.WITHDRAWN: Reason.LINK_WITHDRAWN,
    FormState.REPLACED: Reason.LINK_WITHDRAWN,
}


def form(state: RecoveryState, status: TicketStatus = TicketStatus.OPEN, *submitted: Contact) -> FormSnapshot:
    recovery = samples.form(state)
    return FormSnapshot(samples.snapshot(recovery, replace(TICKET, status=status)), recovery, submitted)


def submit(snapshot: FormSnapshot, command: commands.SubmitContact = SUBMISSION) -> Decision | None:
    return submit_contact(snapshot, 8, command, SOMEBODY, NOW)


def after_close(
    state: RecoveryState = RecoveryState.ENDED_BY_CLOSE,
    *submitted: Contact,
    target: TicketSnapshot | None = None,
    last: TicketSnapshot | None = None,
) -> FormSnapshot:
    """Returns a form of the CLOSED ticket 7. `target` is the review's open ticket, `last` the last follow-up."""
    return replace(form(state, TicketStatus.CLOSED, *submitted), open=target, last=last)


def chain_end(assignee: str | None = "alice", *, can_be_assignee: bool = True) -> TicketSnapshot:
    """Returns the CLOSED ticket 7 with its assignee."""
    closed = replace(TICKET, status=TicketStatus.CLOSED, assignee=assignee, priority=Priority.URGENT, labels=("vip",))
    entry = samples.agent(assignee, can_be_assignee=can_be_assignee) if assignee else None
    return replace(samples.snapshot(ticket=closed), agent=entry)


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
    ],
)
def test_the_page_shows_the_state_of_the_form(state: RecoveryState, shown: FormState) -> None:
    assert form_state(samples.form(state), TicketStatus.OPEN, NOW) is shown


@pytest.mark.parametrize("state", [RecoveryState.ENDED_BY_CLOSE, RecoveryState.REJECTED])
def test_a_form_of_a_closed_ticket_accepts_answers_until_it_expires(state: RecoveryState) -> None:
    recovery = samples.form(state)
    assert form_state(recovery, TicketStatus.CLOSED, NOW) is FormState.CLOSED
    assert form_state(replace(recovery, expire_time=NOW), TicketStatus.CLOSED, NOW) is FormState.EXPIRED


@pytest.mark.parametrize(
    "state", [RecoveryState.EXPIRED, RecoveryState.WITHDRAWN, RecoveryState.REFUSED, RecoveryState.REPLACED]
)
def test_a_form_that_ended_before_its_ticket_was_closed_accepts_no_answer(state: RecoveryState) -> None:
    with pytest.raises(Refusal) as caught:
        submit(after_close(state, last=chain_end()))
    assert caught.value.reason is REFUSED[form_state(samples.form(state), TicketStatus.OPEN, NOW)]


@pytest.mark.parametrize("state", [*sorted(LIVE), RecoveryState.REJECTED])
def test_a_form_is_expired_from_its_expire_time_on(state: RecoveryState) -> None:
    expires = replace(samples.form(state), expire_time=NOW)
    assert form_state(expires, TicketStatus.OPEN, NOW) is FormState.EXPIRED
    assert form_state(expires, TicketStatus.OPEN, NOW - timedelta(microseconds=1)) is not FormState.EXPIRED


def test_a_submission_is_refused_exactly_if_the_form_accepts_none() -> None:
    states = [state for state in RecoveryState if state is not RecoveryState.NO_CONTACT]
    for state, status in product(states, TicketStatus):
        if status is TicketStatus.CLOSED and state in LIVE:
            continue  # closing a ticket ends its live recovery in the same commit
        if status is not TicketStatus.CLOSED and state is RecoveryState.ENDED_BY_CLOSE:
            continue  # no transition leaves CLOSED
        snapshot = replace(form(state, status), last=chain_end() if status is TicketStatus.CLOSED else None)
        shown = form_state(snapshot.recovery, status, NOW)
        if shown not in REFUSED:
            assert submit(snapshot) is not None
            continue
        with pytest.raises(Refusal) as caught:
            submit(snapshot)
        assert (caught.value.reason, caught.value.metadata) == (REFUSED[shown], {})


@pytest.mark.parametrize("status", [TicketStatus.OPEN, TicketStatus.IN_PROGRESS, TicketStatus.RESOLVED])
def test_a_submission_reopens_only_a_resolved_ticket(status: TicketStatus) -> None:
    decision = submit(form(RecoveryState.AWAITING_CONTACT, status))
    assert decision is not None
    expected = TicketStatus.IN_PROGRESS if status is TicketStatus.RESOLVED else status
    assert decision.ticket.status is expected
    assert decision.activity is not None
    assert decision.activity.type is ActivityType.CONTACT_SUBMITTED
    assert decision.wakes == (RECOVERY_ID,)


def test_the_log_of_a_submission_contains_no_name_and_no_address() -> None:
    decision = submit(form(RecoveryState.AWAITING_CONTACT))
    assert decision is not None
    assert decision.activity is not None
    assert decision.activity.actor == ""
    assert "kim" not in repr(decision.activity).lower()


def test_a_repeated_claim_is_ignored_but_another_message_is_kept() -> None:
    first = replace(samples.contact(email="kim@example.com"), message="Hello")
    snapshot = form(RecoveryState.CONTACT_RECEIVED, TicketStatus.OPEN, samples.contact(), first)
    assert submit(snapshot) is None
    decision = submit(snapshot, replace(SUBMISSION, message="Please call"))
    assert decision is not None
    assert decision.contact is not None
    assert decision.recovery is None
    assert decision.wakes == ()


def test_a_claim_changes_neither_the_contact_nor_the_live_recovery_of_the_ticket() -> None:
    live = replace(samples.form(RecoveryState.CHAT_UNLOCKED), id=NEW_ID)
    rejected = samples.form(RecoveryState.REJECTED)
    decision = submit(
        FormSnapshot(replace(samples.snapshot(live), target_recovery=rejected), rejected, (samples.contact(),))
    )
    assert decision is not None
    assert (decision.ticket.recovery_id, decision.ticket.contact_state) == (NEW_ID, RecoveryState.CHAT_UNLOCKED)


def test_the_number_of_claims_is_limited() -> None:
    kept: list[Contact] = [samples.contact()]
    for number in range(100):
        snapshot = form(RecoveryState.CONTACT_RECEIVED, TicketStatus.OPEN, *kept)
        decision = submit(snapshot, replace(SUBMISSION, email=f"claim{number}@example.com"))
        if decision is None:
            break
        assert decision.contact is not None
        kept.append(replace(decision.contact, id=UUID(int=number + 1)))
    assert 2 < len(kept) <= 10


def test_after_a_rejected_contact_more_claims_are_accepted() -> None:
    claims = [
        samples.contact(),
        *(replace(samples.contact(), id=UUID(int=number)) for number in range(1, MAX_CLAIMS + 1)),
    ]
    full = form(RecoveryState.CONTACT_RECEIVED, TicketStatus.OPEN, *claims)
    assert submit(full, replace(SUBMISSION, email="late@example.com")) is None
    later = samples.contact().create_time + timedelta(minutes=1)
    rejected = replace(full.recovery, state=RecoveryState.REJECTED, end_time=later)
    snapshot = replace(full.base, target_recovery=rejected, live=None, contact=None)
    decision = submit(FormSnapshot(snapshot, rejected, claims), replace(SUBMISSION, email="late@example.com"))
    assert decision is not None
    assert decision.contact is not None


def test_a_submission_without_an_address_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        submit(form(RecoveryState.AWAITING_CONTACT), replace(SUBMISSION, email=""))
    assert caught.value.reason is Reason.INVALID_FIELD


# --- after the ticket was closed --------------------------------------------------------------------------------------


def test_an_answer_after_the_close_creates_a_follow_up_that_is_linked_both_ways() -> None:
    decision = submit(after_close(last=chain_end()))
    assert decision is not None
    created, followed = decision.ticket, decision.followed_ticket
    assert followed is not None
    assert (created.number, created.follow_up_of, created.version) == (8, 7, 1)
    assert (followed.number, followed.follow_up, followed.status) == (7, 8, TicketStatus.CLOSED)
    assert (followed.version, followed.revision) == (TICKET.version, TICKET.revision + 1)
    assert (created.status, created.contact_state) == (TicketStatus.OPEN, RecoveryState.CONTACT_RECEIVED)
    assert (created.review_id, created.location, created.subject) == (TICKET.review_id, TICKET.location, TICKET.subject)
    assert (created.priority, created.labels, created.reporter) == (Priority.NORMAL, (), None)


def test_the_contact_of_a_follow_up_has_its_own_recovery() -> None:
    decision = submit(after_close(last=chain_end()))
    assert decision is not None
    contact, recovery = decision.contact, decision.new_recovery
    assert contact is not None
    assert recovery is not None
    assert (recovery.kind, recovery.state) == (RecoveryKind.DIRECT, RecoveryState.CONTACT_RECEIVED)
    assert (recovery.id, recovery.contact_id, recovery.ticket_number) == (FOLLOW_UP_RECOVERY_ID, contact.id, 8)
    assert (contact.recovery_id, contact.recovery_ticket_number, contact.ticket_number) == (recovery.id, 8, 8)
    assert (contact.email, contact.display_name, contact.message) == ("kim@example.com", "Kim", "Hello")
    assert decision.wakes == (recovery.id,)
    assert decision.recovery is None


def test_a_follow_up_starts_with_one_activity_of_the_customer_and_the_review() -> None:
    decision = submit(after_close(last=chain_end()))
    assert decision is not None
    assert decision.activity is not None
    assert (decision.activity.type, decision.activity.number) == (ActivityType.CREATED, 1)
    assert decision.activity.actor == ""
    changes = {change.field: change.after for change in decision.activity.changes}
    assert changes["follow_up_of"] == "organizations/acme/tickets/7"
    assert [message.kind for message in decision.messages] == [MessageKind.REVIEW]


@pytest.mark.parametrize(
    ("end", "assignee"),
    [
        (chain_end(), "alice"),
        (chain_end(can_be_assignee=False), None),
        (chain_end(assignee=None), None),
    ],
)
def test_a_follow_up_keeps_an_assignee_who_can_still_be_assigned(end: TicketSnapshot, assignee: str | None) -> None:
    decision = submit(after_close(last=end))
    assert decision is not None
    assert decision.ticket.assignee == assignee


def other_ticket(live: RecoveryState | None = None) -> TicketSnapshot:
    """Returns the OPEN ticket 9 of the same review."""
    ticket = replace(TICKET, number=9)
    return samples.snapshot(replace(samples.form(live), id=NEW_ID) if live else None, ticket)


@pytest.mark.parametrize("live", [None, RecoveryState.AWAITING_CONTACT, RecoveryState.CHAT_UNLOCKED])
def test_an_answer_after_the_close_is_a_claim_on_the_open_ticket_of_the_review(
    live: RecoveryState | None,
) -> None:
    target = other_ticket(live)
    decision = submit(after_close(target=target))
    assert decision is not None
    assert decision.followed_ticket is None
    assert decision.contact is not None
    assert (decision.contact.ticket_number, decision.contact.recovery_ticket_number) == (9, 7)
    assert (decision.contact.recovery_id, decision.wakes) == (RECOVERY_ID, ())
    assert decision.recovery is None
    assert decision.new_recovery is None
    before, after = target.ticket, decision.ticket
    assert (after.contact_state, after.status) == (before.contact_state, before.status)
    assert (after.number, after.version) == (9, before.version + 1)
    assert decision.activity is not None
    assert (decision.activity.type, decision.activity.recovery_id) == (ActivityType.CONTACT_CLAIMED, None)


def test_the_number_of_claims_through_the_link_of_an_earlier_ticket_is_limited_too() -> None:
    kept: list[Contact] = []
    for number in range(100):
        snapshot = after_close(RecoveryState.ENDED_BY_CLOSE, *kept, target=other_ticket())
        decision = submit(snapshot, replace(SUBMISSION, email=f"claim{number}@example.com"))
        if decision is None:
            break
        assert decision.contact is not None
        kept.append(replace(decision.contact, id=UUID(int=number + 1)))
    assert 2 < len(kept) <= 10


@pytest.mark.parametrize(("creator", "has_room"), [(None, False), ("alice", True)])
def test_only_a_recovery_by_the_team_makes_room_for_claims(creator: str | None, *, has_room: bool) -> None:
    """Claims from before a recovery that the customer caused still count: the team may not have seen them yet."""
    claims = [replace(samples.contact(), id=UUID(int=number)) for number in range(1, MAX_CLAIMS + 1)]
    live = replace(samples.form(RecoveryState.CHAT_UNLOCKED), id=NEW_ID, creator=creator, create_time=NOW)
    target = samples.snapshot(live, replace(TICKET, number=9))
    ended = replace(samples.form(RecoveryState.ENDED_BY_CLOSE), end_time=None)
    snapshot = replace(after_close(RecoveryState.ENDED_BY_CLOSE, *claims, target=target), recovery=ended)
    assert (submit(snapshot, replace(SUBMISSION, email="late@example.com")) is not None) is has_room
