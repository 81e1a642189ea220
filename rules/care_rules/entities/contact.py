"""Contacts: the addresses of customers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never
from uuid import UUID

from care_rules.entities.message import Channel


@dataclass(frozen=True, slots=True)
class Contact:
    """A customer's name, addresses and message, given for one recovery by the customer, an agent or a service."""

    organization: str
    ticket_number: int
    id: UUID
    recovery_id: UUID
    recovery_ticket_number: int
    """The ticket of that recovery. For a claim, it can be an earlier ticket of the same review."""
    display_name: str
    email: str
    phone: str
    message: str
    key_id: str
    """The id of the key that signs the contact's chat link. Empty until the chat opens."""
    verify_time: datetime | None
    """When the contact's chat link was first used. A contact created from a chat message copies the earlier value."""
    create_time: datetime

    def address(self, channel: Channel) -> str:
        """Returns the contact's address for `channel`; empty if it is unknown."""
        match channel:
            case Channel.EMAIL:
                return self.email
            case Channel.SMS:
                return self.phone
            case _:
                assert_never(channel)
