"""The commands: what a caller can ask `decide` for, with every value that has to be made up beforehand (ids)."""

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
    """The caller wants to own the unassigned ticket."""

    command: ClassVar[Command] = Command.TAKE


@dataclass(frozen=True, slots=True)
class AssignTicket:
    """The ticket shall go to `agent`."""

    command: ClassVar[Command] = Command.ASSIGN
    agent: str


@dataclass(frozen=True, slots=True)
class ReleaseTicket:
    """The assignee lets go."""

    command: ClassVar[Command] = Command.RELEASE


@dataclass(frozen=True, slots=True)
class UpdateTicket:
    """New details; None leaves one as it is."""

    command: ClassVar[Command] = Command.UPDATE
    subject: str | None = None
    description: str | None = None
    priority: Priority | None = None
    labels: tuple[str, ...] | None = None
    external_reference: str | None = None


@dataclass(frozen=True, slots=True)
class StartTicket:
    """Work begins."""

    command: ClassVar[Command] = Command.START


@dataclass(frozen=True, slots=True)
class ResolveTicket:
    """The trouble is held to be over."""

    command: ClassVar[Command] = Command.RESOLVE


@dataclass(frozen=True, slots=True)
class CloseTicket:
    """Over for good."""

    command: ClassVar[Command] = Command.CLOSE


@dataclass(frozen=True, slots=True)
class ReopenTicket:
    """Not over after all."""

    command: ClassVar[Command] = Command.REOPEN


@dataclass(frozen=True, slots=True)
class SendRecoveryForm:
    """A public reply with a link to the form."""

    command: ClassVar[Command] = Command.SEND_FORM
    reply_text: str
    link: str
    """The link that will stand for the placeholder; counts towards the site's limit, and is not stored."""
    key_id: str
    recovery_id: UUID
    reply_message_id: UUID
    form_message_id: UUID


@dataclass(frozen=True, slots=True)
class WithdrawRecoveryForm:
    """The named form is taken back."""

    command: ClassVar[Command] = Command.WITHDRAW_FORM


@dataclass(frozen=True, slots=True)
class AddContact:
    """An address is known from elsewhere."""

    command: ClassVar[Command] = Command.ADD_CONTACT
    email: str
    phone: str
    """As it was typed; `decide` normalizes it, since the default region is the location's."""
    display_name: str
    recovery_id: UUID
    contact_id: UUID
    claim: UUID | None = None
    """The ticket's contact to take the addresses and the name from, instead of the fields above."""


@dataclass(frozen=True, slots=True)
class RejectContact:
    """The named recovery's contact is the wrong person."""

    command: ClassVar[Command] = Command.REJECT_CONTACT


@dataclass(frozen=True, slots=True)
class AddNote:
    """An internal note."""

    command: ClassVar[Command] = Command.ADD_NOTE
    text: str
    message_id: UUID


@dataclass(frozen=True, slots=True)
class SendMessage:
    """A message to the customer."""

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
    """A new ticket, from a review or without one, with a known contact or without."""

    subject: str
    description: str
    location: str
    priority: Priority | None
    """None: what the settings want for the review."""
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
    """Somebody with the form's link leaves an address."""

    email: str
    phone: str
    display_name: str
    message: str
    contact_id: UUID
    recovery_id: UUID
    """Of the recovery that comes with a follow-up ticket."""
    message_id: UUID
    """Of the review's entry in a follow-up ticket's thread."""


@dataclass(frozen=True, slots=True)
class RecordPosted:
    """The attempt saw the reply with the link in public."""

    attempt: int


@dataclass(frozen=True, slots=True)
class RecordRefused:
    """The site refused what the attempt wanted, or the reply is not public."""

    attempt: int
    reason: RefusalReason
    provider_message: str


@dataclass(frozen=True, slots=True)
class RecordRetracted:
    """The attempt replaced the public reply by its text without the link."""

    attempt: int


@dataclass(frozen=True, slots=True)
class UnlockChat:
    """The chat opens, and the customer is sent its link."""

    message_id: UUID
    """Of the greeting that carries the link."""
    key_id: str
    """The key that the link is made with."""


@dataclass(frozen=True, slots=True)
class ExpireForm:
    """The form's time may be over."""

    early: bool = False
    """Whether it ends even if not."""


Report = RecordPosted | RecordRefused | RecordRetracted | UnlockChat | ExpireForm


@dataclass(frozen=True, slots=True)
class PostMessage:
    """A customer writes: on the chat's page, or by a channel."""

    text: str
    message_id: UUID
    recovery_id: UUID
    """Of the recovery that comes with a follow-up ticket."""
    contact_id: UUID
    """Of the contact that comes with it."""
    review_message_id: UUID
    """Of the review's entry in its thread."""
    channel: Channel | None = None
    """None on the page."""
    automatic: bool = False
    """A machine wrote it."""


@dataclass(frozen=True, slots=True)
class RecordDelivered:
    """The provider took the message, or says that it arrived."""

    attempt: int
    state: DeliveryState
    provider_id: str
    can_be_checked: bool


@dataclass(frozen=True, slots=True)
class RecordFailed:
    """The provider refused the message, or says that it did not arrive."""

    attempt: int
    reason: DeliveryFailure
    provider_message: str


DeliveryReport = RecordDelivered | RecordFailed
