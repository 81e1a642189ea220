"""Contacts: the addresses of customers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never
from uuid import UUID

from care_rules.entities.message import Channel


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
