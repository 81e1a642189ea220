"""Deliveries: messages on their way to the customer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from care_rules.entities.message import Channel


class DeliveryState(StrEnum):
    """The state of a delivery; `care.v1.DeliveryState` documents each value."""

    QUEUED = "QUEUED"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


class DeliveryFailure(StrEnum):
    """Why a message was not delivered; `care.v1.DeliveryFailure` documents each value."""

    ADDRESS_REFUSED = "ADDRESS_REFUSED"
    UNSUBSCRIBED = "UNSUBSCRIBED"
    CONTENT_REFUSED = "CONTENT_REFUSED"
    NOT_PERMITTED = "NOT_PERMITTED"
    TIMED_OUT = "TIMED_OUT"
    CONTACT_REJECTED = "CONTACT_REJECTED"
    NO_CHANNEL = "NO_CHANNEL"
    BOUNCED = "BOUNCED"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The delivery of one message to the customer."""

    organization: str
    ticket_number: int
    message_id: UUID
    contact_id: UUID
    state: DeliveryState
    channel: Channel
    failure_reason: DeliveryFailure | None
    failure_message: str
    attempt: int
    """The number of the attempt in progress; 0 if there is none."""
    attempts: int
    """The number of attempts so far."""
    provider_id: str
    check_time: datetime | None
    """When the provider is next asked for the state."""
    checks: int
    """The number of checks so far."""
    create_time: datetime
    give_up_time: datetime
    send_time: datetime | None
    end_time: datetime | None
