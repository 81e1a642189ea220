"""The next step of a recovery depends on its state, its reply, and the replies of the review's other recoveries."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from care_rules.entities.recovery import Recovery, ReplyState
from care_rules.lifecycle import RecoveryState
from care_rules.recovery_plan import RecoveryPlan, RecoveryStep, Sibling, SiteTiming, plan_recovery
from tests.support import sample_tickets as samples
from tests.support.sample_tickets import NOW

TIMING = SiteTiming(
    checks=(timedelta(minutes=10), timedelta(hours=1), timedelta(days=1), timedelta(days=3)),
    settle=timedelta(minutes=1),
)
ENDED_WITH_A_LINK = (
    RecoveryState.WITHDRAWN,
    RecoveryState.EXPIRED,
    RecoveryState.REJECTED,
    RecoveryState.REPLACED,
    RecoveryState.ENDED_BY_CLOSE,
)


def at(state: RecoveryState, reply_state: ReplyState = ReplyState.NONE) -> Recovery:
    """Returns a form whose writes have settled. A public reply was checked just now."""
    public = reply_state in {ReplyState.POSTED, ReplyState.RETRACTING, ReplyState.RETRACTED}
    return replace(
        samples.form(state),
        reply_state=reply_state,
        attempt=0 if reply_state is ReplyState.NONE else 1,
        hand_out_time=None if reply_state is ReplyState.NONE else NOW - timedelta(hours=2),
        post_time=NOW if public else None,
        read_time=NOW if public else None,
    )


def step(recovery: Recovery, *siblings: Sibling) -> RecoveryStep:
    return plan_recovery(recovery, siblings, NOW, TIMING).step


@pytest.mark.parametrize("reply_state", ReplyState)
@pytest.mark.parametrize("sibling", [ReplyState.POSTING, ReplyState.RETRACTING])
def test_a_received_contact_is_unlocked_in_every_state_of_the_reply(
    reply_state: ReplyState, sibling: ReplyState
) -> None:
    recovery = at(RecoveryState.CONTACT_RECEIVED, reply_state)
    assert step(recovery, Sibling(newer=False, reply_state=sibling)) is RecoveryStep.UNLOCK
    overdue = replace(recovery, expire_time=NOW)
    assert step(overdue) is RecoveryStep.UNLOCK


@pytest.mark.parametrize("reply_state", [ReplyState.NONE, ReplyState.POSTING])
def test_a_requested_form_is_posted_until_there_is_an_outcome(reply_state: ReplyState) -> None:
    assert plan_recovery(at(RecoveryState.FORM_REQUESTED, reply_state), [], NOW, TIMING) == RecoveryPlan(
        RecoveryStep.POST
    )


@pytest.mark.parametrize("reply_state", ReplyState)
def test_a_requested_form_holds_only_for_older_hand_outs(reply_state: ReplyState) -> None:
    held = reply_state in {ReplyState.POSTING, ReplyState.RETRACTING}
    requested = at(RecoveryState.FORM_REQUESTED)
    assert step(requested, Sibling(newer=False, reply_state=reply_state)) is (
        RecoveryStep.HOLD if held else RecoveryStep.POST
    )
    assert step(requested, Sibling(newer=True, reply_state=reply_state)) is RecoveryStep.POST


def test_a_hold_lasts_seconds() -> None:
    wait = plan_recovery(
        at(RecoveryState.FORM_REQUESTED), [Sibling(newer=False, reply_state=ReplyState.POSTING)], NOW, TIMING
    ).wait
    assert wait is not None
    assert timedelta() < wait <= timedelta(minutes=1)


@pytest.mark.parametrize(
    ("state", "reply_state"),
    [(RecoveryState.FORM_REQUESTED, ReplyState.POSTING), (RecoveryState.AWAITING_CONTACT, ReplyState.POSTED)],
)
def test_a_live_form_expires_at_its_time_and_not_before(state: RecoveryState, reply_state: ReplyState) -> None:
    recovery = replace(at(state, reply_state), expire_time=NOW)
    assert step(recovery) is RecoveryStep.EXPIRE
    later = replace(recovery, expire_time=NOW + timedelta(microseconds=1))
    assert step(later) is not RecoveryStep.EXPIRE


def test_a_public_form_waits_for_the_earlier_of_its_next_check_and_its_expiry() -> None:
    awaiting = at(RecoveryState.AWAITING_CONTACT, ReplyState.POSTED)
    assert plan_recovery(awaiting, [], NOW, TIMING) == RecoveryPlan(RecoveryStep.WAIT, timedelta(minutes=10))
    short = replace(awaiting, expire_time=NOW + timedelta(minutes=3))
    assert plan_recovery(short, [], NOW, TIMING) == RecoveryPlan(RecoveryStep.WAIT, timedelta(minutes=3))


@pytest.mark.parametrize(
    ("seen", "asked", "expected"),
    [
        (timedelta(), timedelta(minutes=9), RecoveryPlan(RecoveryStep.WAIT, timedelta(minutes=1))),
        (timedelta(), timedelta(minutes=10), RecoveryPlan(RecoveryStep.READ)),
        (timedelta(minutes=10), timedelta(minutes=10), RecoveryPlan(RecoveryStep.WAIT, timedelta(minutes=50))),
        (timedelta(minutes=30), timedelta(minutes=30), RecoveryPlan(RecoveryStep.WAIT, timedelta(minutes=30))),
        (timedelta(hours=2), timedelta(hours=2), RecoveryPlan(RecoveryStep.WAIT, timedelta(hours=22))),
        (timedelta(minutes=10), timedelta(days=2), RecoveryPlan(RecoveryStep.READ)),
        (timedelta(days=2), timedelta(days=2), RecoveryPlan(RecoveryStep.WAIT, timedelta(days=1))),
        (timedelta(days=3), timedelta(days=3), RecoveryPlan(RecoveryStep.WAIT, timedelta(days=25, hours=24))),
    ],
)
def test_a_check_is_due_once_its_time_has_passed_without_a_reading(
    seen: timedelta, asked: timedelta, expected: RecoveryPlan
) -> None:
    awaiting = replace(
        at(RecoveryState.AWAITING_CONTACT, ReplyState.POSTED),
        read_time=NOW + seen,
        expire_time=NOW + timedelta(days=29),
    )
    assert plan_recovery(awaiting, [], NOW + asked, TIMING) == expected


def test_checks_need_not_be_given_in_order() -> None:
    awaiting = at(RecoveryState.AWAITING_CONTACT, ReplyState.POSTED)
    backwards = replace(TIMING, checks=tuple(reversed(TIMING.checks)))
    assert plan_recovery(awaiting, [], NOW, backwards) == RecoveryPlan(RecoveryStep.WAIT, timedelta(minutes=10))


@pytest.mark.parametrize("state", [*ENDED_WITH_A_LINK, RecoveryState.CHAT_UNLOCKED])
def test_a_hand_out_of_an_ended_form_is_read_at_the_site(state: RecoveryState) -> None:
    assert step(at(state, ReplyState.POSTING)) is RecoveryStep.READ


def test_a_hand_out_without_an_outcome_holds_until_it_has_settled() -> None:
    out = replace(at(RecoveryState.WITHDRAWN, ReplyState.POSTING), hand_out_time=NOW - timedelta(seconds=20))
    assert plan_recovery(out, [], NOW, TIMING) == RecoveryPlan(RecoveryStep.HOLD, timedelta(seconds=40))
    assert plan_recovery(out, [], NOW + timedelta(seconds=40), TIMING) == RecoveryPlan(RecoveryStep.READ)


def test_an_earlier_write_that_may_still_appear_holds_up_retraction_and_newer_posts() -> None:
    until = NOW + timedelta(seconds=30)
    posted = replace(at(RecoveryState.WITHDRAWN, ReplyState.POSTED), unsettled_until=until)
    assert plan_recovery(posted, [], NOW, TIMING) == RecoveryPlan(RecoveryStep.HOLD, timedelta(seconds=30))
    assert plan_recovery(posted, [], until, TIMING) == RecoveryPlan(RecoveryStep.RETRACT)
    sibling = Sibling(newer=False, reply_state=ReplyState.POSTED, unsettled_until=until)
    requested = at(RecoveryState.FORM_REQUESTED)
    assert plan_recovery(requested, [sibling], NOW, TIMING).step is RecoveryStep.HOLD
    assert plan_recovery(requested, [sibling], until, TIMING).step is RecoveryStep.POST


@pytest.mark.parametrize("state", ENDED_WITH_A_LINK)
@pytest.mark.parametrize("reply_state", ReplyState)
def test_an_ended_recovery_retracts_its_public_reply_and_is_otherwise_done(
    state: RecoveryState, reply_state: ReplyState
) -> None:
    expected = {
        ReplyState.POSTING: RecoveryStep.READ,
        ReplyState.POSTED: RecoveryStep.RETRACT,
        ReplyState.RETRACTING: RecoveryStep.RETRACT,
    }
    assert step(at(state, reply_state)) is expected.get(reply_state, RecoveryStep.DONE)


@pytest.mark.parametrize("reply_state", [ReplyState.NOT_PUBLIC, ReplyState.POSTED])
def test_a_refused_or_removed_reply_needs_no_retraction(reply_state: ReplyState) -> None:
    # The reply was public only before the refusal, if at all.
    assert step(replace(at(RecoveryState.REFUSED, reply_state), end_time=NOW + timedelta(hours=1))) is RecoveryStep.DONE


def test_a_reply_that_appears_after_its_refusal_is_retracted() -> None:
    late = replace(at(RecoveryState.REFUSED, ReplyState.POSTED), end_time=NOW - timedelta(minutes=1), post_time=NOW)
    assert step(late) is RecoveryStep.RETRACT


@pytest.mark.parametrize("reply_state", [ReplyState.NONE, ReplyState.POSTED, ReplyState.NOT_PUBLIC])
def test_an_unlocked_chat_needs_no_step(reply_state: ReplyState) -> None:
    assert step(at(RecoveryState.CHAT_UNLOCKED, reply_state)) is RecoveryStep.DONE


@pytest.mark.parametrize(
    ("newer", "expected"),
    [
        (ReplyState.NONE, RecoveryStep.RETRACT),
        (ReplyState.NOT_PUBLIC, RecoveryStep.RETRACT),
        (ReplyState.POSTING, RecoveryStep.HOLD),
        (ReplyState.POSTED, RecoveryStep.DONE),
        # The newer reply replaced the older one, and is being retracted or has been retracted.
        (ReplyState.RETRACTING, RecoveryStep.DONE),
        (ReplyState.RETRACTED, RecoveryStep.DONE),
    ],
)
def test_only_a_newer_reply_that_was_public_makes_a_retraction_unnecessary(
    newer: ReplyState, expected: RecoveryStep
) -> None:
    posted = at(RecoveryState.WITHDRAWN, ReplyState.POSTED)
    assert step(posted, Sibling(newer=True, reply_state=newer)) is expected


@pytest.mark.parametrize("reply_state", ReplyState)
def test_an_older_reply_does_not_affect_a_retraction(reply_state: ReplyState) -> None:
    assert (
        step(at(RecoveryState.WITHDRAWN, ReplyState.POSTED), Sibling(newer=False, reply_state=reply_state))
        is RecoveryStep.RETRACT
    )


def test_a_newer_hand_out_takes_precedence_over_a_newer_outcome() -> None:
    posted = at(RecoveryState.WITHDRAWN, ReplyState.POSTED)
    siblings = (Sibling(newer=True, reply_state=ReplyState.POSTED), Sibling(newer=True, reply_state=ReplyState.POSTING))
    assert step(posted, *siblings) is RecoveryStep.HOLD


def test_a_refused_retraction_is_retried_after_its_pause() -> None:
    paused = replace(at(RecoveryState.WITHDRAWN, ReplyState.POSTED), retract_after=NOW + timedelta(hours=1))
    assert plan_recovery(paused, [], NOW, TIMING) == RecoveryPlan(RecoveryStep.WAIT, timedelta(hours=1))
    assert plan_recovery(paused, [], NOW + timedelta(hours=1), TIMING) == RecoveryPlan(RecoveryStep.RETRACT)
