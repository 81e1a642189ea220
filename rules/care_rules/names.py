"""Builds and parses all resource names (AIP-122)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

ORGANIZATION_ID: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
LOCATION_ID: Final = r"[A-Za-z0-9._~-]{1,100}"
AGENT_ID: Final = r"[A-Za-z0-9._~@|:+=-]{1,128}"
"""A token's `sub`: the characters that identity providers use, except those that a resource name can't contain."""
_NUMBER: Final = r"[1-9][0-9]{0,17}"
_UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

_ORGANIZATION: Final = re.compile(rf"organizations/({ORGANIZATION_ID})")
_LOCATION: Final = re.compile(rf"organizations/({ORGANIZATION_ID})/locations/({LOCATION_ID})")
_SETTINGS: Final = re.compile(rf"organizations/({ORGANIZATION_ID})(?:/locations/({LOCATION_ID}))?/settings")
_AGENT: Final = re.compile(rf"organizations/({ORGANIZATION_ID})/agents/({AGENT_ID})")
_REVIEW: Final = re.compile(rf"organizations/({ORGANIZATION_ID})/reviews/({_UUID})")
_TICKET: Final = re.compile(rf"organizations/({ORGANIZATION_ID})/tickets/({_NUMBER})")
_RECOVERY: Final = re.compile(rf"organizations/({ORGANIZATION_ID})/tickets/({_NUMBER})/recoveries/({_UUID})")
_MESSAGE: Final = re.compile(rf"organizations/({ORGANIZATION_ID})/tickets/({_NUMBER})/messages/({_UUID})")

ALL_ORGANIZATIONS: Final = "organizations/-"


class BadNameError(ValueError):
    """The text is not a name of the expected kind. The message shows the expected form."""


@dataclass(frozen=True, slots=True)
class Child:
    """The name of a location, an agent or settings. The settings of an organization have an empty `id`."""

    organization: str
    id: str


@dataclass(frozen=True, slots=True)
class ReviewName:
    """`organizations/{o}/reviews/{id}`."""

    organization: str
    id: UUID


@dataclass(frozen=True, slots=True)
class TicketName:
    """`organizations/{o}/tickets/{n}`."""

    organization: str
    number: int

    def __str__(self) -> str:
        return ticket(self.organization, self.number)


@dataclass(frozen=True, slots=True)
class RecoveryName:
    """`organizations/{o}/tickets/{n}/recoveries/{id}`."""

    organization: str
    number: int
    id: UUID

    @property
    def ticket(self) -> TicketName:
        """The ticket that the recovery belongs to."""
        return TicketName(self.organization, self.number)

    def __str__(self) -> str:
        return recovery(self.organization, self.number, self.id)


@dataclass(frozen=True, slots=True)
class MessageName:
    """`organizations/{o}/tickets/{n}/messages/{id}`."""

    organization: str
    number: int
    id: UUID

    @property
    def ticket(self) -> TicketName:
        """The ticket whose thread contains the message."""
        return TicketName(self.organization, self.number)

    def __str__(self) -> str:
        return message(self.organization, self.number, self.id)


def organization(organization_id: str) -> str:
    """Returns an organization's name."""
    return f"organizations/{organization_id}"


def location(organization_id: str, location_id: str) -> str:
    """Returns a location's name."""
    return f"organizations/{organization_id}/locations/{location_id}"


def settings(organization_id: str, location_id: str = "") -> str:
    """Returns the name of an organization's settings, or of a location's."""
    return f"{location(organization_id, location_id) if location_id else organization(organization_id)}/settings"


def agent(organization_id: str, agent_id: str) -> str:
    """Returns an agent's name."""
    return f"organizations/{organization_id}/agents/{agent_id}"


def review(organization_id: str, review_id: UUID) -> str:
    """Returns a review's name."""
    return f"organizations/{organization_id}/reviews/{review_id}"


def ticket(organization_id: str, number: int) -> str:
    """Returns a ticket's name."""
    return f"organizations/{organization_id}/tickets/{number}"


def recovery(organization_id: str, number: int, recovery_id: UUID) -> str:
    """Returns a recovery's name."""
    return f"organizations/{organization_id}/tickets/{number}/recoveries/{recovery_id}"


def message(organization_id: str, number: int, message_id: UUID) -> str:
    """Returns a message's name."""
    return f"organizations/{organization_id}/tickets/{number}/messages/{message_id}"


def activity(organization_id: str, number: int, activity_number: int) -> str:
    """Returns an activity's name."""
    return f"organizations/{organization_id}/tickets/{number}/activities/{activity_number}"


def _match(pattern: re.Pattern[str], name: str, form: str) -> re.Match[str]:
    match = pattern.fullmatch(name)
    if match is None:
        raise BadNameError(f"must be a name of the form {form}")
    return match


def parse_organization(name: str) -> str:
    """Returns the id in `organizations/{o}`. Raises BadNameError if `name` has another form."""
    return _match(_ORGANIZATION, name, "organizations/{organization}")[1]


def parse_location(name: str) -> Child:
    """Parses `organizations/{o}/locations/{id}`. Raises BadNameError if `name` has another form."""
    match = _match(_LOCATION, name, "organizations/{organization}/locations/{location}")
    return Child(match[1], match[2])


def parse_settings(name: str) -> Child:
    """Parses the name of the settings of an organization or of a location; the organization's have an empty `id`.

    Raises BadNameError if `name` has another form.
    """
    form = "organizations/{organization}/settings or organizations/{organization}/locations/{location}/settings"
    match = _match(_SETTINGS, name, form)
    return Child(match[1], match[2] or "")


def parse_agent(name: str) -> Child:
    """Parses `organizations/{o}/agents/{id}`. Raises BadNameError if `name` has another form."""
    match = _match(_AGENT, name, "organizations/{organization}/agents/{agent}")
    return Child(match[1], match[2])


def parse_review(name: str) -> ReviewName:
    """Parses `organizations/{o}/reviews/{id}`. Raises BadNameError if `name` has another form."""
    match = _match(_REVIEW, name, "organizations/{organization}/reviews/{review}")
    return ReviewName(match[1], UUID(match[2]))


def parse_ticket(name: str) -> TicketName:
    """Parses `organizations/{o}/tickets/{n}`. Raises BadNameError if `name` has another form."""
    match = _match(_TICKET, name, "organizations/{organization}/tickets/{number}")
    return TicketName(match[1], int(match[2]))


def parse_recovery(name: str) -> RecoveryName:
    """Parses `organizations/{o}/tickets/{n}/recoveries/{id}`. Raises BadNameError if `name` has another form."""
    match = _match(_RECOVERY, name, "organizations/{organization}/tickets/{number}/recoveries/{recovery}")
    return RecoveryName(match[1], int(match[2]), UUID(match[3]))


def parse_message(name: str) -> MessageName:
    """Parses `organizations/{o}/tickets/{n}/messages/{id}`. Raises BadNameError if `name` has another form."""
    match = _match(_MESSAGE, name, "organizations/{organization}/tickets/{number}/messages/{uuid}")
    return MessageName(match[1], int(match[2]), UUID(match[3]))
