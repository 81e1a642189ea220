"""Tickets that are created automatically for reviews, by the settings of their location."""

from __future__ import annotations

from uuid import UUID

from care_rules.commands import CreateTicket
from care_rules.create import CreationSnapshot
from care_rules.entities.review import Review


def needs_ticket(snapshot: CreationSnapshot, stored: Review | None, review: Review) -> bool:
    """Tells whether a new review, or an edit of one, gets a ticket automatically.

    An edit gets a ticket only if the stored version of the review did not qualify. So ingesting a known review again
    never creates a ticket, even after a setting was changed or the review's ticket was closed.
    """
    creation = snapshot.settings.ticket_creation
    if snapshot.open_ticket is not None or not creation.applies_to(review):
        return False
    return stored is None or not creation.applies_to(stored)


def automatic_ticket(recovery_id: UUID, contact_id: UUID, message_id: UUID) -> CreateTicket:
    """Returns the command for an automatic ticket. The review and the settings supply all of its values."""
    return CreateTicket(
        subject="",
        description="",
        location="",
        priority=None,
        labels=(),
        email="",
        phone="",
        display_name="",
        recovery_id=recovery_id,
        contact_id=contact_id,
        message_id=message_id,
    )
