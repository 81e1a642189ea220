"""The change feed on PostgreSQL: the activity log of all tickets, read by many readers, each from its own position.

Rows become visible in the order of commits. Neither a sequence nor a clock has that order. So a position is
(transaction, sequence), and readers stop before the oldest transaction that still runs. No row can be added before that
transaction any more. Transactions are short, and a timeout ends long ones, so readers lag by moments only.

Activities of one ticket come in the order of their numbers. A transaction that waited for a ticket's lock may have a
lower id than the transaction that held the lock. The later activity then gets the higher id, too: see `commits.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Select, Tuple, and_, cast, literal, select, tuple_

from care_service.storage import tables, ticket_lists
from care_service.storage.compiled import compile_statement
from care_service.storage.database import Database
from care_service.storage.rows import ACTIVITY, CONTACT, DELIVERY, MESSAGE, TICKET
from care_service.storage.tables import XID8
from care_service.usecases.feed import Change, ChangedTickets, FeedFilter, FeedPage, FeedPosition

_A, _T, _R, _C, _M, _D = (
    tables.activities.c,
    tables.tickets.c,
    tables.recoveries.c,
    tables.contacts.c,
    tables.messages.c,
    tables.deliveries.c,
)
CHANGED_TICKETS: Final = """
    -- Lists the next activities of the change feed, to find the tickets that changed.
    -- $1, $2: transaction and sequence of the position to begin after; $3: how many activities at most
    SELECT organization, ticket_number, transaction::TEXT, position FROM activities
    WHERE (transaction, position) > ($1::TEXT::XID8, $2::BIGINT)
      AND transaction < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY transaction, position LIMIT $3
"""
LAST_TRANSACTION: Final = """
    -- Returns the last transaction before the oldest one that still runs: the end of the change feed.
    SELECT (pg_snapshot_xmin(pg_current_snapshot())::TEXT::NUMERIC - 1)::TEXT
"""
_LAST_SEQUENCE: Final = 2**63 - 1


class PostgresFeed:
    """Reads the feed. Keeps no state about readers. Implements `Feed`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def end(self) -> FeedPosition:
        """See Feed."""
        async with self._database.driver() as connection:
            return FeedPosition(int(await connection.fetchval(LAST_TRANSACTION)), _LAST_SEQUENCE)

    async def changed_tickets(self, after: FeedPosition, limit: int) -> ChangedTickets:
        """See Feed."""
        async with self._database.driver() as connection:
            rows = await connection.fetch(CHANGED_TICKETS, str(after.transaction), after.sequence, limit)
        last = FeedPosition(int(rows[-1][2]), rows[-1][3]) if rows else after
        return ChangedTickets(last, frozenset((row[0], row[1]) for row in rows))

    async def changes(
        self, feed_filter: FeedFilter, after: FeedPosition, through: FeedPosition, limit: int
    ) -> FeedPage:
        """See Feed."""
        statement = compile_statement(changes_statement(feed_filter, after, through, limit))
        async with self._database.reads() as connection:
            rows = await statement.fetch(connection)
        changes = tuple(change for row in rows if (change := _change(row)) is not None)
        return FeedPage(changes, changes[-1].position if len(changes) == limit else through)


def changes_statement(feed_filter: FeedFilter, after: FeedPosition, through: FeedPosition, limit: int) -> Select[Any]:
    """Returns the statement for a page of changes: the columns of everything that a `Change` contains."""
    position = tuple_(_A.transaction, _A.position)
    statement = (
        select(
            _A.transaction,
            _A.position,
            *ACTIVITY.columns,
            *TICKET.columns,
            *CONTACT.columns,
            *MESSAGE.columns,
            *DELIVERY.columns,
        )
        .join(tables.tickets, and_(_T.organization == _A.organization, _T.number == _A.ticket_number))
        .outerjoin(
            tables.recoveries,
            and_(_R.organization == _T.organization, _R.ticket_number == _T.number, _R.id == _T.recovery_id),
        )
        .outerjoin(
            tables.contacts,
            and_(_C.organization == _R.organization, _C.ticket_number == _R.ticket_number, _C.id == _R.contact_id),
        )
        .outerjoin(
            tables.messages,
            and_(_M.organization == _A.organization, _M.ticket_number == _A.ticket_number, _M.id == _A.message_id),
        )
        .outerjoin(
            tables.deliveries,
            and_(_D.organization == _M.organization, _D.ticket_number == _M.ticket_number, _D.message_id == _M.id),
        )
        .where(position > _bound(after), position <= _bound(through))
        .order_by(_A.transaction, _A.position)
        .limit(limit)
    )
    if feed_filter.organization is not None:
        statement = statement.where(_A.organization == feed_filter.organization)
    if feed_filter.ticket is not None:
        statement = statement.where(_A.ticket_number == feed_filter.ticket)
    condition = ticket_lists.ticket_condition(feed_filter.condition, feed_filter.organization)
    return statement if condition is None else statement.where(condition)


def _bound(position: FeedPosition) -> Tuple:
    return tuple_(cast(literal(str(position.transaction)), XID8), literal(position.sequence, BigInteger))


def _change(row: Sequence[Any]) -> Change | None:
    at = 2
    activity = ACTIVITY.read(row, at)
    ticket = TICKET.read(row, at := at + len(ACTIVITY))
    if activity is None or ticket is None:
        return None
    return Change(
        position=FeedPosition(int(row[0]), row[1]),
        activity=activity,
        ticket=ticket,
        contact=CONTACT.read(row, at := at + len(TICKET)),
        message=MESSAGE.read(row, at := at + len(CONTACT)),
        delivery=DELIVERY.read(row, at + len(MESSAGE)),
    )
