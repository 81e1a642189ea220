"""What a message to a customer wants next, and what comes of reports: the rules of the service's ``domain.delivery``.

Held to the service's by the same tests as ``recovering``.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from care_workflows.testing.records import Delivery

TRIED_FOR: Final = timedelta(days=3)
_FIRST_CHECK: Final = timedelta(minutes=1)
_LAST_CHECK: Final = 11
_BEGUN_FROM: Final = {"SEND": ("SEND",), "CHECK": ("CHECK", "WAIT")}


class Plan(NamedTuple):
    """The next step, and for WAIT how long until it is worth asking again."""

    step: str
    wait: timedelta | None = None


def plan(delivery: Delivery, now: datetime) -> Plan:
    """Return what ``delivery`` wants."""
    if delivery.state == "QUEUED":
        return Plan("SEND")
    if delivery.state in ("DELIVERED", "FAILED") or delivery.check_time is None:
        return Plan("DONE")
    if delivery.check_time > now:
        return Plan("WAIT", delivery.check_time - now)
    return Plan("CHECK")


def begin(delivery: Delivery, step: str, *, is_rejected: bool, now: datetime) -> bool:
    """Hand an attempt out, or give the message up; tells whether an attempt is out."""
    if plan(delivery, now).step not in _BEGUN_FROM.get(step, ()):
        return False
    if step == "SEND" and is_rejected:
        failed(delivery, "CONTACT_REJECTED", "")
        return False
    if step == "SEND" and delivery.give_up_time <= now:
        failed(delivery, "TIMED_OUT", "")
        return False
    delivery.attempts += 1
    delivery.attempt = delivery.attempts
    return True


def delivered(delivery: Delivery, state: str, provider_id: str, *, can_be_checked: bool, now: datetime) -> None:
    """Record that the provider took the message (SENT) or that it arrived (DELIVERED)."""
    if delivery.check_time is None or now >= delivery.check_time:
        # Hints, of which there may be many, neither use up the checks nor put them off.
        delivery.checks += delivery.state == "SENT"
        delivery.check_time = now + _FIRST_CHECK * 2**delivery.checks
    if not can_be_checked or state == "DELIVERED" or delivery.checks >= _LAST_CHECK:
        delivery.check_time = None
    delivery.state, delivery.attempt = state, 0
    delivery.failure_reason = delivery.failure_message = ""
    delivery.provider_id = provider_id or delivery.provider_id


def failed(delivery: Delivery, reason: str, words: str) -> None:
    """Record that it was refused or did not arrive."""
    delivery.attempt = 0
    if delivery.state != "FAILED":
        delivery.state, delivery.check_time = "FAILED", None
        delivery.failure_reason, delivery.failure_message = reason, words


def give_up(delivery: Delivery) -> None:
    """Its contact is rejected: what is queued fails at once. An attempt under way may still report that it was sent."""
    if delivery.state == "QUEUED":
        delivery.state, delivery.failure_reason = "FAILED", "CONTACT_REJECTED"
