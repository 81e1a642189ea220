"""Decisions on the edit of a review at its site. The edit becomes a new entry in the thread of the review's ticket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from care_rules.callers import Caller
from care_rules.create import new_review_entry
from care_rules.decision import Decision, bump_version, new_activity
from care_rules.entities.activity import ActivityType, FieldChange
from care_rules.entities.review import Review
from care_rules.lifecycle import TicketStatus
from care_rules.snapshot import TicketSnapshot


def record_edit(
    snapshot: TicketSnapshot, edited: Review, message_id: UUID, caller: Caller, now: datetime
) -> Decision | None:
    """Returns what to write to the ticket; None if it is CLOSED, or if no visible value changed.

    A deletion adds no entry to the thread, which already shows the last text.
    """
    before = snapshot.review
    if (
        before is None
        or snapshot.ticket.status is TicketStatus.CLOSED
        or _visible_fields(before) == _visible_fields(edited)
    ):
        return None
    ticket = bump_version(snapshot.ticket, snapshot.live, now)
    changes = tuple(_changes(before, edited))
    if edited.delete_time is not None:
        entry = new_activity(ActivityType.REVIEW_DELETED, caller, snapshot.ticket, ticket)
        return Decision(ticket, replace(entry, changes=changes))
    entry = new_activity(ActivityType.REVIEW_EDITED, caller, snapshot.ticket, ticket, message_id=message_id)
    return Decision(ticket, replace(entry, changes=changes), messages=(new_review_entry(ticket, edited, message_id),))


def _visible_fields(review: Review) -> tuple[object, ...]:
    if review.delete_time is not None:
        return ()
    return review.stars, review.text, review.author_display_name


def _changes(before: Review, edited: Review) -> Iterator[FieldChange]:
    deleted = (_format_time(before.delete_time), _format_time(edited.delete_time))
    if deleted[0] != deleted[1]:
        yield FieldChange("review.delete_time", *deleted)
    if before.stars != edited.stars:
        yield FieldChange("review.stars", str(before.stars), str(edited.stars))


def _format_time(time: datetime | None) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z") if time else ""
