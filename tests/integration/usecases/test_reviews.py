"""Ingested reviews: stored once, noted in their ticket, and given a ticket if the settings say so."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from care_rules.entities.review import Review
from care_rules.names import TicketName
from care_rules.refusals import Reason
from care_rules.settings import AutoAssign, Settings, TicketCreation
from care_rules.timing import DeadlineKind
from care_service.usecases import reviews, tickets
from care_service.usecases.ports.idempotency import StoredResponse
from care_service.usecases.request import Request
from tests.integration.usecases.office import Office, assert_refused, encode

WANTED = Settings(ticket_creation=TicketCreation(stars=(1, 2)), auto_assign=AutoAssign.ROUND_ROBIN)


async def want_tickets(office: Office) -> None:
    await office.set(WANTED, "ticket_creation", "auto_assign")


async def test_a_review_is_stored_and_its_id_follows_from_its_site(office: Office) -> None:
    review = await office.ingest()
    assert review.id == reviews.review_id(office.id, "local", review.external_id)
    assert await office.reader.review(office.id, review.id) == review


async def test_an_edit_is_noted_in_the_reviews_ticket_and_restarts_its_inactivity(office: Office) -> None:
    review = await office.ingest()
    await office.create(office.new_ticket(review))
    name = TicketName(office.id, 1)
    office.later(days=3)
    edited = await office.ingest(replace(review, stars=2, text="Warm.", update_time=office.now))
    assert (edited.stars, edited.ticket_number, edited.ingest_time) == (2, 1, review.ingest_time)
    assert (await office.log(name))[0] == "REVIEW_EDITED"
    assert (await office.thread(name))[-1] == ("REVIEW", "Warm.")
    assert (await office.load(name)).ticket.timing.active_time == office.now


async def test_an_edit_that_arrives_late_changes_nothing(office: Office) -> None:
    review = await office.ingest()
    edited = await office.ingest(replace(review, text="Newer.", update_time=office.now + timedelta(hours=1)))
    late = await office.ingest(replace(review, text="Older.", update_time=office.now + timedelta(minutes=1)))
    assert late == edited
    assert await office.reader.review(office.id, review.id) == edited


async def test_a_closed_ticket_notes_no_edit(office: Office) -> None:
    name = await office.ticket()
    review = (await office.load(name)).review
    assert review is not None
    await tickets.close_ticket(office.store, name, office.request())
    await office.ingest(replace(review, stars=2))
    assert (await office.log(name))[0] == "CLOSED"


async def test_a_matching_review_gets_an_assigned_ticket_with_its_deadline(office: Office) -> None:
    await want_tickets(office)
    assert (await office.ingest(office.review(stars=3))).ticket_number is None
    assert [(await office.ingest()).ticket_number for _ in range(2)] == [1, 2]
    first, second = await office.load(TicketName(office.id, 1)), await office.load(TicketName(office.id, 2))
    assert [first.ticket.assignee, second.ticket.assignee] == ["alice", "bob"]
    timing = first.ticket.timing
    assert (timing.next_kind, timing.next_time) == (DeadlineKind.INACTIVITY_WARNING, office.now + timedelta(days=27))
    assert await office.wakes("TicketWorkflow") == 2


async def test_an_edit_creates_a_ticket_only_if_the_review_did_not_match_before(office: Office) -> None:
    await want_tickets(office)
    good = await office.ingest(office.review(stars=5))
    bad = await office.ingest(replace(good, stars=1))
    assert bad.ticket_number == 1
    await tickets.close_ticket(office.store, TicketName(office.id, 1), office.request())
    assert (await office.ingest(replace(bad, stars=2))).ticket_number == 1


async def test_a_repeated_request_is_answered_from_the_store(office: Office) -> None:
    await want_tickets(office)
    request: Request[Review] = office.request(office.service, id=uuid4())
    review = office.review()
    first = await reviews.ingest_review(office.store, office.reader, office.directory, review, request)
    again = await reviews.ingest_review(office.store, office.reader, office.directory, review, request)
    assert isinstance(again, StoredResponse)
    assert again.body == encode(first)


async def test_a_review_that_arrives_several_times_at_once_gets_one_ticket(office: Office) -> None:
    await want_tickets(office)
    review = office.review()
    ingested = await asyncio.gather(*(office.ingest(review) for _ in range(5)))
    numbers = {each.ticket_number for each in ingested}
    assert len(numbers) == 1
    assert None not in numbers


async def test_another_organizations_review_is_not_stored(office: Office) -> None:
    request: Request[Review] = office.request(replace(office.service, organization="another"))
    ingested = reviews.ingest_review(office.store, office.reader, office.directory, office.review(), request)
    await assert_refused(ingested, Reason.RESOURCE_NOT_FOUND)
