"""Deliveries: the next step of a message on its way to the customer, and decisions on reported attempts.

A report that is late or repeated, or that is about another attempt, succeeds and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from care_rules.callers import Caller
from care_rules.commands import DeliveryReport, RecordDelivered, RecordFailed
from care_rules.decision import Decision, bump_revision, bump_version, new_activity
from care_rules.entities.activity import ActivityType, FieldChange
from care_rules.entities.contact import Contact
from care_rules.entities.delivery import Delivery, DeliveryFailure, DeliveryState
from care_rules.entities.message import Channel, Message
from care_rules.settings import Settings
from care_rules.snapshot import TicketSnapshot

GIVE_UP_AFTER: Final = timedelta(days=3)
"""How long sending is retried. A mail server that is down over a weekend still gets the message."""
_FIRST_CHECK: Final = timedelta(minutes=1)
_LAST_CHECK: Final = 11
"""The number of checks. The pauses between them double from one minute, so the last one is 34 hours after sending."""
_NONE: Final = 0
FINISHED: Final = frozenset({DeliveryState.DELIVERED, DeliveryState.FAILED})
"""The states in which a delivery needs no step. A late report can still change them."""


class DeliveryStep(StrEnum):
    """The next step of a delivery; `care.v1.DeliveryStep` documents each value."""

    SEND = "SEND"
    CHECK = "CHECK"
    WAIT = "WAIT"
    DONE = "DONE"


_STARTS_FROM: Final = {
    DeliveryStep.SEND: {DeliveryStep.SEND},
    DeliveryStep.CHECK: {DeliveryStep.CHECK, DeliveryStep.WAIT},
}


@dataclass(frozen=True, slots=True)
class DeliveryPlan:
    """The next step of a delivery, and for WAIT how long to wait."""

    step: DeliveryStep
    wait: timedelta | None = None


@dataclass(frozen=True, slots=True)
class DeliverySnapshot:
    """The state behind a delivery: its ticket, message and contact."""

    base: TicketSnapshot
    message: Message
    delivery: Delivery
    contact: Contact
    """The recipient."""
    is_rejected: bool
    """Whether the recovery of the contact is REJECTED."""

    def plan(self, now: datetime) -> DeliveryPlan:
        """Returns the delivery's next step at `now`."""
        delivery = self.delivery
        if delivery.state is DeliveryState.QUEUED:
            return DeliveryPlan(DeliveryStep.SEND)
        if delivery.state in FINISHED or delivery.check_time is None:
            return DeliveryPlan(DeliveryStep.DONE)
        if delivery.check_time > now:
            return DeliveryPlan(DeliveryStep.WAIT, delivery.check_time - now)
        return DeliveryPlan(DeliveryStep.CHECK)


def channel_for(contact: Contact, settings: Settings) -> Channel:
    """Returns the channel for messages to a contact: the only one with an address, or else the preferred channel."""
    if not contact.phone:
        return Channel.EMAIL
    if not contact.email:
        return Channel.SMS
    return settings.preferred_channel


def new_delivery(message: Message, contact: Contact, settings: Settings) -> Delivery:
    """Returns the delivery of a new message, QUEUED."""
    return Delivery(
        organization=message.organization,
        ticket_number=message.ticket_number,
        message_id=message.id,
        contact_id=contact.id,
        state=DeliveryState.QUEUED,
        channel=channel_for(contact, settings),
        failure_reason=None,
        failure_message="",
        attempt=_NONE,
        attempts=0,
        provider_id="",
        check_time=None,
        checks=0,
        create_time=message.create_time,
        give_up_time=message.create_time + GIVE_UP_AFTER,
        send_time=None,
        end_time=None,
    )


def begin_delivery(snapshot: DeliverySnapshot, step: DeliveryStep, caller: Caller, now: datetime) -> Decision | None:
    """Returns what to write when an attempt begins; None if `step` is not the delivery's next step.

    If the contact was rejected, or the time for sending is over, the delivery fails instead. A CHECK can begin before
    its time: the worker then has a hint that the state at the provider has changed. The start of an attempt writes no
    activity, because callers can't see attempts.
    """
    delivery = snapshot.delivery
    if snapshot.plan(now).step not in _STARTS_FROM.get(step, ()):
        return None
    if step is DeliveryStep.SEND and snapshot.is_rejected:
        return _record_failed(snapshot, DeliveryFailure.CONTACT_REJECTED, "", caller, now)
    if step is DeliveryStep.SEND and delivery.give_up_time <= now:
        return _record_failed(snapshot, DeliveryFailure.TIMED_OUT, "", caller, now)
    number = delivery.attempts + 1
    ticket = bump_revision(snapshot.base.ticket)
    return Decision(ticket, delivery=replace(delivery, attempt=number, attempts=number))


def cancel_delivery(delivery: Delivery, now: datetime) -> Delivery:
    """Returns `delivery` after its contact was rejected. A delivery that is still queued fails.

    An attempt in progress may still report that the message was sent.
    """
    if delivery.state is not DeliveryState.QUEUED:
        return delivery
    return replace(delivery, state=DeliveryState.FAILED, failure_reason=DeliveryFailure.CONTACT_REJECTED, end_time=now)


def report_delivery(
    snapshot: DeliverySnapshot, command: DeliveryReport, caller: Caller, now: datetime
) -> Decision | None:
    """Returns what to write for a report; None if it changes nothing.

    An attempt that was in progress when the contact was rejected may have succeeded. The thread then shows that.
    """
    delivery = snapshot.delivery
    if delivery.attempt == _NONE or command.attempt != delivery.attempt:
        return None
    if isinstance(command, RecordFailed):
        if delivery.state is DeliveryState.FAILED:
            ticket = bump_revision(snapshot.base.ticket)
            return Decision(ticket, delivery=replace(delivery, attempt=_NONE))
        return _record_failed(snapshot, command.reason, command.provider_message, caller, now)
    return _record_delivered(snapshot, command, caller, now)


def _record_delivered(snapshot: DeliverySnapshot, command: RecordDelivered, caller: Caller, now: datetime) -> Decision:
    before = snapshot.delivery
    arrived = command.state is DeliveryState.DELIVERED
    if before.check_time is not None and now < before.check_time:
        # A check before its time follows a hint. There may be many hints, so such a check does not count, and does not
        # delay the next check.
        checks, next_check = before.checks, before.check_time
    else:
        checks = before.checks + (before.state is DeliveryState.SENT)
        next_check = now + _FIRST_CHECK * 2**checks
    asked_again = command.can_be_checked and not arrived and checks < _LAST_CHECK
    after = replace(
        before,
        state=command.state,
        failure_reason=None,
        failure_message="",
        attempt=_NONE,
        provider_id=command.provider_id or before.provider_id,
        check_time=next_check if asked_again else None,
        checks=checks,
        send_time=before.send_time or now,
        end_time=now if arrived else None,
    )
    if after.state is before.state:  # the check found no change
        return Decision(bump_revision(snapshot.base.ticket), delivery=after)
    return _write(
        snapshot, after, ActivityType.DELIVERY_CONFIRMED if arrived else ActivityType.DELIVERY_SENT, caller, now
    )


def _record_failed(
    snapshot: DeliverySnapshot, reason: DeliveryFailure, provider_message: str, caller: Caller, now: datetime
) -> Decision:
    after = replace(
        snapshot.delivery,
        state=DeliveryState.FAILED,
        failure_reason=reason,
        failure_message=provider_message,
        attempt=_NONE,
        check_time=None,
        end_time=now,
    )
    return _write(snapshot, after, ActivityType.DELIVERY_FAILED, caller, now)


def _write(snapshot: DeliverySnapshot, after: Delivery, kind: ActivityType, caller: Caller, now: datetime) -> Decision:
    before = snapshot.base.ticket
    ticket = bump_version(before, snapshot.base.live, now)
    entry = new_activity(kind, caller, before, ticket, message_id=after.message_id)
    moved: tuple[FieldChange, ...] = (FieldChange("delivery.state", snapshot.delivery.state.value, after.state.value),)
    if after.failure_reason is not None:
        # The log omits the provider's message, which may contain the address.
        moved = (FieldChange("delivery.failure_reason", "", after.failure_reason.value), *moved)
    return Decision(ticket, replace(entry, changes=moved), delivery=after)
