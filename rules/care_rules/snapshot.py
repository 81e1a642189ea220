"""The state of one ticket as it was loaded: everything that the rules ask about."""

from __future__ import annotations

from dataclasses import dataclass

from care_rules.entities import Agent, Contact, Recovery, Review, Ticket
from care_rules.organizations import Location, Organization, settings_at
from care_rules.settings import Settings


@dataclass(frozen=True, slots=True)
class TicketSnapshot:
    """A ticket as it was loaded, with everything that the rules ask about."""

    ticket: Ticket
    organization: Organization
    location: Location | None
    review: Review | None = None
    live: Recovery | None = None
    contact: Contact | None = None
    """The live recovery's."""
    named: Recovery | None = None
    """The recovery that the command names, live or not."""
    agent: Agent | None = None
    """The one who would own the ticket: the caller, or for AssignTicket the new assignee."""
    claim: Contact | None = None
    """The contact of the ticket that AddContact names."""

    @property
    def settings(self) -> Settings:
        """What the location and the organization want of the ticket."""
        return settings_at(self.organization, self.location)

    @property
    def phone_region(self) -> str:
        """The region of phone numbers without a country code: the location's, or else the organization's."""
        return (self.location and self.location.default_phone_region) or self.organization.default_phone_region
