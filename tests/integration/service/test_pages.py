"""Lists: their order, their pages and invalid page tokens."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence

import pytest

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import directory_service_pb2 as directory
from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1.directory_pb2 import Location
from care.v1.ticket_pb2 import Ticket
from care_client.errors import CareError
from care_client.paging import pages as client_pages
from tests.integration.service.commands import assert_refused
from tests.support.care import refusal
from tests.support.tenant import Tenant

MISSING_ID = "0190a0a0-0000-7000-8000-000000000000"


Page = tuple[list[str], str]
Lister = Callable[[int, str], Awaitable[Page]]


class Lists:
    """Calls each list of one tenant, and adds entries to it."""

    def __init__(self, tenant: Tenant, ticket: Ticket) -> None:
        self.tenant, self.ticket, self.client = tenant, ticket, tenant.agent("alice")
        self._made = 0

    async def tickets(self, size: int, token: str) -> Page:
        request = tickets.ListTicketsRequest(parent=self.tenant.name, page_size=size, page_token=token)
        page = await self.client.tickets.ListTickets(request)
        return [each.name for each in page.tickets], page.next_page_token

    async def activities(self, size: int, token: str) -> Page:
        request = tickets.ListActivitiesRequest(parent=self.ticket.name, page_size=size, page_token=token)
        page = await self.client.tickets.ListActivities(request)
        return [each.name for each in page.activities], page.next_page_token

    async def messages(self, size: int, token: str) -> Page:
        request = conversations.ListMessagesRequest(parent=self.ticket.name, page_size=size, page_token=token)
        page = await self.client.conversations.ListMessages(request)
        return [each.name for each in page.messages], page.next_page_token

    async def recoveries(self, size: int, token: str) -> Page:
        request = conversations.ListRecoveriesRequest(parent=self.ticket.name, page_size=size, page_token=token)
        page = await self.client.conversations.ListRecoveries(request)
        return [each.name for each in page.recoveries], page.next_page_token

    async def reviews(self, size: int, token: str) -> Page:
        request = reviews.ListReviewsRequest(parent=self.tenant.name, page_size=size, page_token=token)
        page = await self.client.reviews.ListReviews(request)
        return [each.name for each in page.reviews], page.next_page_token

    async def agents(self, size: int, token: str) -> Page:
        request = directory.ListAgentsRequest(parent=self.tenant.name, page_size=size, page_token=token)
        page = await self.client.directory.ListAgents(request)
        return [each.name for each in page.agents], page.next_page_token

    async def locations(self, size: int, token: str) -> Page:
        request = directory.ListLocationsRequest(parent=self.tenant.name, page_size=size, page_token=token)
        page = await self.client.directory.ListLocations(request)
        return [each.name for each in page.locations], page.next_page_token

    async def add(self, what: str) -> None:
        """Adds an entry. In lists that are ordered by name, it is sometimes the first and sometimes the last one."""
        self._made += 1
        number = self._made
        match what:
            case "tickets":
                given = Ticket(subject="Cold soup", location=f"{self.tenant.name}/locations/soho")
                create = tickets.CreateTicketRequest(parent=self.tenant.name, ticket=given)
                await self.client.tickets.CreateTicket(create)
            case "activities" | "messages":
                note = conversations.AddNoteRequest(parent=self.ticket.name, text=f"Note {number}")
                await self.client.conversations.AddNote(note)
            case "recoveries":
                recovery = await self.tenant.form(self.ticket)
                withdraw = conversations.WithdrawRecoveryFormRequest(name=recovery.name)
                await self.client.conversations.WithdrawRecoveryForm(withdraw)
            case "reviews":
                await self.tenant.review()
            case "agents":
                await self.tenant.meet(f"{'am'[number % 2]}{number}")
            case _:
                place = Location(name=f"{self.tenant.name}/locations/{'Zs'[number % 2]}-{number}")
                request = directory.UpdateLocationRequest(location=place, allow_missing=True)
                await self.tenant.service.directory.UpdateLocation(request)

    def lister(self, what: str) -> Lister:
        found: Lister = getattr(self, what)
        return found


LISTS = ("tickets", "activities", "messages", "recoveries", "reviews", "agents", "locations")


@pytest.mark.parametrize("what", LISTS)
async def test_paging_returns_each_entry_once_even_while_entries_are_added(tenant: Tenant, what: str) -> None:
    lists = Lists(tenant, await tenant.ticket())
    for _ in range(6):
        await lists.add(what)
    list_page = lists.lister(what)
    before, last = await list_page(1000, "")
    assert last == ""
    assert len(before) >= 6
    met: list[str] = []
    token = ""
    while True:
        page, token = await list_page(2, token)
        met.extend(page)
        if not token:
            break
        assert len(page) == 2
        if len(met) < 20:  # otherwise a list that grows at its end would have no last page
            await lists.add(what)
    assert len(met) == len(set(met))
    assert [name for name in met if name in before] == before


@pytest.mark.parametrize("what", LISTS)
async def test_invalid_page_sizes_and_tokens_are_refused(tenant: Tenant, what: str) -> None:
    lists = Lists(tenant, await tenant.ticket())
    for _ in range(2):
        await lists.add(what)
    list_page = lists.lister(what)
    error = await refusal(list_page(-1, ""))
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == ["page_size"]
    _, token = await list_page(1, "")
    assert token
    for wrong in ("nonsense", "ä", token[:-4], f"{token}AAAA", "W10", "e30", "bnVsbA", "x" * 10_000):
        assert_refused(await refusal(list_page(1, wrong)), "INVALID_PAGE_TOKEN")
    # Tokens of another parent and of another method.
    other = Tenant(tenant.care, f"{tenant.id}-other")
    foreign = Lists(other, await other.ticket())
    for _ in range(2):
        await foreign.add(what)
    assert_refused(await refusal(foreign.lister(what)(1, token)), "INVALID_PAGE_TOKEN")
    for method in LISTS:
        if method != what:
            assert_refused(await refusal(lists.lister(method)(1, token)), "INVALID_PAGE_TOKEN")


def forge_token(scope: str, *key: object) -> str:
    text = json.dumps([scope, *key])
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


FORGED_KEYS: Sequence[tuple[object, ...]] = (
    (),
    (10**30,),
    (-(10**30), 10**30),
    ("\0",),
    ("\ud800",),
    ("org", 10**30),
    ("org", "2026-01-01T00:00:00", MISSING_ID),
    ("\0", 1),
    ("\0", "2026-01-01T00:00:00+00:00", MISSING_ID),
    ("org", "0001-01-01T00:00:00+14:00", MISSING_ID),
)
"""A token can be decoded, so its parts can be forged."""


@pytest.mark.parametrize("what", LISTS)
async def test_a_forged_page_token_is_never_an_internal_error(tenant: Tenant, what: str) -> None:
    ticket = await tenant.ticket()
    lists = Lists(tenant, ticket)
    parent = ticket.name if what in {"activities", "messages", "recoveries"} else tenant.name
    for key in FORGED_KEYS:
        error = await error_or_none(lists.lister(what)(1, forge_token(f"{what} {parent}", *key)))
        if error is not None:
            assert_refused(error, "INVALID_PAGE_TOKEN")


async def error_or_none(call: Awaitable[object]) -> CareError | None:
    try:
        return await refusal(call)
    except AssertionError:
        return None  # a forged token may be valid by chance


async def test_a_page_has_50_entries_by_default_and_at_most_1000(tenant: Tenant) -> None:
    ticket, alice = await tenant.ticket(), tenant.agent("alice")

    async def note(number: int) -> None:
        await alice.conversations.AddNote(conversations.AddNoteRequest(parent=ticket.name, text=str(number)))

    for number in range(50):
        await note(number)
    lists = Lists(tenant, ticket)
    assert len((await lists.messages(0, ""))[0]) == 50
    assert len((await lists.messages(51, ""))[0]) == 51
    assert len((await lists.messages(2**31 - 1, ""))[0]) == 51


async def test_lists_come_in_the_documented_order(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    lists = Lists(tenant, ticket)
    for what in LISTS:
        await lists.add(what)
        await lists.add(what)
    numbers = [int(name.rpartition("/")[2]) for name in (await lists.tickets(0, ""))[0]]
    assert numbers == sorted(numbers, reverse=True)
    numbers = [int(name.rpartition("/")[2]) for name in (await lists.activities(0, ""))[0]]
    assert numbers == list(range(len(numbers), 0, -1))
    newest, older = (await lists.recoveries(0, ""))[0]
    assert newest != older
    log = [entry.recovery for entry in await tenant.log(ticket) if entry.recovery]
    assert (log[0], log[-1]) == (newest, older)


async def test_a_page_fits_the_default_message_size_of_clients(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    alice = tenant.agent("alice")
    texts = [f"{number} {'🍲' * 9_990}" for number in range(110)]  # 4.4 MB together
    for text in texts:
        await alice.conversations.AddNote(conversations.AddNoteRequest(parent=ticket.name, text=text))
    request = conversations.ListMessagesRequest(parent=ticket.name, page_size=1_000)
    pages = [page async for page in client_pages(alice.conversations.ListMessages, request)]
    assert [message.text for page in pages for message in page.messages if message.text in texts] == texts
    assert len(pages) == 2
    assert all(page.ByteSize() <= 3 * 1024 * 1024 + 10_000 for page in pages)
