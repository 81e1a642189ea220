"""Concurrent commands on one ticket: each is decided on the latest version, and each request is carried out once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from care_rules.names import TicketName
from care_rules.refusals import Reason, Refusal
from care_service.storage.database import Database
from care_service.storage.tickets import PostgresTickets
from care_service.usecases import conversation, tickets
from care_service.usecases.conversation import WrittenMessage
from care_service.usecases.ports.idempotency import RequestKey, StoredResponse
from care_service.usecases.ports.ticket_store import StaleError, TicketStore
from care_service.usecases.request import Request
from care_service.usecases.retrying import retry_until_committed
from tests.integration.usecases.office import Office, assert_refused, encode, fresh


class Overtaken(PostgresTickets):
    """A store in which another command commits after each load, a number of times."""

    def __init__(self, database: Database, times: int, overtake: Callable[[], Awaitable[None]]) -> None:
        super().__init__(database)
        self.times = times
        self._overtake = overtake

    async def load(
        self,
        name: TicketName,
        *,
        agent: str | None,
        recovery: UUID | None = None,
        claim: UUID | None = None,
        request: RequestKey | None = None,
    ) -> Any:  # noqa: ANN401 - the signature of the store
        loaded = await super().load(name, agent=agent, recovery=recovery, claim=claim, request=request)
        if self.times:
            self.times -= 1
            await self._overtake()
        return loaded


# The fourth overtaking makes the command lock the ticket.
@pytest.mark.parametrize("times", [1, 3, 4])
async def test_a_command_that_is_overtaken_decides_again(office: Office, times: int) -> None:
    name = await office.ticket()
    store = Overtaken(office.database, times, lambda: office.note(name))
    started = fresh(await tickets.start_ticket(store, name, office.request()))
    assert store.times == 0
    assert started.ticket == (await office.load(name)).ticket
    assert await office.log(name) == ["STARTED", *["NOTE_ADDED"] * times, "TAKEN", "CREATED"]


async def test_a_command_that_is_overtaken_may_be_refused_then(office: Office) -> None:
    name = await office.ticket()

    async def close() -> None:
        await tickets.close_ticket(office.store, name, office.request())

    store = Overtaken(office.database, 1, close)
    await assert_refused(tickets.start_ticket(store, name, office.request()), Reason.TICKET_CLOSED)


async def test_an_etag_does_not_survive_being_overtaken(office: Office) -> None:
    name = await office.ticket()
    etag = str((await office.load(name)).ticket.version)
    store = Overtaken(office.database, 1, lambda: office.note(name))
    await assert_refused(tickets.start_ticket(store, name, office.request(etag=etag)), Reason.ETAG_MISMATCH)


async def test_a_command_that_is_always_overtaken_is_refused(office: Office) -> None:
    name, attempts = await office.ticket(), []

    async def once(store: TicketStore) -> None:
        attempts.append(store)
        raise StaleError

    with pytest.raises(Refusal) as caught:
        await retry_until_committed(office.store, once, name)
    assert (caught.value.reason, caught.value.metadata) == (Reason.CONTENDED, {"ticket": str(name)})
    assert [store is office.store for store in attempts] == [True] * 4 + [False]
    with pytest.raises(Refusal) as caught:
        await retry_until_committed(office.store, once, None)
    assert (caught.value.reason, caught.value.metadata) == (Reason.CONTENDED, {})


async def test_commands_at_the_same_time_are_carried_out_one_after_the_other(office: Office) -> None:
    name = await office.ticket()
    await asyncio.gather(*(office.note(name, str(number)) for number in range(12)))
    activities = await office.reader.activities(name, None, 100)
    assert [entry.number for entry in activities] == list(range(14, 0, -1))
    texts = {text for kind, text in await office.thread(name) if kind == "NOTE"}
    assert texts == {str(number) for number in range(12)}


async def test_a_request_that_arrives_several_times_at_once_is_carried_out_once(office: Office) -> None:
    name = await office.ticket()
    request: Request[WrittenMessage] = office.request(id=uuid4())
    outcomes = await asyncio.gather(*(conversation.add_note(office.store, name, "Called.", request) for _ in range(6)))
    written = [outcome for outcome in outcomes if not isinstance(outcome, StoredResponse)]
    assert len(written) == 1
    bodies = {outcome.body for outcome in outcomes if isinstance(outcome, StoredResponse)}
    assert bodies == {encode(written[0])}
    assert await office.log(name) == ["NOTE_ADDED", "TAKEN", "CREATED"]


async def test_only_one_of_the_tickets_that_are_created_at_once_for_a_review_is_stored(office: Office) -> None:
    new = office.new_ticket(await office.ingest())
    outcomes = await asyncio.gather(*(office.create(new) for _ in range(6)), return_exceptions=True)
    refusals = [outcome.reason for outcome in outcomes if isinstance(outcome, Refusal)]
    assert refusals == [Reason.TICKET_EXISTS] * 5
