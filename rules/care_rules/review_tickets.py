"""Tickets that reviews get by themselves, by the settings of their location."""

from __future__ import annotations

from uuid import UUID

from care_rules.commands import CreateTicket
from care_rules.create import CreationSnapshot
from care_rules.entities.review import Review


def needs_ticket(snapshot: CreationSnapshot, stored: Review | None, review: Review) -> bool:
    """Tells whether a review that comes in, or an edit of one, raises a ticket.

    Only what was not wanted before: neither a setting that was changed since nor a ticket that was closed makes an
    ingest of what is known raise one.
    """
    creation = snapshot.settings.ticket_creation
    if snapshot.open_ticket is not None or not creation.wants(review):
        return False
    return stored is None or not creation.wants(stored)


def automatic_ticket(recovery_id: UUID, contact_id: UUID, message_id: UUID) -> CreateTicket:
    """Makes the command that nobody gave: everything about the ticket follows from the review and the settings."""
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
