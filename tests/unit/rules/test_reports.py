"""Reports of workflows: what each changes, and when it changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from care_rules import commands
from care_rules.decision import Decision
from care_rules.entities.activity import ActivityType
from care_rules.entities.recovery import Recovery, RefusalReason, ReplyState
from care_rules.lifecycle import RecoveryState
from care_rules.recovery_plan import RecoveryStep, SiteTiming
from care_rules.reports import RecoverySnapshot, begin_posting, record_report
from tests.support import sample_tickets as samples
from tests.support.sample_tickets import NEW_ID, NOW, RECOVERY_ID, REVIEW, WORKER

TIMING = SiteTiming(checks=(timedelta(minutes=10),), settle=timedelta(minutes=1))


def at(state: RecoveryState, reply_state: ReplyState, attempt: int = 1) -> RecoverySnapshot:
    posted = samples.EARLIER if reply_state in {ReplyState.POSTED, ReplyState.RETRACTING} else None
    recovery = replace(
        samples.form(state), reply_state=reply_state, attempt=attempt, post_time=posted, read_time=posted
    )
    return RecoverySnapshot(samples.snapshot(recovery), recovery, ())


def refused_report(attempt: int = 1) -> commands.RecordRefused:
    return commands.RecordRefused(attempt, RefusalReason.LINKS_NOT_ALLOWED, "No links")


def recovery_of(decision: Decision | None) -> Recovery:
    assert decision is not None
    assert decision.recovery is not None
    return decision.recovery


def test_a_hand_out_gets_the_next_attempt_number_of_the_review_and_writes_no_activity() -> None:
    review = replace(REVIEW, posting_attempts=41)
    decision = begin_posting(
        at(RecoveryState.FORM_REQUESTED, ReplyState.NONE, 0), review, RecoveryStep.POST, TIMING, NOW
    )
    assert decision is not None
    assert decision.activity is None
    assert decision.review_attempt == 42
    assert (recovery_of(decision).attempt, recovery_of(decision).reply_state) == (42, ReplyState.POSTING)
    # The change is invisible, so the etag stays. But decisions on the earlier state of the ticket must be repeated.
    assert (decision.ticket.version, decision.ticket.revision) == (3, 6)


def test_a_hand_out_to_read_does_not_change_the_reply_state() -> None:
    due = at(RecoveryState.AWAITING_CONTACT, ReplyState.POSTED)
    assert recovery_of(begin_posting(due, REVIEW, RecoveryStep.READ, TIMING, NOW)).reply_state is ReplyState.POSTED


@pytest.mark.parametrize("step", RecoveryStep)
def test_only_the_planned_step_is_handed_out(step: RecoveryStep) -> None:
    decision = begin_posting(at(RecoveryState.FORM_REQUESTED, ReplyState.NONE, 0), REVIEW, step, TIMING, NOW)
    assert (decision is not None) == (step is RecoveryStep.POST)


@pytest.mark.parametrize("step", [RecoveryStep.UNLOCK, RecoveryStep.EXPIRE, RecoveryStep.WAIT, RecoveryStep.DONE])
def test_a_step_that_does_not_use_the_site_is_never_handed_out(step: RecoveryStep) -> None:
    contact = at(RecoveryState.CONTACT_RECEIVED, ReplyState.POSTING)
    assert begin_posting(contact, REVIEW, step, TIMING, NOW) is None


@pytest.mark.parametrize("state", RecoveryState)
@pytest.mark.parametrize("reply_state", ReplyState)
def test_a_report_of_another_attempt_changes_nothing(state: RecoveryState, reply_state: ReplyState) -> None:
    snapshot = at(state, reply_state, attempt=2)
    for command in (commands.RecordPosted(1), refused_report(3), commands.RecordRetracted(1)):
        assert record_report(snapshot, command, WORKER, NOW) is None


def test_a_posted_report_moves_a_requested_form_and_wakes_nobody() -> None:
    decision = record_report(
        at(RecoveryState.FORM_REQUESTED, ReplyState.POSTING), commands.RecordPosted(1), WORKER, NOW
    )
    after = recovery_of(decision)
    assert (after.state, after.reply_state, after.post_time) == (RecoveryState.AWAITING_CONTACT, ReplyState.POSTED, NOW)
    assert decision is not None
    assert decision.wakes == ()
    assert decision.ticket.contact_state is RecoveryState.AWAITING_CONTACT


@pytest.mark.parametrize(
    "command", [commands.RecordRefused(1, RefusalReason.OTHER, ""), commands.ExpireForm(early=True)]
)
def test_a_refusal_and_an_expiry_wake_the_workflow(command: commands.Report) -> None:
    decision = record_report(at(RecoveryState.FORM_REQUESTED, ReplyState.POSTING), command, WORKER, NOW)
    assert decision is not None
    assert decision.wakes == (RECOVERY_ID,)


@pytest.mark.parametrize(
    "state", [RecoveryState.WITHDRAWN, RecoveryState.CHAT_UNLOCKED, RecoveryState.ENDED_BY_CLOSE, RecoveryState.EXPIRED]
)
def test_the_outcome_for_an_ended_form_changes_only_the_reply_state(state: RecoveryState) -> None:
    posted = recovery_of(record_report(at(state, ReplyState.POSTING), commands.RecordPosted(1), WORKER, NOW))
    assert (posted.state, posted.reply_state) == (state, ReplyState.POSTED)
    not_public = recovery_of(record_report(at(state, ReplyState.POSTING), refused_report(), WORKER, NOW))
    assert (not_public.state, not_public.reply_state) == (state, ReplyState.NOT_PUBLIC)


@pytest.mark.parametrize("reply_state", [ReplyState.NONE, ReplyState.NOT_PUBLIC, ReplyState.RETRACTED])
def test_an_outcome_without_a_hand_out_changes_nothing(reply_state: ReplyState) -> None:
    for state in (RecoveryState.WITHDRAWN, RecoveryState.REFUSED, RecoveryState.CHAT_UNLOCKED):
        for command in (commands.RecordPosted(1), refused_report(), commands.RecordRetracted(1)):
            assert record_report(at(state, reply_state), command, WORKER, NOW) is None


def test_a_retraction_counts_only_while_it_is_handed_out() -> None:
    snapshot = at(RecoveryState.WITHDRAWN, ReplyState.POSTED)
    assert record_report(snapshot, commands.RecordRetracted(1), WORKER, NOW) is None
    taking_out = at(RecoveryState.WITHDRAWN, ReplyState.RETRACTING)
    # A retraction cannot have the outcome "posted".
    assert record_report(taking_out, commands.RecordPosted(1), WORKER, NOW) is None
    after = recovery_of(record_report(taking_out, commands.RecordRetracted(1), WORKER, NOW))
    assert (after.reply_state, after.retract_time) == (ReplyState.RETRACTED, NOW)


@pytest.mark.parametrize("refusals", [0, 1, 5, 40, 1_000])
def test_the_pause_after_a_refused_retraction_grows_and_never_beyond_a_day(refusals: int) -> None:
    snapshot = at(RecoveryState.WITHDRAWN, ReplyState.RETRACTING)
    often = replace(snapshot, recovery=replace(snapshot.recovery, retract_refusals=refusals))
    decision = record_report(often, refused_report(), WORKER, NOW)
    after = recovery_of(decision)
    assert after.retract_after is not None
    assert NOW < after.retract_after <= NOW + timedelta(days=1)
    assert (after.reply_state, after.state) == (ReplyState.POSTED, RecoveryState.WITHDRAWN)
    assert decision is not None
    assert decision.activity is not None
    assert decision.activity.type is ActivityType.RETRACTION_REFUSED


@pytest.mark.parametrize("state", [state for state in RecoveryState if state is not RecoveryState.CONTACT_RECEIVED])
def test_unlocking_anything_but_a_received_contact_changes_nothing(state: RecoveryState) -> None:
    assert record_report(at(state, ReplyState.NONE, 0), commands.UnlockChat(NEW_ID, "k1"), WORKER, NOW) is None


@pytest.mark.parametrize("state", RecoveryState)
def test_only_a_live_form_expires_and_only_after_its_time(state: RecoveryState) -> None:
    snapshot = at(state, ReplyState.NONE, 0)
    assert record_report(snapshot, commands.ExpireForm(), WORKER, NOW) is None
    overdue = replace(snapshot, recovery=replace(snapshot.recovery, expire_time=NOW))
    decision = record_report(overdue, commands.ExpireForm(), WORKER, NOW)
    live = state in {RecoveryState.FORM_REQUESTED, RecoveryState.AWAITING_CONTACT}
    assert (decision is not None) == live


def test_a_report_on_an_ended_recovery_does_not_change_the_live_recovery() -> None:
    ended = replace(samples.form(RecoveryState.WITHDRAWN), reply_state=ReplyState.POSTING, attempt=1)
    live = replace(samples.form(RecoveryState.CHAT_UNLOCKED), id=samples.NEW_ID)
    snapshot = replace(samples.snapshot(live), target_recovery=ended)
    decision = record_report(RecoverySnapshot(snapshot, ended, ()), commands.RecordPosted(1), WORKER, NOW)
    assert decision is not None
    assert (decision.ticket.recovery_id, decision.ticket.contact_state) == (live.id, RecoveryState.CHAT_UNLOCKED)
