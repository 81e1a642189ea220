"""Streams of two services on one database are cut off many times while commits overtake each other."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import ticket_service_pb2 as tickets
from care.v1.ticket_pb2 import Ticket
from care.v1.ticket_service_pb2 import WatchTicketsResponse
from care_client.client import CareClient
from care_client.errors import Conflict
from care_dev.stack import postgres
from tests.support.care import Care, care
from tests.support.tenant import Tenant
from tests.support.watching import current_resume_token, watching

WRITERS = 8
COLD = 6
"""The number of tickets that are written to sometimes. One more ticket gets concurrent writes."""


@pytest.fixture(scope="module")
async def services(server: postgres.Server) -> AsyncIterator[Sequence[Care]]:
    """Two services on one database that accept the same tokens and links."""
    url = server.create_database("twice")
    keys = {
        "CARE_TOKEN_KEY": secrets.token_urlsafe(32),
        "CARE_LINK_KEYS": f"k1:{secrets.token_urlsafe(33)}",
    }
    async with care(url, variables=keys) as first, care(url, variables=keys) as second:
        yield first, second


@dataclass
class Commotion:
    """Concurrent changes of an organization's tickets by both services."""

    tenants: Sequence[Tenant]
    chance: random.Random
    hot: Ticket
    cold: Sequence[Ticket]
    done: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, done: int) -> None:
        """Waits until `done` changes are committed."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.done >= done)

    async def run(self, changes: int) -> None:
        """Writes `changes` changes, some of which commit out of order."""
        left = iter(range(changes))
        async with asyncio.TaskGroup() as group:
            others = [group.create_task(self._hold_back(changes)), group.create_task(self._lock(changes))]
            async with asyncio.TaskGroup() as writers:
                for _ in range(WRITERS):
                    writers.create_task(self._write(left))
            for other in others:
                other.cancel()

    async def _write(self, left: Iterator[int]) -> None:
        for number in left:
            alice = self.chance.choice(self.tenants).agent("alice")
            ticket = self.hot if self.chance.random() < 0.6 else self.chance.choice(self.cold)
            while not await self._changed(alice, ticket, number):
                pass
            async with self.changed:
                self.done += 1
                self.changed.notify_all()

    async def _changed(self, alice: CareClient, ticket: Ticket, number: int) -> bool:
        try:
            if number % 3:
                note = conversations.AddNoteRequest(parent=ticket.name, text=f"note {number}")
                await alice.conversations.AddNote(note, timeout=60)
            else:
                given = Ticket(name=ticket.name, subject=f"subject {number}")
                await alice.tickets.UpdateTicket(tickets.UpdateTicketRequest(ticket=given), timeout=60)
        except Conflict:
            return False
        return True

    async def _hold_back(self, changes: int) -> None:
        """Keeps transactions with writes open, so that newer transactions commit before them."""
        while self.done < changes:
            async with self.tenants[0].care.database.driver() as connection, connection.transaction():
                await connection.execute("SELECT pg_current_xact_id()")
                await self.until(min(changes, self.done + self.chance.randint(1, 30)))

    async def _lock(self, changes: int) -> None:
        """Locks tickets: a waiting change has its number already and commits after later changes."""
        # The hot ticket is never locked: if all writers waited for a lock, no other change would commit.
        while self.done < changes:
            ticket = self.chance.choice(self.cold)
            async with self.tenants[0].care.database.driver() as connection, connection.transaction():
                await connection.execute(
                    "SELECT 1 FROM tickets WHERE organization = $1 AND number = $2 FOR UPDATE",
                    self.tenants[0].id,
                    ticket.number,
                )
                await self._go_on(changes)

    async def _go_on(self, changes: int) -> None:
        """Waits for some more changes, or until all writers wait for this lock."""
        try:
            async with asyncio.timeout(0.2):
                await self.until(min(changes, self.done + self.chance.randint(1, 20)))
        except TimeoutError:
            pass


@asynccontextmanager
async def commotion(services: Sequence[Care], organization: str, chance: random.Random) -> AsyncIterator[Commotion]:
    tenants = [Tenant(each, organization) for each in services]
    made = [await tenants[0].ticket() for _ in range(COLD + 1)]
    yield Commotion(tenants, chance, made[0], made[1:])


class Watcher:
    """A client that is cut off many times and resumes at either service."""

    def __init__(self, clients: Sequence[CareClient], parent: str, chance: random.Random, token: str) -> None:
        self._clients, self._parent, self._chance = clients, parent, chance
        self.token = token
        self.seen: list[str] = []
        self.cuts = 0

    async def run(self, cuts: int, changes: int) -> None:
        """Reads until it has seen `changes` changes. Its `cuts` are spread evenly among them."""
        while len(self.seen) < changes:
            left, cuts_left = changes - len(self.seen), cuts - self.cuts
            patience = min(self._chance.randint(0, 2 * left // cuts_left), left - 1) if cuts_left > 0 else left
            client = self._chance.choice(self._clients)
            async with watching(client, self._parent, resume_token=self.token) as opened:
                while patience > 0 and len(self.seen) < changes:
                    self.take(await opened.next())
                    patience -= 1
                if self._chance.random() < 0.5 and len(self.seen) < changes:
                    await opened.next()  # the response was lost before it was processed
            self.cuts += 1

    def take(self, answer: WatchTicketsResponse) -> None:
        """Processes a response: remembers its change and its resume token."""
        if answer.HasField("activity"):
            self.seen.append(answer.activity.name)
        self.token = answer.resume_token


async def activities_since(tenant: Tenant, before: dict[str, int]) -> set[str]:
    """Returns the names of the activities that were written since `before`."""
    query = "SELECT ticket_number, number FROM activities WHERE organization = $1"
    async with tenant.care.database.driver() as connection:
        rows = await connection.fetch(query, tenant.id)
    return {
        f"{tenant.name}/tickets/{ticket}/activities/{number}"
        for ticket, number in rows
        if number > before[f"{tenant.name}/tickets/{ticket}"]
    }


def assert_in_order(seen: Sequence[str], hint: str) -> None:
    numbers: dict[str, list[int]] = defaultdict(list)
    for name in seen:
        ticket, _, number = name.partition("/activities/")
        numbers[ticket].append(int(number))
    for ticket, found in numbers.items():
        assert found == sorted(found), f"{ticket} out of order; {hint}"


async def check_each_change_is_seen_once(services: Sequence[Care], changes: int, cuts: int, seed: int) -> None:
    chance, its, ones = (random.Random(seed + each) for each in range(3))  # noqa: S311  (a seed makes the same choices)
    hint = f"seed {seed}"
    async with commotion(services, f"org-{secrets.token_hex(4)}", chance) as world:
        tenant = world.tenants[0]
        clients = [each.agent("alice") for each in world.tenants]
        begin = await current_resume_token(clients[0], tenant.name)
        before = {each.name: int((await tenant.get(each)).etag) for each in (world.hot, *world.cold)}
        everything = Watcher(clients, tenant.name, its, begin)
        watching_all = asyncio.create_task(everything.run(cuts, changes))
        hot_begin = await current_resume_token(clients[0], world.hot.name)
        await world.run(changes)
        expected = await activities_since(tenant, before)
        assert len(expected) == changes, hint
        try:
            async with asyncio.timeout(60):
                await watching_all
        except TimeoutError:
            pytest.fail(f"never seen: {sorted(expected - set(everything.seen))}; {hint}")
        assert sorted(everything.seen) == sorted(expected), hint
        assert_in_order(everything.seen, hint)
        assert everything.cuts >= cuts, hint
        # The same for one ticket alone, from the beginning.
        of_hot = {name for name in expected if name.startswith(f"{world.hot.name}/")}
        one = Watcher(clients, world.hot.name, ones, hot_begin)
        await one.run(cuts // 10, len(of_hot))
        assert one.seen == sorted(of_hot, key=lambda name: int(name.rpartition("/")[2])), hint
        # No change is repeated afterwards: the next response is the next change.
        note = conversations.AddNoteRequest(parent=world.hot.name, text="the last")
        last = (await clients[0].conversations.AddNote(note)).ticket.etag
        for parent, watcher in ((tenant.name, everything), (world.hot.name, one)):
            async with watching(clients[1], parent, resume_token=watcher.token) as opened:
                assert (await opened.next()).activity.name == f"{world.hot.name}/activities/{last}", hint


async def test_a_client_that_is_cut_off_a_hundred_times_sees_each_change_once(services: Sequence[Care]) -> None:
    await check_each_change_is_seen_once(services, 600, 100, random.SystemRandom().randrange(10**6))


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("_", range(5))
async def test_a_client_that_is_cut_off_many_more_times_sees_each_change_once(services: Sequence[Care], _: int) -> None:
    await check_each_change_is_seen_once(services, 2_000, 100, random.SystemRandom().randrange(10**6))
