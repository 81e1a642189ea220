"""What the rules are about: tickets, recoveries, contacts, reviews, agents, as plain values.

The fields of each class are the columns of its table, in the same order (a test holds them together).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from care_rules import names
from care_rules.lifecycle import RecoveryState, TicketStatus
from care_rules.timing import Timing


class CloseReason(StrEnum):
    """Why a ticket is CLOSED."""

    MANUAL = "MANUAL"
    INACTIVITY = "INACTIVITY"


class Priority(StrEnum):
    """How much a ticket presses."""

    LOW = "LOW"
    NORMAL = "NORMAL"
    HIGH = "HIGH"
    URGENT = "URGENT"


class RecoveryKind(StrEnum):
    """How a recovery goes about opening the chat."""

    FORM = "FORM"
    DIRECT = "DIRECT"


class RefusalReason(StrEnum):
    """Why a review site refused a reply, in our words."""

    TOO_LONG = "TOO_LONG"
    LINKS_NOT_ALLOWED = "LINKS_NOT_ALLOWED"
    REVIEW_NOT_FOUND = "REVIEW_NOT_FOUND"
    NOT_PERMITTED = "NOT_PERMITTED"
    TAKEN_DOWN = "TAKEN_DOWN"
    OTHER = "OTHER"


class ReplyState(StrEnum):
    """Where a recovery's reply at the review site stands: an attempt without a recorded outcome, or its outcome."""

    NONE = "NONE"
    """No attempt was handed out."""
    POSTING = "POSTING"
    """An attempt to post the reply with the link was handed out; the reply may or may not be public."""
    RETRACTING = "RETRACTING"
    """An attempt to replace the public reply by the text without the link was handed out."""
    POSTED = "POSTED"
    NOT_PUBLIC = "NOT_PUBLIC"
    RETRACTED = "RETRACTED"


class MessageKind(StrEnum):
    """What an entry of the thread is."""

    REVIEW = "REVIEW"
    REVIEW_REPLY = "REVIEW_REPLY"
    RECOVERY_FORM = "RECOVERY_FORM"
    NOTE = "NOTE"
    AGENT_MESSAGE = "AGENT_MESSAGE"
    CUSTOMER_MESSAGE = "CUSTOMER_MESSAGE"


class Channel(StrEnum):
    """How a message travels."""

    EMAIL = "EMAIL"
    SMS = "SMS"


class DeliveryState(StrEnum):
    """How far a message to the customer got; `care.v1.DeliveryState` documents each value."""

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


class IngestOutcome(StrEnum):
    """What became of a message that came in; `care.v1.IngestOutcome` documents each value."""

    ACCEPTED = "ACCEPTED"
    RECORDED = "RECORDED"
    FOLLOWED_UP = "FOLLOWED_UP"
    UNMATCHED = "UNMATCHED"
    CHAT_LOCKED = "CHAT_LOCKED"


class ActorKind(StrEnum):
    """Who does something."""

    AGENT = "AGENT"
    SERVICE = "SERVICE"
    WORKFLOW = "WORKFLOW"
    CUSTOMER = "CUSTOMER"


class ActivityType(StrEnum):
    """What was done; `care.v1.ActivityType` documents each value."""

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
class Agent:
    """A person of the team."""

    organization: str
    id: str
    display_name: str
    can_be_assignee: bool
    can_be_reporter: bool
    locations: tuple[str, ...]
    """Where tickets are assigned to them by themselves; everywhere, where none is named."""
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class Review:
    """A public review."""

    organization: str
    id: UUID
    site: str
    external_id: str
    location: str
    author_display_name: str
    stars: int
    text: str
    url: str
    create_time: datetime
    update_time: datetime
    ingest_time: datetime
    delete_time: datetime | None
    """When it was deleted at its site; None while it is there."""
    ticket_number: int | None
    """Its latest ticket."""
    posting_attempts: int
    """How many attempts at the site were handed out, over all tickets of the review; the last one's number."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A case of customer care."""

    organization: str
    number: int
    version: int
    """How many activities it has: the etag."""
    revision: int
    """Counts every write, also those without an activity: what a commit compares."""
    subject: str
    description: str
    location: str
    review_id: UUID | None
    reporter: str | None
    assignee: str | None
    status: TicketStatus
    close_reason: CloseReason | None
    priority: Priority
    labels: tuple[str, ...]
    external_reference: str
    """What the ticket is called in a system of the caller's; may be empty."""
    contact_state: RecoveryState
    """The live recovery's state, or NO_CONTACT."""
    recovery_id: UUID | None
    """The live recovery."""
    create_time: datetime
    update_time: datetime
    resolve_time: datetime | None
    close_time: datetime | None
    follow_up_of: int | None
    """The CLOSED ticket whose customer came back."""
    follow_up: int | None
    """The ticket that was raised when this one's customer came back."""
    timing: Timing

    @property
    def name(self) -> str:
        """`organizations/{o}/tickets/{n}`."""
        return names.ticket(self.organization, self.number)


@dataclass(frozen=True, slots=True)
class Recovery:
    """One attempt to open the chat."""

    organization: str
    ticket_number: int
    id: UUID
    kind: RecoveryKind
    state: RecoveryState
    review_id: UUID | None
    reply_text: str
    """With the placeholder; empty for DIRECT."""
    key_id: str
    """The key that its link's token is made with; pinned, so that the link outlives a rotation. Empty for DIRECT."""
    contact_id: UUID | None
    refusal_reason: RefusalReason | None
    refusal_message: str
    creator: str | None
    reply_state: ReplyState
    attempt: int
    """The attempt whose outcome counts; 0 where none is outstanding."""
    hand_out_time: datetime | None
    """When the last write was handed out."""
    unsettled_until: datetime | None
    """Until when an earlier write without an outcome may still appear at the site."""
    retract_refusals: int
    """How often the site refused to let the link be taken out."""
    retract_after: datetime | None
    """Not to be tried again before."""
    read_time: datetime | None
    """When the public reply was last seen as expected."""
    create_time: datetime
    post_time: datetime | None
    expire_time: datetime | None
    contact_time: datetime | None
    unlock_time: datetime | None
    end_time: datetime | None
    retract_time: datetime | None

    @property
    def name(self) -> str:
        """`organizations/{o}/tickets/{n}/recoveries/{id}`."""
        return names.recovery(self.organization, self.ticket_number, self.id)

    @property
    def reference(self) -> str:
        """What a customer who answered the form can refer to, `3F9A-12C7`: the end of the id, which is random."""
        end = self.id.hex[-8:].upper()
        return f"{end[:4]}-{end[4:]}" if self.kind is RecoveryKind.FORM else ""


@dataclass(frozen=True, slots=True)
class Contact:
    """An address that a recovery brought."""

    organization: str
    ticket_number: int
    id: UUID
    recovery_id: UUID
    recovery_ticket_number: int
    """The ticket of that recovery: for a claim it can be an earlier one of the same review."""
    display_name: str
    email: str
    phone: str
    message: str
    key_id: str
    """The key that the token of its chat's link is made with; pinned when the chat opens, and empty before."""
    verify_time: datetime | None
    """When the chat's link was first used."""
    create_time: datetime

    def address(self, channel: Channel) -> str:
        """Returns where the contact is reached by `channel`; empty if that is not known."""
        match channel:
            case Channel.EMAIL:
                return self.email
            case Channel.SMS:
                return self.phone
            case _:
                assert_never(channel)


@dataclass(frozen=True, slots=True)
class Message:
    """An entry of the thread."""

    organization: str
    ticket_number: int
    id: UUID
    activity_number: int
    ordinal: int
    """Its place among the messages of one activity."""
    kind: MessageKind
    author_kind: ActorKind
    author: str
    author_display_name: str
    text: str
    recovery_id: UUID | None
    contact_id: UUID | None
    """Whom it is for or from, where it is between the business and the customer."""
    channel: Channel | None
    """How it came from the customer; None from the chat's page."""
    automatic: bool
    """A machine wrote it."""
    create_time: datetime

    @property
    def is_greeting(self) -> bool:
        """Whether it opened the chat: the only kind whose text has a place for the private link."""
        return self.kind is MessageKind.AGENT_MESSAGE and self.author_kind is ActorKind.WORKFLOW


@dataclass(frozen=True, slots=True)
class Delivery:
    """The way of a message to the customer."""

    organization: str
    ticket_number: int
    message_id: UUID
    contact_id: UUID
    state: DeliveryState
    channel: Channel
    failure_reason: DeliveryFailure | None
    failure_message: str
    attempt: int
    """The attempt whose outcome counts; 0 where none is outstanding."""
    attempts: int
    """How many were handed out."""
    provider_id: str
    check_time: datetime | None
    """When the provider is to be asked how far it got."""
    checks: int
    """How often it was asked."""
    create_time: datetime
    give_up_time: datetime
    send_time: datetime | None
    end_time: datetime | None


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message as it came in by a channel."""

    organization: str
    channel: Channel
    external_id: str
    sender: str
    subject: str
    text: str
    in_reply_to: tuple[str, ...]
    automatic: bool
    send_time: datetime
    outcome: IngestOutcome
    ticket_number: int | None
    """The ticket that it went to, or whose chat is locked."""
    message_id: UUID | None
    ingest_time: datetime


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One value that a change replaced, as text. Free text is left out: `before` and `after` are empty then."""

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
