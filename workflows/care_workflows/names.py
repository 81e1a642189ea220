"""Takes resource names (AIP-122) of the contract apart."""

import re
from typing import Final, NamedTuple

_TICKET: Final = r"organizations/(?P<organization>[^/]+)/tickets/(?P<ticket>[0-9]+)"


class Place(NamedTuple):
    """What the name of a ticket says, or of something that belongs to one."""

    organization: str
    ticket: str
    """The ticket's number."""


def parse_ticket(name: str) -> Place:
    """Take ``organizations/{o}/tickets/{n}`` apart; raises ValueError."""
    return _parse(name, "")


def parse_recovery(name: str) -> Place:
    """Take ``organizations/{o}/tickets/{n}/recoveries/{id}`` apart; raises ValueError."""
    return _parse(name, "/recoveries/")


def parse_message(name: str) -> Place:
    """Take ``organizations/{o}/tickets/{n}/messages/{id}`` apart; raises ValueError."""
    return _parse(name, "/messages/")


def _parse(name: str, child: str) -> Place:
    match = re.fullmatch(_TICKET + (f"{child}[^/]+" if child else ""), name)
    if not match:
        form = "organizations/{o}/tickets/{n}" + (f"{child}{{id}}" if child else "")
        raise ValueError(f"not a name of the form {form}")
    return Place(match["organization"], match["ticket"])


def last_segment(name: str) -> str:
    """Return the id at the end of a resource name; empty for an empty name."""
    return name.rpartition("/")[2]


def ticket_key(name: str) -> str:
    """Return the short form of a ticket's name as operators see it: ``acme/17``."""
    _, _, rest = name.partition("organizations/")
    return rest.replace("/tickets/", "/")
