"""Lists and searches during writes: paging neither misses nor repeats unchanged tickets, and words match the texts."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1.review_pb2 import Review
from care.v1.ticket_pb2 import Ticket
from care_service.storage import search_terms
from tests.support.tenant import Tenant, timestamp

STAY = 30
WRITERS = 3


async def _create(tenant: Tenant, subject: str, *labels: str) -> Ticket:
    given = Ticket(subject=subject, location=f"{tenant.name}/locations/soho", labels=labels)
    request = tickets.CreateTicketRequest(parent=tenant.name, ticket=given)
    return (await tenant.service.tickets.CreateTicket(request)).ticket


async def _keep_writing(tenant: Tenant, writer: int, stop: asyncio.Event) -> int:
    """Creates, changes and closes tickets until `stop` is set. Returns their number."""
    client, done = tenant.agent(f"writer{writer}").tickets, 0
    while not stop.is_set():
        ticket = await _create(tenant, "Soup that comes and goes")
        await client.TakeTicket(tickets.TakeTicketRequest(name=ticket.name))
        change = Ticket(name=ticket.name, subject=f"Soup {done}", labels=["stays"] if done % 2 else [])
        await client.UpdateTicket(tickets.UpdateTicketRequest(ticket=change))
        if done % 3:
            await client.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
        done += 1
    return done


@pytest.mark.parametrize("text", ["", "status = OPEN", "soup", "labels:stays OR status = OPEN"])
@pytest.mark.parametrize("order", ["", "number", "update_time", "update_time desc", "priority, create_time"])
async def test_paging_returns_each_unchanged_ticket_once_while_others_are_written(
    tenant: Tenant, text: str, order: str
) -> None:
    stay = [(await _create(tenant, "Soup that stays", "stays")).name for _ in range(STAY)]
    stop = asyncio.Event()
    writers = [asyncio.create_task(_keep_writing(tenant, writer, stop)) for writer in range(WRITERS)]
    request = tickets.ListTicketsRequest(parent=tenant.name, filter=text, order_by=order, page_size=4)
    met: list[str] = []
    try:
        # A list that grows at its end has no last page. So the loop ends after all unchanged tickets.
        while not set(stay) <= set(met):
            page = await tenant.service.tickets.ListTickets(request)
            met += [ticket.name for ticket in page.tickets]
            request.page_token = page.next_page_token
            assert page.next_page_token or set(stay) <= set(met)
    finally:
        stop.set()
        done = await asyncio.gather(*writers)
    assert sum(done) > 0
    newest_first = order in {"", "update_time desc"}
    assert [name for name in met if name in stay] == (stay[::-1] if newest_first else stay)


async def test_search_words_match_the_texts_of_ticket_and_review_after_concurrent_writes(tenant: Tenant) -> None:
    alice = tenant.agent("alice").tickets
    for _ in range(15):
        review = await tenant.review(1, "Cold soup.")
        edit = Review()
        edit.CopyFrom(review)
        edit.stars, edit.text = 4, "Warm noodles."
        edit.update_time.CopyFrom(timestamp(review.create_time.ToDatetime() + timedelta(days=1)))
        ingest = reviews.IngestReviewRequest(parent=tenant.name, review=edit)
        create = tickets.CreateTicketRequest(parent=tenant.name, ticket=Ticket(review=review.name, subject="Umbrella"))
        created, _ = await asyncio.gather(
            tenant.service.tickets.CreateTicket(create), tenant.service.reviews.IngestReview(ingest)
        )
        await alice.TakeTicket(tickets.TakeTicketRequest(name=created.ticket.name))
        edit.stars, edit.text = 2, "Hot rice."
        edit.update_time.CopyFrom(timestamp(review.create_time.ToDatetime() + timedelta(days=2)))
        ingest = reviews.IngestReviewRequest(parent=tenant.name, review=edit)
        change = Ticket(name=created.ticket.name, subject="Parasol", labels=["sun"])
        await asyncio.gather(
            alice.UpdateTicket(tickets.UpdateTicketRequest(ticket=change)),
            tenant.service.reviews.IngestReview(ingest),
        )
    request = tickets.ListTicketsRequest(
        parent=tenant.name, filter="stars = 2 rice parasol labels:sun -noodles -umbrella"
    )
    assert len((await tenant.service.tickets.ListTickets(request)).tickets) == 15


async def test_every_ticket_has_its_search_terms(tenant: Tenant) -> None:
    """A follow-up has its search terms too, although another commit creates it."""
    ticket = await tenant.ticket()
    recovery = await tenant.in_recovery_state(ticket, "AWAITING_CONTACT")
    await tenant.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
    await tenant.submit(recovery)
    await tenant.ticket(with_review=False)
    query = f"""
        SELECT count(*) AS tickets, count(*) FILTER (
          WHERE m.search = {search_terms.search("v.text")} AND m.stars IS NOT DISTINCT FROM v.stars) AS right_ones
        FROM tickets t LEFT JOIN reviews v ON v.organization = t.organization AND v.id = t.review_id
          LEFT JOIN ticket_terms m ON m.organization = t.organization AND m.number = t.number
        WHERE t.organization = $1
    """  # noqa: S608 - the project's own SQL
    async with tenant.care.database.driver() as connection:
        row = await connection.fetchrow(query, tenant.id)
    assert row is not None
    assert tuple(row) == (3, 3)
