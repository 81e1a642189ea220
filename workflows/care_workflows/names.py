"""Takes resource names (AIP-122) of the contract apart."""

import re
from typing import Final, NamedTuple

_RECOVERY: Final = re.compile(r"organizations/(?P<organization>[^/]+)/tickets/(?P<ticket>[0-9]+)/recoveries/[^/]+")


_MESSAGE: Final = re.compile(r"organizations/(?P<organization>[^/]+)/tickets/(?P<ticket>[0-9]+)/messages/[^/]+")


class MessageName(NamedTuple):
    """What a message's name says."""

    organization: str
    ticket: str
    """The ticket's number."""


def parse_message(name: str) -> MessageName:
    """Take ``organizations/{o}/tickets/{n}/messages/{id}`` apart; raises ValueError."""
    match = _MESSAGE.fullmatch(name)
    if not match:
        raise ValueError("not a name of the form organizations/{o}/tickets/{n}/messages/{id}")
    return MessageName(match["organization"], match["ticket"])


class RecoveryName(NamedTuple):
    """What a recovery's name says."""

    organization: str
    ticket: str
    """The ticket's number."""


def parse_recovery(name: str) -> RecoveryName:
    """Take ``organizations/{o}/tickets/{n}/recoveries/{id}`` apart; raises ValueError."""
    match = _RECOVERY.fullmatch(name)
    if not match:
        raise ValueError("not a name of the form organizations/{o}/tickets/{n}/recoveries/{id}")
    return RecoveryName(match["organization"], match["ticket"])


def last_segment(name: str) -> str:
    """Return the id at the end of a resource name; empty for an empty name."""
    return name.rpartition("/")[2]


def ticket_key(name: str) -> str:
    """Return the short form of a ticket's name as operators see it: ``acme/17``."""
    _, _, rest = name.partition("organizations/")
    return rest.replace("/tickets/", "/")
