"""Attempts to send a message: when one may begin, and which reports count."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from care_rules.commands import DeliveryReport, RecordDelivered, RecordFailed
from care_rules.delivery import DeliverySnapshot, DeliveryStep, begin_delivery, new_delivery, report_delivery
from care_rules.entities.activity import ActivityType, ActorKind
from care_rules.entities.delivery import Delivery, DeliveryFailure, DeliveryState
from care_rules.entities.message import Message, MessageKind
from care_rules.settings import Settings
from tests.support.sample_tickets import CONTACT_ID, NEW_ID, NOW, WORKER, contact, snapshot

GIVE_UP = NOW + timedelta(days=3)
SECOND = timedelta(seconds=1)


@pytest.fixture
def queued() -> DeliverySnapshot:
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
    delivery = new_delivery(message, contact(), Settings())
    return DeliverySnapshot(snapshot(), message, delivery, contact(), is_rejected=False)


@pytest.fixture
def begun(queued: DeliverySnapshot) -> DeliverySnapshot:
    decision = begin_delivery(queued, DeliveryStep.SEND, WORKER, NOW)
    assert decision is not None
    assert decision.delivery is not None
    assert decision.activity is None
    return replace(queued, delivery=decision.delivery)


def failure(begun: DeliverySnapshot) -> tuple[Delivery | None, ActivityType | None]:
    decision = begin_delivery(begun, DeliveryStep.SEND, WORKER, GIVE_UP)
    assert decision is not None
    return decision.delivery, decision.activity.type if decision.activity else None


def test_a_message_is_sent_until_it_is_given_up(queued: DeliverySnapshot) -> None:
    decision = begin_delivery(queued, DeliveryStep.SEND, WORKER, GIVE_UP - SECOND)
    assert decision is not None
    assert decision.delivery is not None
    assert (decision.delivery.state, decision.delivery.attempt) == (DeliveryState.QUEUED, 1)
    delivery, kind = failure(queued)
    assert delivery is not None
    assert (delivery.state, delivery.failure_reason) == (DeliveryState.FAILED, DeliveryFailure.TIMED_OUT)
    assert (delivery.attempt, delivery.end_time, kind) == (0, GIVE_UP, ActivityType.DELIVERY_FAILED)


def test_nothing_is_sent_to_a_rejected_contact(queued: DeliverySnapshot) -> None:
    delivery, kind = failure(replace(queued, is_rejected=True))
    assert delivery is not None
    assert (delivery.state, delivery.failure_reason) == (DeliveryState.FAILED, DeliveryFailure.CONTACT_REJECTED)
    assert kind is ActivityType.DELIVERY_FAILED


@pytest.mark.parametrize("attempt", [0, 2])
def test_the_report_of_another_attempt_changes_nothing(begun: DeliverySnapshot, attempt: int) -> None:
    reports: tuple[DeliveryReport, ...] = (
        RecordDelivered(attempt, DeliveryState.SENT, "provider-1", can_be_checked=True),
        RecordFailed(attempt, DeliveryFailure.OTHER, "no"),
    )
    assert [report_delivery(begun, report, WORKER, NOW) for report in reports] == [None, None]


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (DeliveryState.SENT, ActivityType.DELIVERY_SENT),
        (DeliveryState.DELIVERED, ActivityType.DELIVERY_CONFIRMED),
    ],
)
def test_the_log_shows_the_delivery_of_a_message(
    begun: DeliverySnapshot, state: DeliveryState, kind: ActivityType
) -> None:
    decision = report_delivery(begun, RecordDelivered(1, state, "provider-1", can_be_checked=True), WORKER, NOW)
    assert decision is not None
    assert decision.activity is not None
    assert decision.activity.type is kind
