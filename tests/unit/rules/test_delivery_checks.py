"""A provider is asked for the state of a message at growing intervals, and at once on request."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from care_rules.commands import RecordDelivered
from care_rules.delivery import DeliverySnapshot, DeliveryStep, begin_delivery, new_delivery, report_delivery
from care_rules.entities.activity import ActorKind
from care_rules.entities.delivery import DeliveryState
from care_rules.entities.message import Message, MessageKind
from care_rules.settings import Settings
from tests.support.sample_tickets import CONTACT_ID, NEW_ID, NOW, WORKER, contact, snapshot

MINUTE = timedelta(minutes=1)


def queued_delivery() -> DeliverySnapshot:
    message = Message(
        organization="acme",
        ticket_number=7,
        id=NEW_ID,
        activity_number=4,
        ordinal=0,
        kind=MessageKind.AGENT_MESSAGE,
        author_kind=ActorKind.AGENT,
        author="alice",
        author_display_name="Alice",
        text="Hello",
        recovery_id=None,
        create_time=NOW,
        contact_id=CONTACT_ID,
        channel=None,
        automatic=False,
    )
    return DeliverySnapshot(
        snapshot(), message, new_delivery(message, contact(), Settings()), contact(), is_rejected=False
    )


def begin(before: DeliverySnapshot, step: DeliveryStep, now: datetime) -> DeliverySnapshot:
    decision = begin_delivery(before, step, WORKER, now)
    assert decision
    assert decision.delivery
    return replace(before, delivery=decision.delivery)


def record_report(
    before: DeliverySnapshot, now: datetime, state: DeliveryState = DeliveryState.SENT, *, can_be_checked: bool = True
) -> DeliverySnapshot:
    report = RecordDelivered(before.delivery.attempt, state, "provider-1", can_be_checked)
    decision = report_delivery(before, report, WORKER, now)
    assert decision
    assert decision.delivery
    return replace(before, delivery=decision.delivery)


@pytest.fixture
def sent() -> DeliverySnapshot:
    """A message that was sent at `NOW`. Its first check is due in a minute."""
    return record_report(begin(queued_delivery(), DeliveryStep.SEND, NOW), NOW)


def test_a_check_is_handed_out_before_its_time(sent: DeliverySnapshot) -> None:
    assert sent.plan(NOW).step is DeliveryStep.WAIT
    assert begin(sent, DeliveryStep.CHECK, NOW).delivery.attempt == 2


def test_a_check_is_handed_out_when_it_is_due(sent: DeliverySnapshot) -> None:
    assert sent.plan(NOW + MINUTE).step is DeliveryStep.CHECK
    assert begin(sent, DeliveryStep.CHECK, NOW + MINUTE).delivery.attempt == 2


@pytest.mark.parametrize("step", [DeliveryStep.SEND, DeliveryStep.WAIT, DeliveryStep.DONE])
def test_a_sent_message_is_only_checked(sent: DeliverySnapshot, step: DeliveryStep) -> None:
    for now in (NOW, NOW + MINUTE):
        assert begin_delivery(sent, step, WORKER, now) is None


def test_a_message_that_was_not_sent_is_not_checked() -> None:
    assert begin_delivery(queued_delivery(), DeliveryStep.CHECK, WORKER, NOW) is None


def test_a_message_that_cannot_be_checked_is_not_checked(sent: DeliverySnapshot) -> None:
    for after in (
        record_report(begin(queued_delivery(), DeliveryStep.SEND, NOW), NOW, can_be_checked=False),
        record_report(begin(sent, DeliveryStep.CHECK, NOW), NOW, DeliveryState.DELIVERED),
    ):
        assert after.plan(NOW).step is DeliveryStep.DONE
        assert begin_delivery(after, DeliveryStep.CHECK, WORKER, NOW) is None


def test_early_checks_do_not_change_the_number_and_times_of_other_checks(sent: DeliverySnapshot) -> None:
    early = sent
    for _ in range(50):
        early = record_report(begin(early, DeliveryStep.CHECK, NOW), NOW + MINUTE / 2)
    assert early.plan(NOW + MINUTE / 2).wait == MINUTE / 2
    assert replace(early.delivery, attempts=0) == replace(sent.delivery, attempts=0)


def test_the_times_between_checks_grow_and_the_checks_end(sent: DeliverySnapshot) -> None:
    after, now, waits = sent, NOW, []
    while (plan := after.plan(now)).step is DeliveryStep.WAIT:
        assert plan.wait
        waits.append(plan.wait)
        now += plan.wait
        after = record_report(begin(after, DeliveryStep.CHECK, now), now)
    assert waits == [MINUTE * 2**number for number in range(11)]
    assert after.plan(now).step is DeliveryStep.DONE
    assert after.delivery.state is DeliveryState.SENT


def test_an_early_check_that_finds_it_delivered_ends_it(sent: DeliverySnapshot) -> None:
    after = record_report(begin(sent, DeliveryStep.CHECK, NOW), NOW, DeliveryState.DELIVERED)
    assert (after.delivery.state, after.delivery.end_time) == (DeliveryState.DELIVERED, NOW)


def test_an_early_check_that_finds_it_unknown_ends_the_checks(sent: DeliverySnapshot) -> None:
    after = record_report(begin(sent, DeliveryStep.CHECK, NOW), NOW, can_be_checked=False)
    assert (after.delivery.state, after.plan(NOW).step) == (DeliveryState.SENT, DeliveryStep.DONE)
