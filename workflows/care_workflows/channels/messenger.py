"""The protocol between the workflows and a messenger: one message to one address."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Progress(StrEnum):
    """How far a message got at its provider."""

    SENT = "SENT"
    """The provider took it."""
    DELIVERED = "DELIVERED"
    """The provider says that it arrived."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to a customer. Whatever is the customer's must reach no log and no history, so nothing shows it."""

    organization: str
    """Id of the organization, as in ``organizations/{organization}``."""
    message: str
    """Its resource name, ``organizations/{organization}/tickets/{ticket}/messages/{message}``."""
    create_time: datetime
    """When it was written."""
    location: str
    """Id of the location within the organization."""
    business_name: str
    """Whom the message is from, to the customer."""
    address: str = field(repr=False)
    """An email address, or a phone number in E.164."""
    display_name: str = field(repr=False)
    """The customer's name; may be empty."""
    text: str = field(repr=False)
    """What to say, in plain text."""
    chat_link: str = field(repr=False)
    """Where the customer answers; to be added where ``text`` does not have it."""
    key: str
    """The same for every attempt at this message, and no other's."""
    thread_key: str
    """The same for all messages of one chat, and no other's."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a provider says of a message."""

    progress: Progress
    provider_id: str = field(default="", repr=False)
    """The provider's own id of it; may be empty."""
    can_be_checked: bool = False
    """Whether ``Messenger.check`` may learn more later."""


class Messenger(Protocol):
    """A way to an address, reduced to what a message needs.

    All methods raise ``MessageRefused`` where trying again cannot help and ``MessengerUnavailable`` where it can. Each
    ends within the adapter's own deadline, which has to be shorter than the timeout of the activity that calls it.

    A message is sent at least once: an attempt whose outcome was lost is repeated with the same ``key``, by which a
    provider that knows such keys, or the recipient's mail program, tells that it is the same.
    """

    async def send(self, message: Outgoing) -> Receipt:
        """Hand the message to the provider."""

    async def check(self, provider_id: str) -> Receipt:
        """Ask how far a message got that was sent; raises ``MessageRefused`` where it did not arrive."""
