"""Tickets that the settings of a location give to its reviews."""

from __future__ import annotations

from uuid import UUID

from care_rules.commands import CreateTicket
from care_rules.create import CreationSnapshot
from care_rules.entities.review import Review


def needs_ticket(snapshot: CreationSnapshot, stored: Review | None, review: Review) -> bool:
    """Tells whether a new review, or an edit of one, raises a ticket.

    An edit raises one only if the settings did not want a ticket for the review before the edit. So a repeated ingest
    raises none after a setting has changed or the ticket was closed.
    """
    creation = snapshot.settings.ticket_creation
    if snapshot.open_ticket is not None or not creation.wants(review):
        return False
    return stored is None or not creation.wants(stored)


def automatic_ticket(recovery_id: UUID, contact_id: UUID, message_id: UUID) -> CreateTicket:
    """Makes the command for such a ticket: everything about it follows from the review and the settings."""
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
