"""ListTickets and CountTickets: every field with every comparison, words, orders, totals, for a few known tickets."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import grpc
import pytest

from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1.review_pb2 import Review
from care.v1.ticket_pb2 import (
    TICKET_PRIORITY_HIGH,
    TICKET_PRIORITY_LOW,
    TICKET_PRIORITY_URGENT,
    Ticket,
    TicketPriority,
)
from care_client.errors import CareError
from tests.integration.service.clocks import SettableClock
from tests.integration.service.commands import assert_refused
from tests.support.care import Care, refusal
from tests.support.tenant import Tenant, timestamp


@dataclass
class World:
    """Seven tickets, by letters; each made an hour after the one before."""

    tenant: Tenant
    clock: SettableClock
    start: datetime
    letters: dict[str, str] = field(default_factory=dict)
    """By the ticket's name."""
    reference: str = ""

    def names(self) -> dict[str, str]:
        """What filters refer to: {o}, {A}, {reviewA}, and {t0} to {t9}, the hours."""
        hours = {f"t{hour}": (self.start + timedelta(hours=hour)).isoformat() for hour in range(10)}
        own = {letter: name for name, letter in self.letters.items()}
        return {"o": self.tenant.name, "reference": self.reference, **own, **hours}

    async def page(
        self, text: str = "", order: str = "", size: int = 0, token: str = ""
    ) -> tickets.ListTicketsResponse:
        request = tickets.ListTicketsRequest(
            parent=self.tenant.name,
            filter=text.format_map(self.names()),
            order_by=order,
            page_size=size,
            page_token=token,
            include_total_size=True,
        )
        return await self.tenant.service.tickets.ListTickets(request)

    async def find(self, text: str, order: str = "") -> str:
        page = await self.page(text, order)
        return "".join(self.letters[ticket.name] for ticket in page.tickets)


async def _raise(
    tenant: Tenant,
    *,
    stars: int = 0,
    text: str = "",
    by: str | None = None,
    priority: TicketPriority.ValueType = TicketPriority.TICKET_PRIORITY_NORMAL,
    labels: tuple[str, ...] = (),
    location: str = "soho",
    subject: str = "",
    description: str = "",
    external_reference: str = "",
) -> Ticket:
    review = (await tenant.review(stars, text)).name if stars else ""
    place = "" if review else f"{tenant.name}/locations/{location}"
    given = Ticket(
        review=review,
        location=place,
        subject=subject,
        description=description,
        priority=priority,
        labels=labels,
        external_reference=external_reference,
    )
    client = tenant.agent(by) if by else tenant.service
    return (await client.tickets.CreateTicket(tickets.CreateTicketRequest(parent=tenant.name, ticket=given))).ticket


async def _take(tenant: Tenant, ticket: Ticket, agent: str) -> None:
    await tenant.agent(agent).tickets.TakeTicket(tickets.TakeTicketRequest(name=ticket.name))


async def _make(world: World) -> None:
    tenant, alice = world.tenant, world.tenant.agent("alice").tickets

    async def known(letter: str, ticket: Ticket) -> Ticket:
        world.letters[ticket.name] = letter
        return ticket

    await known("A", await _raise(tenant, stars=1, text="Cold soup.", priority=TICKET_PRIORITY_HIGH, labels=("vip",)))
    world.clock.advance(hours=1)
    given = await _raise(
        tenant,
        by="bob",
        location="camden",
        subject="Late pizza",
        description="Waited an hour: the soup was hot, the pizza cold.",
        priority=TICKET_PRIORITY_LOW,
        labels=("vip", "food"),
        external_reference="ORD-1042",
    )
    ticket = await known("B", given)
    await _take(tenant, ticket, "alice")
    await alice.StartTicket(tickets.StartTicketRequest(name=ticket.name))
    world.clock.advance(hours=1)
    ticket = await known("C", await _raise(tenant, stars=3, text="Слишком холодный СУП, don't go"))
    await _take(tenant, ticket, "alice")
    await alice.ResolveTicket(tickets.ResolveTicketRequest(name=ticket.name))
    world.clock.advance(hours=1)
    ticket = await known("D", await _raise(tenant, stars=5, text="Great pizza", priority=TICKET_PRIORITY_URGENT))
    await _take(tenant, ticket, "alice")
    await alice.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
    world.clock.advance(hours=1)
    ticket = await known("E", await _raise(tenant, by="alice", subject="Lost umbrella", external_reference="ORD-1042"))
    await _take(tenant, ticket, "bob")
    world.clock.advance(hours=1)
    ticket = await known("F", await _raise(tenant, stars=2, text="The waiter's late"))
    await _take(tenant, ticket, "alice")
    recovery = await tenant.form(ticket)
    await tenant.posted(recovery)
    world.reference = recovery.name[-8:].upper()
    world.clock.advance(hours=1)
    ticket = await known("G", await _raise(tenant, by="bob", subject="Old question", external_reference="X 7: ümlaut"))
    async with tenant.care.database.driver() as connection:
        # What the workflow's step will do.
        await connection.execute(
            "UPDATE tickets SET status = 'CLOSED', close_reason = 'INACTIVITY'"
            " WHERE organization = $1 AND subject = 'Old question'",
            tenant.id,
        )
    world.clock.advance(hours=1)
    # An hour after the last one was made: B is the latest changed.
    note = tickets.UpdateTicketRequest(ticket=Ticket(name=_of(world, "B"), subject="Late cold pizza"))
    await alice.UpdateTicket(note)


def _of(world: World, letter: str) -> str:
    return next(name for name, found in world.letters.items() if found == letter)


@pytest.fixture(scope="module")
async def world(timed_service: Care, clock: SettableClock) -> World:
    made = World(Tenant(timed_service, "finding"), clock, clock.now())
    await _make(made)
    # Another organization has the same, and is never found.
    other = World(Tenant(timed_service, "finding-other"), clock, clock.now())
    await _make(other)
    return made


FOUND: list[tuple[str, str]] = [
    # The newest first; every ticket of the organization.
    ("", "GFEDCBA"),
    ("status = OPEN", "FEA"),
    ("status : OPEN", "FEA"),
    ("status = IN_PROGRESS", "B"),
    ("status = RESOLVED", "C"),
    ("status = CLOSED", "GD"),
    ("status != CLOSED", "FECBA"),
    ("NOT status = OPEN", "GDCB"),
    ("-status = OPEN", "GDCB"),
    ("status:*", "GFEDCBA"),
    ("status = OPEN AND status = CLOSED", ""),
    ("status = OPEN OR status = RESOLVED", "FECA"),
    ("status != OPEN status != CLOSED", "CB"),
    ("close_reason = MANUAL", "D"),
    ("close_reason = INACTIVITY", "G"),
    ("close_reason != MANUAL", "GFECBA"),
    ('close_reason = ""', "FECBA"),
    ('close_reason != ""', "GD"),
    ("close_reason:*", "GD"),
    ("close_reason = MANUAL OR status = RESOLVED", "DC"),
    ("priority = NORMAL", "GFEC"),
    ("priority : HIGH", "A"),
    ("priority != NORMAL", "DBA"),
    ("priority > NORMAL", "DA"),
    ("priority >= NORMAL", "GFEDCA"),
    ("priority < NORMAL", "B"),
    ("priority <= HIGH", "GFECBA"),
    ("priority > URGENT", ""),
    ("priority:*", "GFEDCBA"),
    ("contact_state = NO_CONTACT", "GEDCBA"),
    ("contact_state = AWAITING_CONTACT", "F"),
    ("contact_state != NO_CONTACT", "F"),
    ("contact_state : CHAT_UNLOCKED", ""),
    ("assignee = {o}/agents/alice", "FDCB"),
    ('assignee : "{o}/agents/bob"', "E"),
    ("assignee != {o}/agents/alice", "GEA"),
    ("NOT assignee = {o}/agents/alice", "GEA"),
    ('assignee = ""', "GA"),
    ('assignee != ""', "FEDCB"),
    ("assignee:*", "FEDCB"),
    ("assignee = {o}/agents/nobody", ""),
    ("assignee = organizations/finding-other/agents/alice", ""),
    ("assignee != organizations/finding-other/agents/alice", "GFEDCBA"),
    ("reporter = {o}/agents/bob", "GB"),
    ("reporter : {o}/agents/alice", "E"),
    ("reporter != {o}/agents/bob", "FEDCA"),
    ('reporter = ""', "FDCA"),
    ("reporter:*", "GEB"),
    ("location = {o}/locations/camden", "B"),
    ("location : {o}/locations/soho", "GFEDCA"),
    ("location != {o}/locations/soho", "B"),
    ('location = ""', ""),
    ('location != ""', "GFEDCBA"),
    ("location = organizations/finding-other/locations/soho", ""),
    ('review = ""', "GEB"),
    ("review:*", "FDCA"),
    ("labels:vip", "BA"),
    ("labels:food", "B"),
    ("labels:vip labels:food", "B"),
    ("NOT labels:vip", "GFEDC"),
    ("-labels:food", "GFEDCA"),
    ("labels:*", "BA"),
    ("-labels:*", "GFEDC"),
    ("labels:other", ""),
    ("stars = 1", "A"),
    ("stars : 5", "D"),
    ("stars != 1", "GFEDCB"),
    ("stars > 2", "DC"),
    ("stars >= 2", "FDC"),
    ("stars < 3", "FA"),
    ("stars <= 3", "FCA"),
    ("NOT stars <= 3", "GEDB"),
    ('stars = ""', "GEB"),
    ("stars:*", "FDCA"),
    ("stars < 999999999999", "FDCA"),
    ("stars > -999999999999", "FDCA"),
    ("stars = 999999999999", ""),
    ('create_time = "{t2}"', "C"),
    ('create_time : "{t2}"', "C"),
    ('create_time != "{t2}"', "GFEDBA"),
    ('create_time > "{t2}"', "GFED"),
    ('create_time >= "{t2}"', "GFEDC"),
    ('create_time < "{t2}"', "BA"),
    ('create_time <= "{t2}"', "CBA"),
    ('create_time > "{t1}" AND create_time < "{t4}"', "DC"),
    ('update_time > "{t6}"', "B"),
    ('update_time >= "{t5}"', "GFB"),
    ('update_time < "{t2}"', "A"),
    ('update_time <= "{t2}"', "CA"),
    ('update_time = "{t7}"', "B"),
    ('update_time != "{t7}"', "GFEDCA"),
    ("reference = {reference}", "F"),
    ("reference : {reference}", "F"),
    ("reference != {reference}", "GEDCBA"),
    ("reference = 0000-0000", ""),
    ("external_reference = ORD-1042", "EB"),
    ("external_reference : ' ORD-1042 '", "EB"),
    ("external_reference != ORD-1042", "GFDCA"),
    ("NOT external_reference = ORD-1042", "GFDCA"),
    ('external_reference = "X 7: ümlaut"', "G"),
    ("external_reference = ord-1042", ""),
    ("external_reference = ORD", ""),
    ('external_reference = ""', "FDCA"),
    ('external_reference != ""', "GEB"),
    ("external_reference:*", "GEB"),
    ("external_reference = ORD-1042 status = OPEN", "E"),
    ("external_reference = ORD-1042 OR stars = 5", "EDB"),
    # No word to search for.
    ("ümlaut", ""),
    ("1042", ""),
    # Words: in subject, description and review, whole ones, in any case and language.
    ("soup", "BA"),
    ("SOUP", "BA"),
    ("sou", ""),
    ("cold soup", "BA"),
    ('"cold soup"', "A"),
    ('"soup cold"', ""),
    ("cold -soup", ""),
    ("pizza", "DB"),
    ("pizza OR umbrella", "EDB"),
    ("pizza -great", "B"),
    ("суп", "C"),
    ("'холодный суп'", "C"),
    ("don't", "C"),
    ("waiter's", "F"),
    ('"late cold pizza"', "B"),
    ('"late pizza"', ""),
    ("-soup", "GFEDC"),
    # Of which nothing is left to search for.
    ('"<marzipan>"', ""),
    ('NOT "<br>"', "GFEDCBA"),
    ("&amp; OR umbrella", "E"),
    ("umbrella &amp;", ""),
    ("a" * 3_000, ""),
    ("soup status = OPEN", "A"),
    # Mixed: OR binds tighter than AND.
    ("status = OPEN AND stars = 1 OR stars = 2", "FA"),
    ("(status = OPEN AND stars = 1) OR stars = 5", "DA"),
    ("status = CLOSED OR labels:vip", "GDBA"),
    ("umbrella OR labels:food OR stars = 5 OR status = RESOLVED", "EDCB"),
    ("NOT (status = OPEN OR labels:vip)", "GDC"),
    ("NOT (status = OPEN AND labels:vip)", "GFEDCB"),
    ("NOT (NOT labels:vip)", "BA"),
    ("status = OPEN AND NOT status = OPEN", ""),
    ("status = OPEN OR status != OPEN", "GFEDCBA"),
]


@pytest.mark.parametrize(
    ("text", "letters"), [pytest.param(text, letters, id=text[:100] or "nothing") for text, letters in FOUND]
)
async def test_a_filter_finds(world: World, text: str, letters: str) -> None:
    page = await world.page(text)
    assert "".join(world.letters[ticket.name] for ticket in page.tickets) == letters
    assert page.total_size == len(letters)


@pytest.mark.parametrize(
    ("order", "letters"),
    [
        ("", "GFEDCBA"),
        ("number", "ABCDEFG"),
        ("number desc", "GFEDCBA"),
        ("create_time", "ABCDEFG"),
        ("create_time desc", "GFEDCBA"),
        ("update_time", "ACDEFGB"),
        ("update_time desc", "BGFEDCA"),
        # The newest of the same priority first.
        ("priority", "BGFECAD"),
        ("priority desc", "DAGFECB"),
        ("priority, number", "BCEFGAD"),
        ("priority desc, update_time", "DACEFGB"),
        ("priority, update_time desc", "BGFECAD"),
        ("  update_time   desc ,  priority", "BGFEDCA"),
        ("create_time asc", "ABCDEFG"),
    ],
)
@pytest.mark.parametrize("text", ["", "status != CLOSED", "stars:*", "pizza OR soup OR status = OPEN"])
async def test_an_order_is_kept_over_pages_of_any_size(world: World, order: str, letters: str, text: str) -> None:
    found = set(await world.find(text))
    expected = "".join(letter for letter in letters if letter in found)
    for size in (1, 2, 3, 7):
        met, token = "", ""
        while True:
            page = await world.page(text, order, size, token)
            met += "".join(world.letters[ticket.name] for ticket in page.tickets)
            if not (token := page.next_page_token):
                break
            assert len(page.tickets) == size
        assert met == expected


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("", (3, 1, 1, 1, 1)),
        ("labels:vip", (1, 1, 0, 0, 0)),
        ("status = CLOSED", (0, 0, 0, 1, 1)),
        ("stars > 1", (1, 0, 1, 1, 0)),
        ("pizza", (0, 1, 0, 1, 0)),
        ("umbrella stars = 1", (0, 0, 0, 0, 0)),
    ],
)
async def test_tickets_are_counted_by_status_the_closed_ones_by_who_closed_them(
    world: World, text: str, counts: tuple[int, ...]
) -> None:
    request = tickets.CountTicketsRequest(parent=world.tenant.name, filter=text)
    found = await world.tenant.agent("alice").tickets.CountTickets(request)
    assert (found.open, found.in_progress, found.resolved, found.closed, found.auto_closed) == counts
    assert found.total == sum(counts)


async def test_total_size_is_there_only_if_asked_for(world: World) -> None:
    request = tickets.ListTicketsRequest(parent=world.tenant.name, page_size=2)
    assert (await world.tenant.service.tickets.ListTickets(request)).total_size == 0
    request.include_total_size = True
    assert (await world.tenant.service.tickets.ListTickets(request)).total_size == 7


async def test_a_token_is_for_its_filter_and_order_alone(world: World) -> None:
    token = (await world.page("status = OPEN", "update_time", 1)).next_page_token
    assert (await world.page("status = OPEN", "update_time", 1, token)).tickets
    for text, order in (("status = OPEN", ""), ("", "update_time"), ("status=OPEN", "update_time"), ("", "")):
        assert_refused(await refusal(world.page(text, order, 1, token)), "INVALID_PAGE_TOKEN")


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("status = OPEN AND", 17, "ends"),
        ("status = LOST", 9, "OPEN, IN_PROGRESS, RESOLVED, CLOSED"),
        ("寿 assigne:*", 2, "assignee"),
        ("x" * 5000, 4000, "4000"),
    ],
)
async def test_a_bad_filter_says_where_and_what_to_do(world: World, text: str, position: int, said: str) -> None:
    calls: list[Awaitable[object]] = [
        world.page(text),
        world.tenant.service.tickets.CountTickets(tickets.CountTicketsRequest(parent=world.tenant.name, filter=text)),
    ]
    for call in calls:
        error: CareError = await refusal(call)
        assert (error.reason, error.code) == ("INVALID_FILTER", grpc.StatusCode.INVALID_ARGUMENT)
        assert error.metadata["position"] == str(position)
        (violation,) = error.field_violations
        assert violation.field == "filter"
        assert said in violation.description


@pytest.mark.parametrize(
    "order", ["subject", "number down", "number desc desc", ",", "number, number", "number,", "Number"]
)
async def test_a_bad_order_is_refused(world: World, order: str) -> None:
    error = await refusal(world.page(order=order))
    assert_refused(error, "INVALID_FIELD")
    assert {violation.field for violation in error.field_violations} == {"order_by"}


@pytest.mark.parametrize(
    "order", ["", "number", "create_time desc", "update_time", "priority", "priority desc, update_time"]
)
async def test_a_service_without_organization_finds_over_all_of_them_page_by_page(world: World, order: str) -> None:
    everywhere = world.tenant.care.client(world.tenant.care.token(sub="intake", roles=["service"]))
    text = f"labels:vip pizza location = {world.tenant.name}/locations/camden OR stars = 1"
    request = tickets.ListTicketsRequest(parent="organizations/-", filter=text, order_by=order, include_total_size=True)
    all_at_once = await everywhere.tickets.ListTickets(request)
    assert [world.letters.get(ticket.name) for ticket in all_at_once.tickets if "finding/" in ticket.name] == ["B"]
    for nothing, is_found in (('"<br>"', False), ('NOT "<br>"', True)):
        request = tickets.ListTicketsRequest(parent="organizations/-", filter=nothing, order_by=order)
        assert bool((await everywhere.tickets.ListTickets(request)).tickets) == is_found


# Walked through, in branches, gathered, and gathered part by part.
@pytest.mark.parametrize("text", ["", "status != CLOSED", "stars:*", "umbrella OR labels:food OR stars = 5"])
@pytest.mark.parametrize("order", ["", "number", "update_time desc", "priority, update_time desc"])
async def test_pages_over_all_organizations_go_through_one_after_the_other(world: World, order: str, text: str) -> None:
    everywhere = world.tenant.care.client(world.tenant.care.token(sub="intake", roles=["service"]))
    request = tickets.ListTicketsRequest(
        parent="organizations/-", filter=text, order_by=order, page_size=3, include_total_size=True
    )
    met: list[str] = []
    while True:
        page = await everywhere.tickets.ListTickets(request)
        met += [ticket.name for ticket in page.tickets]
        if not (token := page.next_page_token):
            break
        request.page_token = token
    assert len(met) == len(set(met)) == page.total_size
    organizations = [name.split("/")[1] for name in met]
    assert organizations == sorted(organizations, reverse=order in {"", "update_time desc"})
    own = [world.letters[name] for name in met if name in world.letters]
    assert "".join(own) == await world.find(text, order)


async def test_an_edited_review_is_found_by_its_new_text_and_stars(tenant: Tenant) -> None:
    review = await tenant.review(1, "Cold soup.")
    given = Ticket(review=review.name, subject="Umbrella")
    ticket = (
        await tenant.service.tickets.CreateTicket(tickets.CreateTicketRequest(parent=tenant.name, ticket=given))
    ).ticket
    edit = Review()
    edit.CopyFrom(review)
    edit.stars, edit.text = 4, "Warm noodles."
    edit.update_time.CopyFrom(timestamp(review.create_time.ToDatetime() + timedelta(days=1)))
    await tenant.service.reviews.IngestReview(reviews.IngestReviewRequest(parent=tenant.name, review=edit))

    async def finds(text: str) -> bool:
        request = tickets.ListTicketsRequest(parent=tenant.name, filter=text)
        return [each.name for each in (await tenant.service.tickets.ListTickets(request)).tickets] == [ticket.name]

    assert await finds("stars = 4 noodles umbrella")
    assert not await finds("soup")
    assert not await finds("stars = 1")
    alice = tenant.agent("alice").tickets
    await alice.TakeTicket(tickets.TakeTicketRequest(name=ticket.name))
    change = Ticket(name=ticket.name, subject="Parasol", labels=["sun"])
    await alice.UpdateTicket(tickets.UpdateTicketRequest(ticket=change))
    assert await finds("stars = 4 noodles parasol labels:sun")
    assert not await finds("umbrella")
