"""The protocol of a messenger's adapter: one message to one address."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Progress(StrEnum):
    """How far a message got."""

    SENT = "SENT"
    """The provider accepted the message."""
    DELIVERED = "DELIVERED"
    """The provider reports that the message arrived."""


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to a customer. ``repr()`` leaves out customer data, because no log and no history may contain it."""

    organization: str
    """Id of the organization, as in ``organizations/{organization}``."""
    message: str
    """Resource name, ``organizations/{organization}/tickets/{ticket}/messages/{message}``."""
    create_time: datetime
    """When the message was written."""
    location: str
    """Id of the location within the organization."""
    business_name: str
    """The sender's name that the customer sees."""
    address: str = field(repr=False)
    """An email address, or a phone number in E.164."""
    display_name: str = field(repr=False)
    """The customer's name; empty if it is unknown."""
    text: str = field(repr=False)
    """Plain text."""
    chat_link: str = field(repr=False)
    """The link to the chat, where the customer replies. The adapter adds the link if ``text`` does not contain it."""
    key: str
    """Idempotency key: the same for every attempt to send this message, and different for every other message."""
    thread_key: str
    """The same for all messages of one chat, and different for every other chat."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A provider's response about a message."""

    progress: Progress
    provider_id: str = field(default="", repr=False)
    """The provider's id of the message; may be empty."""
    can_be_checked: bool = False
    """Whether ``Messenger.check`` may learn more later."""


class Messenger(Protocol):
    """A provider of email or SMS, reduced to what a message needs.

    All methods raise ``MessageRefused`` if retrying cannot help, and ``MessengerUnavailable`` if it can. Each
    call ends within the adapter's own deadline, which must be shorter than ``activity_options.ATTEMPT_DEADLINE``.

    A message is sent at least once: an attempt whose outcome was lost is repeated with the same ``key``. A provider
    that supports idempotency keys, or the recipient's mail program, recognizes the copy by the key.
    """

    async def send(self, message: OutgoingMessage) -> Receipt:
        """Hands the message to the provider."""

    async def check(self, provider_id: str) -> Receipt:
        """Asks how far a sent message got; raises ``MessageRefused`` if it did not arrive."""
