"""Parses the resource names of the contract (AIP-122)."""

import re
from typing import Final, NamedTuple

_TICKET: Final = r"organizations/(?P<organization>[^/]+)/tickets/(?P<number>[0-9]+)"


class TicketName(NamedTuple):
    """The parts of a ticket's name."""

    organization: str
    """The organization's id."""
    number: str
    """The ticket's number, in digits."""


def parse_ticket(name: str) -> TicketName:
    """Parses ``organizations/{o}/tickets/{n}``; raises ValueError for any other name."""
    return _parse(name, "")


def parse_recovery(name: str) -> TicketName:
    """Returns the ticket of ``organizations/{o}/tickets/{n}/recoveries/{id}``; raises ValueError for any other name."""
    return _parse(name, "/recoveries/")


def parse_message(name: str) -> TicketName:
    """Returns the ticket of ``organizations/{o}/tickets/{n}/messages/{id}``; raises ValueError for any other name."""
    return _parse(name, "/messages/")


def _parse(name: str, child: str) -> TicketName:
    match = re.fullmatch(_TICKET + (f"{child}[^/]+" if child else ""), name)
    if not match:
        pattern = "organizations/{o}/tickets/{n}" + (f"{child}{{id}}" if child else "")
        raise ValueError(f"not a name of the form {pattern}")
    return TicketName(match["organization"], match["number"])


def last_segment(name: str) -> str:
    """Returns the id at the end of a resource name; empty for an empty name."""
    return name.rpartition("/")[2]


def short_ticket_name(name: str) -> str:
    """Returns a ticket's name as operators see it, such as ``acme/17``."""
    _, _, rest = name.partition("organizations/")
    return rest.replace("/tickets/", "/")
