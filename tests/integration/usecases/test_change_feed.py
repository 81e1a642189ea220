"""The change feed: readers do not skip a change that commits after others that have higher transaction ids."""

from __future__ import annotations

import asyncio

from care_service.storage.feed import PostgresFeed
from care_service.usecases.feed import FeedPosition
from tests.integration.usecases.office import Office


async def changed(office: Office, feed: PostgresFeed, after: FeedPosition) -> set[int]:
    found = await feed.changed_tickets(after, 1000)
    return {number for organization, number in found.tickets if organization == office.id}


async def test_readers_stop_before_a_transaction_that_still_runs(office: Office) -> None:
    name = await office.ticket()
    feed = PostgresFeed(office.database)
    async with office.database.driver() as connection, connection.transaction():
        # This transaction may still write an activity under its id, which is lower than that of the note.
        await connection.execute("SELECT pg_current_xact_id()")
        begin = await feed.end()
        await office.note(name)
        assert await changed(office, feed, begin) == set()
    # Other transactions of the server, such as those of autovacuum, may run a moment longer.
    while not (found := await changed(office, feed, begin)):  # noqa: ASYNC110 - PostgreSQL sends no event
        await asyncio.sleep(0)
    assert found == {name.number}
