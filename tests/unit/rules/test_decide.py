"""What a command writes: one activity, the new version, and the workflows to wake."""

from __future__ import annotations

from dataclasses import replace

import pytest

from care_rules import commands
from care_rules.decide import decide
from care_rules.decision import Decision
from care_rules.entities.activity import ActivityType, FieldChange
from care_rules.entities.message import MessageKind
from care_rules.lifecycle import RecoveryState, TicketStatus
from care_rules.refusals import Reason, Refusal
from tests.support import sample_tickets as samples
from tests.support.sample_tickets import ALICE, NEW_ID, NOW, OTHER_ID, RECOVERY_ID, TICKET


def decision_of(decision: Decision | None) -> Decision:
    assert decision is not None
    return decision


def test_a_command_counts_version_and_revision_and_logs_who_did_what_when() -> None:
    decision = decision_of(decide(samples.snapshot(), commands.StartTicket(), ALICE, NOW, NEW_ID))
    assert (decision.ticket.version, decision.ticket.revision, decision.ticket.update_time) == (4, 6, NOW)
    entry = decision.activity
    assert entry is not None
    assert (entry.number, entry.type, entry.actor, entry.request_id) == (4, ActivityType.STARTED, "alice", NEW_ID)
    assert entry.create_time == NOW
    assert entry.changes == (FieldChange("status", "OPEN", "IN_PROGRESS"),)


def test_an_update_to_the_same_values_is_no_change() -> None:
    same = commands.UpdateTicket(subject=TICKET.subject, description="", priority=TICKET.priority, labels=())
    assert decide(samples.snapshot(), same, ALICE, NOW) is None
    assert decide(samples.snapshot(), commands.UpdateTicket(), ALICE, NOW) is None


def test_an_update_logs_its_fields_in_the_order_of_their_names() -> None:
    update = commands.UpdateTicket(subject="New", labels=("b", "c"), description="More")
    entry = decision_of(decide(samples.snapshot(), update, ALICE, NOW)).activity
    assert entry is not None
    assert [change.field for change in entry.changes] == ["description", "labels", "subject"]


def test_an_update_logs_only_that_a_text_changed() -> None:
    update = commands.UpdateTicket(subject="New", labels=("b",), description="More")
    entry = decision_of(decide(samples.snapshot(), update, ALICE, NOW)).activity
    assert entry is not None
    assert entry.changes == (
        FieldChange("description", "", ""),
        FieldChange("labels", "", "b"),
        FieldChange("subject", "", ""),
    )


@pytest.mark.parametrize(
    "state",
    [
        RecoveryState.FORM_REQUESTED,
        RecoveryState.AWAITING_CONTACT,
        RecoveryState.CONTACT_RECEIVED,
        RecoveryState.CHAT_UNLOCKED,
    ],
)
def test_closing_ends_the_live_recovery_and_wakes_its_workflow(state: RecoveryState) -> None:
    decision = decision_of(decide(samples.snapshot(samples.form(state)), commands.CloseTicket(), ALICE, NOW))
    assert decision.ticket.status is TicketStatus.CLOSED
    assert (decision.ticket.contact_state, decision.ticket.recovery_id) == (RecoveryState.NO_CONTACT, None)
    assert decision.recovery is not None
    assert (decision.recovery.state, decision.recovery.end_time) == (RecoveryState.ENDED_BY_CLOSE, NOW)
    assert decision.wakes == (RECOVERY_ID,)


def test_closing_keeps_the_resolve_time_and_reopening_clears_it() -> None:
    resolved = replace(TICKET, status=TicketStatus.RESOLVED, resolve_time=samples.EARLIER)
    closed = decision_of(decide(samples.snapshot(ticket=resolved), commands.CloseTicket(), ALICE, NOW)).ticket
    assert (closed.resolve_time, closed.close_time) == (samples.EARLIER, NOW)
    reopened = decision_of(decide(samples.snapshot(ticket=resolved), commands.ReopenTicket(), ALICE, NOW)).ticket
    assert (reopened.resolve_time, reopened.status) == (None, TicketStatus.IN_PROGRESS)


def test_other_commands_do_not_change_the_live_recovery() -> None:
    form = samples.form(RecoveryState.AWAITING_CONTACT)
    decision = decision_of(decide(samples.snapshot(form), commands.AddNote("Called", NEW_ID), ALICE, NOW))
    assert (decision.ticket.contact_state, decision.ticket.recovery_id) == (form.state, form.id)
    assert (decision.recovery, decision.wakes) == (None, ())
    (note,) = decision.messages
    assert (note.kind, note.text, note.activity_number) == (MessageKind.NOTE, "Called", 4)
    # The log contains the message's name. Its text is only in the thread.
    assert decision.activity is not None
    assert decision.activity.message_id == NEW_ID
    assert decision.activity.changes == ()


def test_adding_a_contact_wakes_the_replaced_recovery_and_the_new_one() -> None:
    add = commands.AddContact("kim@example.com", "", "Kim", NEW_ID, OTHER_ID)
    decision = decision_of(decide(samples.snapshot(samples.form()), add, ALICE, NOW))
    assert set(decision.wakes) == {RECOVERY_ID, NEW_ID}
    assert decision.recovery is not None
    assert decision.new_recovery is not None
    assert (decision.recovery.state, decision.new_recovery.state) == (
        RecoveryState.REPLACED,
        RecoveryState.CONTACT_RECEIVED,
    )
    assert decision.ticket.recovery_id == NEW_ID
    assert decision.contact is not None
    assert decision.contact.recovery_id == NEW_ID


def test_a_contact_needs_an_address_also_after_it_was_normalized() -> None:
    with pytest.raises(Refusal) as caught:
        decide(samples.snapshot(), commands.AddContact("", " ", "Kim", NEW_ID, OTHER_ID), ALICE, NOW)
    assert caught.value.reason is Reason.INVALID_FIELD


def test_a_wrong_phone_number_is_refused_before_any_rule() -> None:
    closed = replace(TICKET, status=TicketStatus.CLOSED)
    with pytest.raises(Refusal) as caught:
        decide(samples.snapshot(ticket=closed), commands.AddContact("", "12", "Kim", NEW_ID, OTHER_ID), ALICE, NOW)
    assert caught.value.reason is Reason.INVALID_FIELD


@pytest.mark.parametrize(("location", "organization", "region"), [("US", "GB", "US"), ("", "GB", "GB"), ("", "", "")])
def test_local_numbers_use_the_region_of_the_location_or_else_of_the_organization(
    location: str, organization: str, region: str
) -> None:
    snapshot = replace(
        samples.snapshot(),
        location=replace(samples.LOCATION, default_phone_region=location),
        organization=replace(samples.ORGANIZATION, default_phone_region=organization),
    )
    assert snapshot.phone_region == region
    assert replace(snapshot, location=None).phone_region == organization


def test_assigning_is_an_override_unless_the_caller_is_the_assignee() -> None:
    sue = samples.agent_caller("sue", supervisor=True)
    entry = decision_of(decide(samples.snapshot(), commands.AssignTicket("bob"), sue, NOW)).activity
    assert entry is not None
    assert entry.type is ActivityType.ASSIGNED_BY_OVERRIDE
    own = samples.snapshot(ticket=replace(TICKET, assignee="sue"))
    entry = decision_of(decide(own, commands.AssignTicket("bob"), sue, NOW)).activity
    assert entry is not None
    assert entry.type is ActivityType.ASSIGNED
