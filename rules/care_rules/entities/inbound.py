"""Inbound messages: email and SMS from outside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from care_rules.entities.message import Channel


class IngestOutcome(StrEnum):
    """The outcome of ingesting a message; `care.v1.IngestOutcome` documents each value."""

    ACCEPTED = "ACCEPTED"
    RECORDED = "RECORDED"
    FOLLOWED_UP = "FOLLOWED_UP"
    UNMATCHED = "UNMATCHED"
    CHAT_LOCKED = "CHAT_LOCKED"


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message that arrived by a channel."""

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
    """The ticket that received the message, or the ticket whose chat is locked."""
    message_id: UUID | None
    ingest_time: datetime
