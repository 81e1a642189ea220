"""An edit of a review at its site, as its ticket's team sees it: an entry of the thread beside the first one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from care_service.domain.callers import Caller
from care_service.domain.case import Case, Decision, activity, touched
from care_service.domain.create import review_entry
from care_service.domain.entities import ActivityType, FieldChange, Review
from care_service.domain.lifecycle import TicketStatus


def note_edit(case: Case, edited: Review, message_id: UUID, caller: Caller, now: datetime) -> Decision | None:
    """Returns what to write to the ticket; None where it is CLOSED, or nothing changed that a reader of it sees."""
    before = case.review
    if before is None or case.ticket.status is TicketStatus.CLOSED or _shown(before) == _shown(edited):
        return None
    ticket = touched(case.ticket, case.live, now)
    entry = activity(ActivityType.REVIEW_EDITED, caller, case.ticket, ticket, message_id=message_id)
    if before.stars != edited.stars:
        entry = replace(entry, changes=(FieldChange("review.stars", str(before.stars), str(edited.stars)),))
    return Decision(ticket, entry, messages=(review_entry(ticket, edited, message_id),))


def _shown(review: Review) -> tuple[int, str, str]:
    return review.stars, review.text, review.author_display_name
