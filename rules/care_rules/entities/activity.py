"""Activities: the log of a ticket."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class ActorKind(StrEnum):
    """The kind of an actor."""

    AGENT = "AGENT"
    SERVICE = "SERVICE"
    WORKFLOW = "WORKFLOW"
    CUSTOMER = "CUSTOMER"


class ActivityType(StrEnum):
    """The kind of an activity; `care.v1.ActivityType` documents each value."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    TAKEN = "TAKEN"
    ASSIGNED = "ASSIGNED"
    ASSIGNED_BY_OVERRIDE = "ASSIGNED_BY_OVERRIDE"
    RELEASED = "RELEASED"
    STARTED = "STARTED"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"
    REOPENED = "REOPENED"
    FORM_REQUESTED = "FORM_REQUESTED"
    FORM_POSTED = "FORM_POSTED"
    FORM_REFUSED = "FORM_REFUSED"
    FORM_WITHDRAWN = "FORM_WITHDRAWN"
    FORM_EXPIRED = "FORM_EXPIRED"
    REPLY_RETRACTED = "REPLY_RETRACTED"
    RETRACTION_REFUSED = "RETRACTION_REFUSED"
    CONTACT_SUBMITTED = "CONTACT_SUBMITTED"
    CONTACT_CLAIMED = "CONTACT_CLAIMED"
    CONTACT_ADDED = "CONTACT_ADDED"
    CONTACT_REJECTED = "CONTACT_REJECTED"
    CHAT_UNLOCKED = "CHAT_UNLOCKED"
    NOTE_ADDED = "NOTE_ADDED"
    MESSAGE_SENT = "MESSAGE_SENT"
    MESSAGE_RECEIVED = "MESSAGE_RECEIVED"
    DELIVERY_SENT = "DELIVERY_SENT"
    DELIVERY_CONFIRMED = "DELIVERY_CONFIRMED"
    DELIVERY_FAILED = "DELIVERY_FAILED"
    CONTACT_VERIFIED = "CONTACT_VERIFIED"
    REVIEW_EDITED = "REVIEW_EDITED"
    REVIEW_DELETED = "REVIEW_DELETED"
    FORM_REMINDED = "FORM_REMINDED"
    FIRST_RESPONSE_MISSED = "FIRST_RESPONSE_MISSED"
    RESOLUTION_MISSED = "RESOLUTION_MISSED"
    INACTIVITY_WARNED = "INACTIVITY_WARNED"
    AUTO_CLOSED = "AUTO_CLOSED"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A changed field with its values as text. For free text, `before` and `after` are empty."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Activity:
    """One row of a ticket's log."""

    organization: str
    ticket_number: int
    number: int
    type: ActivityType
    actor_kind: ActorKind
    actor: str
    changes: tuple[FieldChange, ...]
    message_id: UUID | None
    recovery_id: UUID | None
    request_id: UUID | None
    create_time: datetime
    acting_service: str
    """The service that called on the actor's behalf; empty if none."""
