"""Ingests reviews: stores them, records edits in their tickets, and creates tickets as the settings require."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from uuid_utils.compat import uuid7

from care_rules import names
from care_rules.create import create_ticket
from care_rules.entities.review import Review
from care_rules.names import TicketName
from care_rules.refusals import Reason, Refusal
from care_rules.review_edits import record_edit
from care_rules.review_tickets import automatic_ticket, needs_ticket
from care_rules.scheduling import ScheduledDecision, schedule, schedule_new_ticket
from care_service.usecases.new_tickets import decide_with_number
from care_service.usecases.ports.directory import Directory
from care_service.usecases.ports.reader import Reader
from care_service.usecases.ports.ticket_store import StaleError, TicketStore
from care_service.usecases.request import Replayable, Request

_MAX_ATTEMPTS: Final = 12
"""In each round, one of the concurrent calls for a review commits. So twelve concurrent calls all succeed."""


def review_id(organization: str, site: str, external_id: str) -> UUID:
    """Returns a review's id: a UUID of version 5 (RFC 9562), so that a repeated ingest has the same id."""
    return uuid5(NAMESPACE_URL, f"care:{organization}/{site}/{external_id}")


async def ingest_review(
    store: TicketStore, reader: Reader, directory: Directory, review: Review, request: Request[Review]
) -> Replayable[Review]:
    """Stores a review or an edit, and returns the stored review. An edit older than the stored version changes nothing.

    The review's open ticket records the edit. If the settings require a ticket for the review, creates one.
    """
    organization = review.organization
    request.caller.check_organization(organization, names.organization(organization))
    await directory.ensure_organization(organization, request.now)
    key = request.key(organization)
    stored = await directory.find_response(key) if key else None
    if (replayed := request.replay(stored)) is not None:
        return replayed
    for _ in range(_MAX_ATTEMPTS):
        try:
            return await _ingest(store, reader, directory, review, request)
        except StaleError:  # Another call committed first: an edit, the same request, or a change of the ticket.
            stored = await directory.find_response(key) if key else None
            if (replayed := request.replay(stored)) is not None:
                return replayed
    raise Refusal(Reason.CONTENDED, "Other calls keep ingesting the same review. Retry the call.")


async def _ingest(
    store: TicketStore, reader: Reader, directory: Directory, review: Review, request: Request[Review]
) -> Review:
    before = await reader.review(review.organization, review.id)
    if before is not None and before.update_time > review.update_time:
        return before
    if before is not None:
        review = _merge_edit(before, review)
    edit_entry = await _record_edit(store, before, review, request)
    new_ticket = await _raise_ticket(store, before, review, request)
    if new_ticket is not None:
        review = replace(review, ticket_number=new_ticket.decision.ticket.number)
    record = request.record(review.organization, review)
    await directory.put_review(review, record, is_new=before is None, edit_entry=edit_entry, new_ticket=new_ticket)
    return review


async def _record_edit(
    store: TicketStore, before: Review | None, review: Review, request: Request[Review]
) -> ScheduledDecision | None:
    """Returns the decision that records an edit in the review's ticket; None if there is nothing to record."""
    if before is None or before.ticket_number is None:
        return None
    loaded = await store.load(TicketName(before.organization, before.ticket_number), agent=None)
    if loaded is None:
        return None
    snapshot, _ = loaded
    decision = record_edit(snapshot, review, uuid7(), request.caller, request.now)
    return schedule(snapshot, decision) if decision is not None else None


async def _raise_ticket(
    store: TicketStore, before: Review | None, review: Review, request: Request[Review]
) -> ScheduledDecision | None:
    """Returns the decision on the ticket that the settings require for a review; None if no ticket is needed.

    No ticket is needed if the review has an open one, or if its stored version already required one.
    """
    if before is not None and (before.stars, before.delete_time) == (review.stars, review.delete_time):
        return None
    snapshot, _ = await store.load_new(
        review.organization, review=review.id, location=review.location, agent=None, request=None
    )
    if not needs_ticket(snapshot, before, review):
        return None
    snapshot, command = replace(snapshot, review=review), automatic_ticket(uuid7(), uuid7(), uuid7())
    decision = await decide_with_number(
        store,
        snapshot.settings,
        lambda number: create_ticket(snapshot, number, command, request.caller, request.now),
    )
    return schedule_new_ticket(snapshot.settings, decision)


def _merge_edit(before: Review, edit: Review) -> Review:
    """Returns the edit, with those values of `before` that an edit does not change."""
    return replace(
        edit,
        id=before.id,
        site=before.site,
        external_id=before.external_id,
        create_time=before.create_time,
        ingest_time=before.ingest_time,
        ticket_number=before.ticket_number,
        posting_attempts=before.posting_attempts,
    )
