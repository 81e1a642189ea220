"""Messages: the entries of a ticket's thread."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from care_rules.entities.activity import ActorKind


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
