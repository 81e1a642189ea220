"""A new ticket: the values that it takes from its review, its first entries, and the reasons to refuse it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from care_rules import commands
from care_rules.create import CreationSnapshot, create_ticket
from care_rules.decision import Decision
from care_rules.entities.activity import ActorKind
from care_rules.entities.message import MessageKind
from care_rules.entities.recovery import RecoveryKind
from care_rules.entities.review import Review
from care_rules.entities.ticket import Priority
from care_rules.lifecycle import RecoveryState
from care_rules.organizations import Location
from care_rules.refusals import Reason, Refusal
from tests.support import sample_tickets as samples
from tests.support.sample_tickets import ALICE, CONTACT_ID, NEW_ID, NOW, ORGANIZATION, OTHER_ID, REVIEW, REVIEW_ID

CREATE = commands.CreateTicket("Soup", "", "soho", Priority.LOW, ("vip",), "", "", "", NEW_ID, CONTACT_ID, OTHER_ID)
PLAIN = CreationSnapshot(ORGANIZATION, None, None, None, samples.agent("alice"))
OF_REVIEW = replace(PLAIN, review=REVIEW)


def create(snapshot: CreationSnapshot = PLAIN, command: commands.CreateTicket = CREATE) -> Decision:
    return create_ticket(snapshot, 7, command, ALICE, NOW, UUID(int=9))


def refusal_of(snapshot: CreationSnapshot, command: commands.CreateTicket = CREATE) -> Refusal:
    with pytest.raises(Refusal) as caught:
        create(snapshot, command)
    return caught.value


def test_a_ticket_without_a_review_has_an_empty_thread() -> None:
    decision = create()
    assert decision.messages == ()
    assert (decision.ticket.number, decision.ticket.version, decision.ticket.assignee) == (7, 1, None)
    assert decision.ticket.reporter == "alice"
    assert decision.activity is not None
    assert (decision.activity.number, decision.activity.request_id) == (1, UUID(int=9))
    assert (decision.new_recovery, decision.wakes) == (None, ())


def test_the_review_is_the_first_entry_of_the_thread_and_the_reviewer_its_author() -> None:
    (entry,) = create(OF_REVIEW, replace(CREATE, subject="", location="")).messages
    assert (entry.kind, entry.author_kind, entry.author) == (MessageKind.REVIEW, ActorKind.CUSTOMER, "")
    assert (entry.text, entry.author_display_name) == (REVIEW.text, "Robin P.")
    assert entry.create_time == REVIEW.update_time


@pytest.mark.parametrize(
    "review", [REVIEW, replace(REVIEW, author_display_name=""), replace(REVIEW, author_display_name="R" * 200, text="")]
)
def test_a_subject_is_made_from_the_review_and_fits(review: Review) -> None:
    subject = create(replace(OF_REVIEW, review=review), replace(CREATE, subject="", location="")).ticket.subject
    assert 0 < len(subject) <= 200
    assert "1" in subject


@pytest.mark.parametrize(
    ("site", "location", "subject"),
    [
        ("google", samples.LOCATION, "1-star review at Google, Acme Soho"),
        ("my-site", replace(samples.LOCATION, display_name=""), "1-star review at My site, soho"),
        ("google", None, "1-star review at Google, soho"),
        ("google", replace(samples.LOCATION, display_name="S" * 200), ("1-star review at Google, " + "S" * 200)[:200]),
    ],
)
def test_a_subject_names_the_site_and_the_location_and_not_the_reviewer(
    site: str, location: Location | None, subject: str
) -> None:
    snapshot = replace(OF_REVIEW, review=replace(REVIEW, site=site), location=location)
    assert create(snapshot, replace(CREATE, subject="", location="")).ticket.subject == subject


def test_a_known_contact_begins_a_direct_recovery_that_is_woken() -> None:
    decision = create(OF_REVIEW, replace(CREATE, email="kim@example.com"))
    recovery = decision.new_recovery
    assert recovery is not None
    assert (recovery.kind, recovery.state) == (RecoveryKind.DIRECT, RecoveryState.CONTACT_RECEIVED)
    assert (recovery.contact_id, recovery.review_id) == (CONTACT_ID, REVIEW_ID)
    assert decision.wakes == (recovery.id,)
    assert (decision.ticket.recovery_id, decision.ticket.contact_state) == (recovery.id, recovery.state)


def test_a_local_number_uses_the_phone_region_of_the_location() -> None:
    located = replace(PLAIN, location=replace(samples.LOCATION, default_phone_region="GB"))
    contact = create(located, replace(CREATE, phone="020 7946 0018")).contact
    assert contact is not None
    assert contact.phone == "+442079460018"
    refusal = refusal_of(PLAIN, replace(CREATE, phone="020 7946 0018"))
    assert [violation.field for violation in refusal.violations] == ["contact.phone"]


def test_refusals_follow_the_order_of_the_design() -> None:
    exists = replace(OF_REVIEW, open_ticket=3, reporter=samples.agent("alice", can_be_reporter=False))
    assert refusal_of(exists, replace(CREATE, location="camden")).reason is Reason.INVALID_FIELD
    # After the fields, the permission of the caller is checked first.
    assert refusal_of(exists).reason is Reason.REPORTER_NOT_ALLOWED
    refusal = refusal_of(replace(exists, reporter=samples.agent("alice")))
    assert (refusal.reason, refusal.metadata) == (
        Reason.TICKET_EXISTS,
        {"ticket": "organizations/acme/tickets/3", "review": f"organizations/acme/reviews/{REVIEW_ID}"},
    )
