"""Messages: the entries of a ticket's thread."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from care_rules.entities.activity import ActorKind


class MessageKind(StrEnum):
    """The kind of a thread entry."""

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


@dataclass(frozen=True, slots=True)
class Message:
    """An entry of the thread."""

    organization: str
    ticket_number: int
    id: UUID
    activity_number: int
    ordinal: int
    """The message's place among the messages of its activity, from 0."""
    kind: MessageKind
    author_kind: ActorKind
    author: str
    author_display_name: str
    text: str
    recovery_id: UUID | None
    contact_id: UUID | None
    """The recipient or sender, for messages between business and customer."""
    channel: Channel | None
    """The channel of a customer's message; None for the chat page."""
    automatic: bool
    """Whether a machine wrote it."""
    create_time: datetime

    @property
    def is_greeting(self) -> bool:
        """Whether it is the message that opened the chat. Only this text has a placeholder for the private link."""
        return self.kind is MessageKind.AGENT_MESSAGE and self.author_kind is ActorKind.WORKFLOW
