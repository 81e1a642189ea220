"""Commands: what a caller or a workflow requests. A command contains the ids of the entities that it creates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from care_rules.entities.delivery import DeliveryFailure, DeliveryState
from care_rules.entities.message import Channel
from care_rules.entities.recovery import RefusalReason
from care_rules.entities.ticket import Priority
from care_rules.permissions import Command


@dataclass(frozen=True, slots=True)
class TakeTicket:
    """Makes the caller the assignee of an unassigned ticket."""

    command: ClassVar[Command] = Command.TAKE


@dataclass(frozen=True, slots=True)
class AssignTicket:
    """Assigns the ticket to `agent`."""

    command: ClassVar[Command] = Command.ASSIGN
    agent: str


@dataclass(frozen=True, slots=True)
class ReleaseTicket:
    """Removes the assignee."""

    command: ClassVar[Command] = Command.RELEASE


@dataclass(frozen=True, slots=True)
class UpdateTicket:
    """Changes details of the ticket. None leaves a detail as it is."""

    command: ClassVar[Command] = Command.UPDATE
    subject: str | None = None
    description: str | None = None
    priority: Priority | None = None
    labels: tuple[str, ...] | None = None
    external_reference: str | None = None


@dataclass(frozen=True, slots=True)
class StartTicket:
    """Starts the work on the ticket."""

    command: ClassVar[Command] = Command.START


@dataclass(frozen=True, slots=True)
class ResolveTicket:
    """Marks the ticket as resolved."""

    command: ClassVar[Command] = Command.RESOLVE


@dataclass(frozen=True, slots=True)
class CloseTicket:
    """Closes the ticket for good."""

    command: ClassVar[Command] = Command.CLOSE


@dataclass(frozen=True, slots=True)
class ReopenTicket:
    """Reopens a resolved ticket."""

    command: ClassVar[Command] = Command.REOPEN


@dataclass(frozen=True, slots=True)
class SendRecoveryForm:
    """Posts a public reply with a link to the form."""

    command: ClassVar[Command] = Command.SEND_FORM
    reply_text: str
    link: str
    """The link that replaces the placeholder. It counts towards the site's limit, and is not stored."""
    key_id: str
    recovery_id: UUID
    reply_message_id: UUID
    form_message_id: UUID


@dataclass(frozen=True, slots=True)
class WithdrawRecoveryForm:
    """Withdraws a form."""

    command: ClassVar[Command] = Command.WITHDRAW_FORM


@dataclass(frozen=True, slots=True)
class AddContact:
    """Adds a contact that the agent knows from elsewhere."""

    command: ClassVar[Command] = Command.ADD_CONTACT
    email: str
    phone: str
    """As typed. `decide` normalizes the number, because the default region depends on the ticket's location."""
    display_name: str
    recovery_id: UUID
    contact_id: UUID
    claim: UUID | None = None
    """The id of the claim whose addresses, name and message are used, instead of the fields above."""


@dataclass(frozen=True, slots=True)
class RejectContact:
    """Rejects the contact of a recovery as the wrong person."""

    command: ClassVar[Command] = Command.REJECT_CONTACT


@dataclass(frozen=True, slots=True)
class AddNote:
    """Writes an internal note."""

    command: ClassVar[Command] = Command.ADD_NOTE
    text: str
    message_id: UUID


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Sends a message to the customer."""

    command: ClassVar[Command] = Command.SEND_MESSAGE
    text: str
    message_id: UUID


AgentCommand = (
    TakeTicket
    | AssignTicket
    | ReleaseTicket
    | UpdateTicket
    | StartTicket
    | ResolveTicket
    | CloseTicket
    | ReopenTicket
    | SendRecoveryForm
    | WithdrawRecoveryForm
    | AddContact
    | RejectContact
    | AddNote
    | SendMessage
)


@dataclass(frozen=True, slots=True)
class CreateTicket:
    """Creates a ticket, with or without a review, and with or without a known contact."""

    subject: str
    description: str
    location: str
    priority: Priority | None
    """None for the priority that the settings give the review's stars, or NORMAL without a review."""
    labels: tuple[str, ...]
    email: str
    phone: str
    display_name: str
    recovery_id: UUID
    contact_id: UUID
    message_id: UUID
    external_reference: str = ""


@dataclass(frozen=True, slots=True)
class SubmitContact:
    """Submits an address through a form's link."""

    email: str
    phone: str
    display_name: str
    message: str
    contact_id: UUID
    recovery_id: UUID
    """The id of the new recovery, if the submission creates a follow-up ticket."""
    message_id: UUID
    """The id of the review's entry in the thread of that follow-up ticket."""


@dataclass(frozen=True, slots=True)
class RecordPosted:
    """Reports that the reply with the link is public."""

    attempt: int


@dataclass(frozen=True, slots=True)
class RecordRefused:
    """Reports that the site refused the attempt, or that the reply is not public."""

    attempt: int
    reason: RefusalReason
    provider_message: str


@dataclass(frozen=True, slots=True)
class RecordRetracted:
    """Reports that the public reply no longer contains the link."""

    attempt: int


@dataclass(frozen=True, slots=True)
class UnlockChat:
    """Opens the chat, and sends its link to the customer."""

    message_id: UUID
    """The id of the greeting that contains the link."""
    key_id: str
    """The id of the key that signs the link."""


@dataclass(frozen=True, slots=True)
class ExpireForm:
    """Ends a live form that has expired."""

    early: bool = False
    """Whether a live form also ends before its expiry time."""


Report = RecordPosted | RecordRefused | RecordRetracted | UnlockChat | ExpireForm


@dataclass(frozen=True, slots=True)
class PostMessage:
    """A customer's message, from the chat page or by a channel."""

    text: str
    message_id: UUID
    recovery_id: UUID
    """The id of the new recovery, if the message creates a follow-up ticket."""
    contact_id: UUID
    """The id of the new contact, if the message creates a follow-up ticket or becomes a claim."""
    review_message_id: UUID
    """The id of the review's entry in the thread of a follow-up ticket."""
    channel: Channel | None = None
    """None for the chat page."""
    automatic: bool = False
    """Whether a machine wrote it."""


@dataclass(frozen=True, slots=True)
class RecordDelivered:
    """Reports that the provider accepted the message, or that it arrived."""

    attempt: int
    state: DeliveryState
    provider_id: str
    can_be_checked: bool


@dataclass(frozen=True, slots=True)
class RecordFailed:
    """Reports that the provider refused the message, or that it did not arrive."""

    attempt: int
    reason: DeliveryFailure
    provider_message: str


DeliveryReport = RecordDelivered | RecordFailed
