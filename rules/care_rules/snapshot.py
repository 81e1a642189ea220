"""The state of a ticket that decisions are based on."""

from __future__ import annotations

from dataclasses import dataclass, replace

from care_rules.decision import Decision
from care_rules.entities.agent import Agent
from care_rules.entities.contact import Contact
from care_rules.entities.recovery import Recovery
from care_rules.entities.review import Review
from care_rules.entities.ticket import Ticket
from care_rules.lifecycle import LIVE
from care_rules.organizations import Location, Organization, effective_settings
from care_rules.settings import Settings


@dataclass(frozen=True, slots=True)
class TicketSnapshot:
    """A loaded ticket, with everything that the rules need."""

    ticket: Ticket
    organization: Organization
    location: Location | None
    review: Review | None = None
    live: Recovery | None = None
    contact: Contact | None = None
    """The contact of the live recovery."""
    target_recovery: Recovery | None = None
    """The recovery that the command is about, live or not."""
    agent: Agent | None = None
    """The assignee after the command: the caller, or for AssignTicket the new assignee."""
    claim: Contact | None = None
    """The contact that AddContact names as its claim."""

    @property
    def settings(self) -> Settings:
        """The settings that apply to the ticket."""
        return effective_settings(self.organization, self.location)

    @property
    def business_name(self) -> str:
        """The name that customers see: the location's display name, or else the organization's."""
        return (self.location and self.location.display_name) or self.organization.display_name

    @property
    def phone_region(self) -> str:
        """The region of phone numbers without a country code: the location's, or else the organization's."""
        return (self.location and self.location.default_phone_region) or self.organization.default_phone_region


def live_after(snapshot: TicketSnapshot, decision: Decision) -> Recovery | None:
    """Returns the ticket's live recovery after the commit of `decision`."""
    live = snapshot.live
    for recovery in (decision.recovery, decision.new_recovery):
        if recovery is None:
            continue
        if recovery.state in LIVE:
            live = recovery
        elif live is not None and recovery.id == live.id:
            live = None
    return live


def apply(snapshot: TicketSnapshot, decision: Decision) -> TicketSnapshot:
    """Returns the snapshot after the commit of `decision`."""
    live, contact, named = live_after(snapshot, decision), snapshot.contact, snapshot.target_recovery
    for recovery in (decision.recovery, decision.new_recovery):
        if recovery is not None and named is not None and recovery.id == named.id:
            named = recovery
    if live is None or (contact is not None and contact.id != live.contact_id):
        contact = None
    if decision.contact is not None and live is not None and decision.contact.id == live.contact_id:
        contact = decision.contact
    return replace(snapshot, ticket=decision.ticket, live=live, contact=contact, target_recovery=named)
