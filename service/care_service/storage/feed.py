"""The change feed: the activity log of all tickets, followed by many from wherever each of them is.

Rows become visible in the order of commits, which is neither that of a sequence nor that of a clock. So the place in
the feed is (transaction, position), and only what is older than every transaction that still runs is read: nothing can
come before that any more. Transactions are short, and cut off otherwise, so the feed is behind by moments.

Those of one ticket come in the order of their numbers: each is put at the transaction of the one before where that is
the later one, as may be for who waited for a ticket's lock. The earlier of two that are there is there too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Select, Tuple, and_, cast, literal, select, tuple_

from care_service.storage import tables, ticket_lists
from care_service.storage.database import Database
from care_service.storage.rows import ACTIVITY, CONTACT, DELIVERY, MESSAGE, TICKET
from care_service.storage.tables import XID8
from care_service.usecases.feed import Change, ChangedTickets, Follow, Place, Seen

_A, _T, _R, _C, _M, _D = (
    tables.activities.c,
    tables.tickets.c,
    tables.recoveries.c,
    tables.contacts.c,
    tables.messages.c,
    tables.deliveries.c,
)
_TOUCHED: Final = """
    SELECT organization, ticket_number, transaction::TEXT, position FROM activities
    WHERE (transaction, position) > ($1::TEXT::XID8, $2::BIGINT)
      AND transaction < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY transaction, position LIMIT $3
"""
_HERE: Final = "SELECT (pg_snapshot_xmin(pg_current_snapshot())::TEXT::NUMERIC - 1)::TEXT"
"""The last transaction before the oldest that still runs: everything up to it is there, or never will be."""
_LAST: Final = 2**63 - 1


class PostgresFeed:
    """Reads the feed; holds nothing of whoever follows it. An implementation of `Feed`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def here(self) -> Place:
        """See Feed."""
        async with self._database.driver() as connection:
            return Place(int(await connection.fetchval(_HERE)), _LAST)

    async def changed_tickets(self, after: Place, limit: int) -> ChangedTickets:
        """See Feed."""
        async with self._database.driver() as connection:
            rows = await connection.fetch(_TOUCHED, str(after.transaction), after.position, limit)
        last = Place(int(rows[-1][2]), rows[-1][3]) if rows else after
        return ChangedTickets(last, frozenset((row[0], row[1]) for row in rows))

    async def changes(self, follow: Follow, after: Place, through: Place, limit: int) -> Seen:
        """See Feed."""
        async with self._database.core() as connection:
            rows = (await connection.execute(_statement(follow, after, through, limit))).all()
        changes = tuple(change for row in rows if (change := _change(row)) is not None)
        return Seen(changes, changes[-1].place if len(changes) == limit else through)


def _statement(follow: Follow, after: Place, through: Place, limit: int) -> Select[Any]:
    place = tuple_(_A.transaction, _A.position)
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
        .where(place > _bound(after), place <= _bound(through))
        .order_by(_A.transaction, _A.position)
        .limit(limit)
    )
    if follow.organization is not None:
        statement = statement.where(_A.organization == follow.organization)
    if follow.ticket is not None:
        statement = statement.where(_A.ticket_number == follow.ticket)
    met = ticket_lists.met_by_ticket(follow.condition, follow.organization)
    return statement if met is None else statement.where(met)


def _bound(place: Place) -> Tuple:
    return tuple_(cast(literal(str(place.transaction)), XID8), literal(place.position, BigInteger))


def _change(row: Sequence[Any]) -> Change | None:
    at = 2
    activity = ACTIVITY.read(row, at)
    ticket = TICKET.read(row, at := at + len(ACTIVITY))
    if activity is None or ticket is None:
        return None
    return Change(
        place=Place(int(row[0]), row[1]),
        activity=activity,
        ticket=ticket,
        contact=CONTACT.read(row, at := at + len(TICKET)),
        message=MESSAGE.read(row, at := at + len(CONTACT)),
        delivery=DELIVERY.read(row, at + len(MESSAGE)),
    )
