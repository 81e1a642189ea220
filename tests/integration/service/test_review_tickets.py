"""Automatic tickets for reviews: by stars and site, with the priority and the assignee that settings define."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from care.v1 import activity_pb2, ticket_pb2
from care.v1 import directory_service_pb2 as directory
from care.v1 import review_service_pb2 as reviews
from care.v1 import settings_service_pb2 as pb
from care.v1 import ticket_service_pb2 as tickets
from care.v1.directory_pb2 import Agent
from care.v1.review_pb2 import Review
from care.v1.settings_pb2 import (
    AUTO_ASSIGN_LEAST_LOADED,
    AUTO_ASSIGN_OFF,
    AUTO_ASSIGN_ROUND_ROBIN,
    AutoAssign,
    Settings,
    StarPriorities,
    StarPriority,
    TicketCreation,
)
from care.v1.ticket_pb2 import Ticket
from tests.support.tenant import Tenant, timestamp

WRITTEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def review(tenant: Tenant, external_id: str = "r-1", *, stars: int = 1, site: str = "local", day: int = 0) -> Review:
    made = Review(
        site=site,
        external_id=external_id,
        location=f"{tenant.name}/locations/soho",
        author_display_name="Robin",
        stars=stars,
        text="Cold soup.",
    )
    made.create_time.CopyFrom(timestamp(WRITTEN))
    made.update_time.CopyFrom(timestamp(WRITTEN + timedelta(days=day)))
    return made


def deleted(tenant: Tenant, external_id: str = "r-1", *, stars: int = 1, day: int = 0) -> Review:
    made = review(tenant, external_id, stars=stars)
    made.delete_time.CopyFrom(timestamp(WRITTEN + timedelta(days=day)))
    return made


async def ingest(tenant: Tenant, given: Review) -> Review:
    return (
        await tenant.service.reviews.IngestReview(reviews.IngestReviewRequest(parent=tenant.name, review=given))
    ).review


async def want(tenant: Tenant, settings: Settings, location: str = "") -> None:
    settings.name = f"{tenant.name}/locations/{location}/settings" if location else f"{tenant.name}/settings"
    await tenant.supervisor.settings.UpdateSettings(pb.UpdateSettingsRequest(settings=settings))


async def ticket(tenant: Tenant, name: str) -> Ticket:
    return (await tenant.supervisor.tickets.GetTicket(tickets.GetTicketRequest(name=name))).ticket


async def numbers(tenant: Tenant) -> list[str]:
    found = await tenant.supervisor.tickets.ListTickets(tickets.ListTicketsRequest(parent=tenant.name))
    return sorted(each.name for each in found.tickets)


@pytest.fixture
async def wanting(tenant: Tenant) -> Tenant:
    """An organization whose reviews of one and two stars at the site `local` get tickets."""
    creation = TicketCreation(stars=[1, 2], sites=["local"])
    priorities = [StarPriority(stars=1, priority=ticket_pb2.TICKET_PRIORITY_URGENT)]
    await tenant.ticket()  # so that the organization and its location are there
    await want(tenant, Settings(ticket_creation=creation, star_priorities=StarPriorities(priorities=priorities)))
    return tenant


async def test_the_response_names_the_ticket_of_a_matching_review(wanting: Tenant) -> None:
    answer = await ingest(wanting, review(wanting))
    made = await ticket(wanting, answer.ticket)
    assert (made.review, made.location, made.subject) == (answer.name, answer.location, "1-star review at Local, soho")
    assert made.priority == ticket_pb2.TICKET_PRIORITY_URGENT
    assert (made.status, made.assignee, made.reporter) == (ticket_pb2.TICKET_STATUS_OPEN, "", "")
    assert [entry.text for entry in await wanting.thread(made, "REVIEW")] == ["Cold soup."]
    [entry] = await wanting.log(made)
    assert (entry.type, entry.actor) == (activity_pb2.ACTIVITY_TYPE_CREATED, "intake")


async def test_other_stars_and_sites_create_no_ticket(wanting: Tenant) -> None:
    before = await numbers(wanting)
    assert not (await ingest(wanting, review(wanting, stars=3))).ticket
    assert not (await ingest(wanting, review(wanting, site="elsewhere"))).ticket
    assert not (await ingest(wanting, deleted(wanting, "r-2"))).ticket
    assert await numbers(wanting) == before


async def test_settings_of_the_location_override_those_of_the_organization(wanting: Tenant) -> None:
    await want(wanting, Settings(ticket_creation=TicketCreation(stars=[5])), "soho")
    assert not (await ingest(wanting, review(wanting))).ticket
    assert (await ingest(wanting, review(wanting, "r-2", stars=5))).ticket


async def test_an_edit_creates_no_ticket_if_the_review_matched_before(wanting: Tenant) -> None:
    first = await ingest(wanting, review(wanting))
    assert (await ingest(wanting, review(wanting))).ticket == first.ticket
    alice = wanting.agent("alice").tickets
    await alice.TakeTicket(tickets.TakeTicketRequest(name=first.ticket))
    await alice.CloseTicket(tickets.CloseTicketRequest(name=first.ticket))
    assert (await ingest(wanting, review(wanting, stars=2, day=1))).ticket == first.ticket
    # An edit to five stars and back to one star creates a ticket.
    assert (await ingest(wanting, review(wanting, stars=5, day=2))).ticket == first.ticket
    assert (await ingest(wanting, review(wanting, stars=1, day=3))).ticket != first.ticket


async def test_an_edit_of_a_review_from_before_the_setting_creates_no_ticket(tenant: Tenant) -> None:
    await ingest(tenant, review(tenant))
    await want(tenant, Settings(ticket_creation=TicketCreation(stars=[1])))
    assert not (await ingest(tenant, review(tenant, day=1))).ticket
    assert (await ingest(tenant, review(tenant, "r-2"))).ticket


async def test_one_review_gets_one_open_ticket_from_concurrent_ingestions_and_creations(wanting: Tenant) -> None:
    before = await numbers(wanting)
    known = await ingest(wanting, review(wanting, stars=4))

    async def by_hand() -> None:
        request = tickets.CreateTicketRequest(parent=wanting.name, ticket=Ticket(review=known.name))
        await wanting.service.tickets.CreateTicket(request)

    calls = [ingest(wanting, review(wanting, stars=1, day=day)) for day in range(1, 9)]
    await asyncio.gather(*calls, *(by_hand() for _ in range(4)), return_exceptions=True)
    calls = [ingest(wanting, review(wanting, "r-2")) for _ in range(8)]
    names = {answer.ticket for answer in await asyncio.gather(*calls)}
    assert len(names) == 1
    assert len(await numbers(wanting)) == len(before) + 2


async def test_a_batch_names_the_tickets_that_it_created(wanting: Tenant) -> None:
    items = [
        reviews.IngestReviewRequest(review=each)
        for each in (review(wanting), review(wanting, "r-2", stars=9), review(wanting, "r-3", stars=4))
    ]
    request = reviews.BatchIngestReviewsRequest(parent=wanting.name, requests=items)
    results = (await wanting.service.reviews.BatchIngestReviews(request)).results
    assert [(result.status.code, bool(result.review.ticket)) for result in results] == [
        (0, True),
        (3, False),
        (0, False),
    ]


async def test_the_deletion_and_the_return_of_a_review_are_logged(wanting: Tenant) -> None:
    made = await ticket(wanting, (await ingest(wanting, review(wanting))).ticket)
    gone = await ingest(wanting, deleted(wanting, day=2))
    assert gone.update_time == gone.delete_time == timestamp(WRITTEN + timedelta(days=2))
    # An older edit and a repeated deletion change nothing.
    await ingest(wanting, review(wanting, day=1))
    await ingest(wanting, deleted(wanting, day=2))
    await ingest(wanting, review(wanting, day=3))
    back, noted, _ = await wanting.log(made)
    assert [(each.field, each.before, each.after) for each in noted.changes] == [
        ("review.delete_time", "", "2026-03-03T12:00:00Z")
    ]
    assert noted.type == activity_pb2.ACTIVITY_TYPE_REVIEW_DELETED
    assert [(each.field, each.before, each.after) for each in back.changes] == [
        ("review.delete_time", "2026-03-03T12:00:00Z", "")
    ]
    assert back.type == activity_pb2.ACTIVITY_TYPE_REVIEW_EDITED
    assert [entry.text for entry in await wanting.thread(made, "REVIEW")] == ["Cold soup.", "Cold soup."]


# --- automatic assignment ---------------------------------------------------------------------------------------------


async def place(tenant: Tenant, agent: str, *locations: str) -> None:
    """Makes an agent assignable at these locations only."""
    await tenant.meet(agent)
    given = Agent(name=tenant.agent_name(agent), locations=[f"{tenant.name}/locations/{each}" for each in locations])
    request = directory.UpdateAgentRequest(agent=given, update_mask=FieldMask(paths=["locations"]))
    await tenant.supervisor.directory.UpdateAgent(request)


@pytest.fixture
async def team(tenant: Tenant) -> Tenant:
    """An organization whose supervisor cannot be assigned."""
    await tenant.toggle("sue", can_be_assignee=False)
    await tenant.ticket(None)  # so that its location is there
    return tenant


async def raise_tickets(tenant: Tenant, how: AutoAssign.ValueType, count: int) -> list[str]:
    await want(tenant, Settings(auto_assign=how))
    made = [await tenant.ticket(None) for _ in range(count)]
    return [each.assignee.rpartition("/")[2] for each in made]


async def test_auto_assign_off_assigns_nobody(team: Tenant) -> None:
    await team.meet("alice")
    assert await raise_tickets(team, AUTO_ASSIGN_OFF, 2) == ["", ""]


async def test_round_robin_takes_turns_among_the_assignable_agents_of_the_location(team: Tenant) -> None:
    await team.meet("bob", "carol", "dave", "erin")
    await place(team, "carol", "elsewhere", "soho")
    await place(team, "dave", "elsewhere")
    await team.toggle("erin", can_be_assignee=False)
    assert await raise_tickets(team, AUTO_ASSIGN_ROUND_ROBIN, 5) == ["bob", "carol", "bob", "carol", "bob"]
    await team.toggle("carol", can_be_assignee=False)
    assert await raise_tickets(team, AUTO_ASSIGN_ROUND_ROBIN, 2) == ["bob", "bob"]


async def test_round_robin_is_fair_for_tickets_that_are_created_at_once(team: Tenant) -> None:
    await team.meet("bob", "carol", "dave")
    await want(team, Settings(auto_assign=AUTO_ASSIGN_ROUND_ROBIN))
    made = await asyncio.gather(*(team.ticket(None) for _ in range(18)))
    assert Counter(each.assignee.rpartition("/")[2] for each in made) == {"bob": 6, "carol": 6, "dave": 6}


async def test_least_loaded_counts_unresolved_tickets(team: Tenant) -> None:
    await team.meet("bob", "carol")
    busy = [await team.ticket("bob") for _ in range(2)]
    assert await raise_tickets(team, AUTO_ASSIGN_LEAST_LOADED, 3) == ["carol", "carol", "bob"]
    for each in busy:
        await team.agent("bob").tickets.CloseTicket(tickets.CloseTicketRequest(name=each.name))
    assert await raise_tickets(team, AUTO_ASSIGN_LEAST_LOADED, 1) == ["bob"]


async def test_a_ticket_without_an_assignable_agent_stays_unassigned(team: Tenant) -> None:
    await team.meet("bob")
    await team.toggle("bob", can_be_assignee=False)
    assert await raise_tickets(team, AUTO_ASSIGN_ROUND_ROBIN, 1) == [""]
    assert await raise_tickets(team, AUTO_ASSIGN_LEAST_LOADED, 1) == [""]


async def test_the_automatic_assignment_of_a_review_ticket_is_logged(wanting: Tenant) -> None:
    await wanting.toggle("sue", can_be_assignee=False)
    await want(wanting, Settings(auto_assign=AUTO_ASSIGN_ROUND_ROBIN))
    made = await ticket(wanting, (await ingest(wanting, review(wanting))).ticket)
    assert made.assignee == wanting.agent_name("alice")
    [entry] = await wanting.log(made)
    assert ("assignee", "", made.assignee) in [(each.field, each.before, each.after) for each in entry.changes]


async def test_a_given_priority_overrides_that_of_the_stars(wanting: Tenant) -> None:
    known = await ingest(wanting, review(wanting, stars=1, site="elsewhere"))
    given = Ticket(review=known.name, priority=ticket_pb2.TICKET_PRIORITY_LOW)
    request = tickets.CreateTicketRequest(parent=wanting.name, ticket=given)
    assert (await wanting.service.tickets.CreateTicket(request)).ticket.priority == ticket_pb2.TICKET_PRIORITY_LOW
