"""Reads single resources, and lists in keyset pages, from PostgreSQL. Implements `Reader`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, select, tuple_

from care_rules.chat import ChatSnapshot
from care_rules.entities.activity import Activity
from care_rules.entities.agent import Agent
from care_rules.entities.contact import Contact
from care_rules.entities.inbound import Inbound
from care_rules.entities.message import Message, MessageKind
from care_rules.entities.review import Review
from care_rules.filters.conditions import Condition
from care_rules.lifecycle import RecoveryState
from care_rules.names import RecoveryName, TicketName
from care_rules.organizations import Location, Organization
from care_rules.queries import LARGEST_TOTAL, ReviewQuery, TicketCounts, TicketQuery, TotalSize
from care_rules.settings import SettingsRevision
from care_service.storage import loads, review_lists, tables, ticket_counts, ticket_plans
from care_service.storage.compiled import compile_statement
from care_service.storage.database import Database
from care_service.storage.rows import (
    ACTIVITY,
    AGENT,
    CONTACT,
    DELIVERY,
    INBOUND,
    LOCATION,
    MESSAGE,
    ORGANIZATION,
    RECOVERY,
    REVIEW,
    SETTINGS_REVISION,
    TICKET,
    EntityT,
    Mapping,
)
from care_service.usecases.ports.reader import MessageView, RecoveryView, TicketView

_T, _R, _C, _M, _V = tables.tickets.c, tables.recoveries.c, tables.contacts.c, tables.messages.c, tables.reviews.c
_D = tables.deliveries.c


_PLACE: Final = (_M.activity_number, _M.ordinal)
"""The columns that order the entries of a thread."""


class PostgresReader:
    """Reads with statements that SQLAlchemy Core builds. Only `ticket` uses a query that is written as SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def _rows(self, query: Select[Any]) -> Sequence[Any]:
        statement = compile_statement(query)
        async with self._database.reads() as connection:
            return await statement.fetch(connection)

    async def _entities(self, mapping: Mapping[EntityT], query: Select[Any]) -> list[EntityT]:
        return [entity for row in await self._rows(query) if (entity := mapping.read(row)) is not None]

    async def _entity(self, mapping: Mapping[EntityT], *conditions: ColumnElement[bool]) -> EntityT | None:
        found = await self._entities(mapping, select(*mapping.columns).where(*conditions))
        return found[0] if found else None

    async def ticket(self, name: TicketName, agent: str | None) -> TicketView | None:
        """See Reader."""
        async with self._database.driver() as connection:
            row = await connection.fetchrow(loads.VIEW_QUERY, name.organization, name.number, agent)
        if row is None:
            return None
        values, at = tuple(row), len(TICKET)
        ticket = TICKET.read(values)
        if ticket is None:
            return None
        return TicketView(ticket, CONTACT.read(values, at), AGENT.read(values, at + len(CONTACT)))

    async def tickets(self, query: TicketQuery) -> Sequence[TicketView]:
        """See Reader."""
        async with self._database.searches() as connection:
            statement = await ticket_plans.page_statement(connection, query)
            rows = await statement.fetch(connection)
        found = [(TICKET.read(row), CONTACT.read(row, len(TICKET))) for row in rows]
        return [TicketView(ticket, contact) for ticket, contact in found if ticket is not None]

    async def count_tickets(self, organization: str | None, condition: Condition) -> TicketCounts:
        """See Reader."""
        if ticket_counts.can_count(condition):
            return await self._kept_counts(organization, condition)
        async with self._database.searches() as connection:
            statement, few = await ticket_plans.count_statement(connection, organization, condition)
            async with nullcontext() if few else ticket_plans.all_joins(connection):
                rows = await statement.fetch(connection)
        return TicketCounts.by_stage(dict(map(tuple, rows)))

    async def total_size(self, organization: str | None, condition: Condition) -> TotalSize:
        """See Reader."""
        if ticket_counts.can_count(condition):
            return TotalSize((await self._kept_counts(organization, condition)).total, is_exact=True)
        async with self._database.searches() as connection:
            statement = await ticket_plans.total_statement(connection, organization, condition, LARGEST_TOTAL + 1)
            found = (await statement.fetch(connection))[0][0]
        return TotalSize(min(found, LARGEST_TOTAL), is_exact=found <= LARGEST_TOTAL)

    async def _kept_counts(self, organization: str | None, condition: Condition) -> TicketCounts:
        statement = ticket_plans.kept_counts_statement(organization, condition)
        async with self._database.reads() as connection:
            rows = await statement.fetch(connection)
        return TicketCounts.by_stage(dict(map(tuple, rows)))

    async def activities(self, name: TicketName, after: int | None, limit: int) -> Sequence[Activity]:
        """See Reader."""
        table = tables.activities.c
        query = (
            select(*ACTIVITY.columns)
            .where(table.organization == name.organization, table.ticket_number == name.number)
            .order_by(table.number.desc())
            .limit(limit)
        )
        return await self._entities(ACTIVITY, query if after is None else query.where(table.number < after))

    async def recoveries(self, name: TicketName, after: int | None, limit: int) -> Sequence[tuple[int, RecoveryView]]:
        """See Reader."""
        query = (
            select(*RECOVERY.columns, _R.position)
            .where(_R.organization == name.organization, _R.ticket_number == name.number)
            .order_by(_R.position.desc())
            .limit(limit)
        )
        rows = await self._rows(query if after is None else query.where(_R.position < after))
        found = [(int(row[-1]), recovery) for row in rows if (recovery := RECOVERY.read(row))]
        contacts = await self._contacts(name, [recovery.id for _, recovery in found])
        return [(position, RecoveryView(each, contacts.get(each.id, ()))) for position, each in found]

    async def recovery(self, name: RecoveryName) -> RecoveryView | None:
        """See Reader."""
        found = await self._entity(
            RECOVERY, _R.organization == name.organization, _R.ticket_number == name.number, _R.id == name.id
        )
        if found is None:
            return None
        return RecoveryView(found, (await self._contacts(name.ticket, [found.id])).get(found.id, ()))

    async def _contacts(self, name: TicketName, recoveries: list[UUID]) -> dict[UUID, tuple[Contact, ...]]:
        query = (
            select(*CONTACT.columns)
            .where(
                _C.organization == name.organization,
                _C.ticket_number == name.number,
                _C.recovery_id.in_(recoveries),
            )
            .order_by(_C.create_time, _C.id)
        )
        grouped: dict[UUID, tuple[Contact, ...]] = {}
        for contact in await self._entities(CONTACT, query) if recoveries else ():
            grouped[contact.recovery_id] = (*grouped.get(contact.recovery_id, ()), contact)
        return grouped

    async def contacts(self, name: TicketName, after: tuple[datetime, UUID] | None, limit: int) -> Sequence[Contact]:
        """See Reader."""
        query = (
            select(*CONTACT.columns)
            .where(_C.organization == name.organization, _C.ticket_number == name.number)
            .order_by(_C.create_time, _C.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(tuple_(_C.create_time, _C.id) > tuple_(*after))
        return await self._entities(CONTACT, query)

    async def messages(
        self, name: TicketName, after: tuple[int, int] | None, limit: int, *, latest_first: bool = False
    ) -> Sequence[MessageView]:
        """See Reader."""
        place = (_M.activity_number, _M.ordinal)
        query = _thread(name).order_by(*(column.desc() if latest_first else column for column in place)).limit(limit)
        if after is not None:
            here, there = tuple_(*place), tuple_(*after)
            query = query.where(here < there if latest_first else here > there)
        return [view for row in await self._rows(query) if (view := _view(row))]

    async def message(self, name: TicketName, message: UUID) -> MessageView | None:
        """See Reader."""
        rows = await self._rows(_thread(name).where(_M.id == message))
        return _view(rows[0]) if rows else None

    async def chat_messages(self, chat: ChatSnapshot, before: tuple[int, int] | None, limit: int) -> Sequence[Message]:
        """See Reader."""
        query = _chat(chat.contact).order_by(*(column.desc() for column in _PLACE)).limit(limit)
        return await self._entities(
            MESSAGE, query if before is None else query.where(tuple_(*_PLACE) < tuple_(*before))
        )

    async def chat_messages_after(
        self, chat: ChatSnapshot, after: tuple[int, int] | None, limit: int
    ) -> Sequence[Message]:
        """See Reader."""
        query = _chat(chat.contact).order_by(*_PLACE).limit(limit)
        return await self._entities(MESSAGE, query if after is None else query.where(tuple_(*_PLACE) > tuple_(*after)))

    async def unmatched(
        self, organization: str, after: tuple[datetime, str, str] | None, limit: int
    ) -> Sequence[Inbound]:
        """See Reader."""
        table = tables.inbound_messages.c
        place = (table.ingest_time, table.channel, table.external_id)
        query = (
            select(*INBOUND.columns)
            .where(table.organization == organization, table.message_id.is_(None))
            .order_by(*(column.desc() for column in place))
            .limit(limit)
        )
        return await self._entities(INBOUND, query if after is None else query.where(tuple_(*place) < tuple_(*after)))

    async def reviews(self, query: ReviewQuery) -> Sequence[Review]:
        """See Reader."""
        statement = compile_statement(review_lists.list_statement(query))
        async with self._database.searches() as connection:
            rows = await statement.fetch(connection)
        return [review for row in rows if (review := REVIEW.read(row)) is not None]

    async def review(self, organization: str, review_id: UUID) -> Review | None:
        """See Reader."""
        return await self._entity(REVIEW, _V.organization == organization, _V.id == review_id)

    async def ticket_exists(self, name: TicketName) -> bool:
        """See Reader."""
        query = select(_T.number).where(_T.organization == name.organization, _T.number == name.number)
        return bool(await self._rows(query))

    async def locations(self, organization: str, after: str | None, limit: int) -> Sequence[Location]:
        """See Reader."""
        return await self._directory(LOCATION, organization, after, limit)

    async def agents(self, organization: str, after: str | None, limit: int) -> Sequence[Agent]:
        """See Reader."""
        return await self._directory(AGENT, organization, after, limit)

    async def _directory(
        self, mapping: Mapping[EntityT], organization: str, after: str | None, limit: int
    ) -> list[EntityT]:
        table = mapping.table.c
        query = select(*mapping.columns).where(table.organization == organization).order_by(table.id).limit(limit)
        return await self._entities(mapping, query if after is None else query.where(table.id > after))

    async def organization(self, organization: str) -> Organization | None:
        """See Reader."""
        return await self._entity(ORGANIZATION, tables.organizations.c.id == organization)

    async def location(self, organization: str, location: str) -> Location | None:
        """See Reader."""
        table = tables.locations.c
        return await self._entity(LOCATION, table.organization == organization, table.id == location)

    async def settings_revisions(
        self, organization: str, location: str, before: int | None, limit: int
    ) -> Sequence[SettingsRevision]:
        """See Reader."""
        table = tables.settings_revisions.c
        query = (
            select(*SETTINGS_REVISION.columns)
            .where(table.organization == organization, table.location == location)
            .order_by(table.number.desc())
            .limit(limit)
        )
        return await self._entities(SETTINGS_REVISION, query if before is None else query.where(table.number < before))

    async def agent(self, organization: str, agent: str) -> Agent | None:
        """See Reader."""
        table = tables.agents.c
        return await self._entity(AGENT, table.organization == organization, table.id == agent)


def _thread(name: TicketName) -> Select[Any]:
    """Returns the query for a ticket's thread: each entry with its delivery and the state of its recovery."""
    return (
        select(*MESSAGE.columns, *DELIVERY.columns, _R.state)
        .outerjoin(
            tables.recoveries,
            and_(
                _R.organization == _M.organization,
                _R.ticket_number == _M.ticket_number,
                _R.id == _M.recovery_id,
            ),
        )
        .outerjoin(
            tables.deliveries,
            and_(
                _D.organization == _M.organization,
                _D.ticket_number == _M.ticket_number,
                _D.message_id == _M.id,
            ),
        )
        .where(_M.organization == name.organization, _M.ticket_number == name.number)
    )


def _view(row: Sequence[Any]) -> MessageView | None:
    message = MESSAGE.read(row)
    if message is None:
        return None
    state = None if row[-1] is None else RecoveryState(row[-1])
    return MessageView(message, state, DELIVERY.read(row, len(MESSAGE)))


def _chat(contact: Contact) -> Select[Any]:
    """Returns the query for the messages between a contact and the business. The link to a chat shows nothing else."""
    return select(*MESSAGE.columns).where(
        _M.organization == contact.organization,
        _M.ticket_number == contact.ticket_number,
        _M.contact_id == contact.id,
        # Customers see only these kinds, even if other entries refer to a contact one day.
        _M.kind.in_([MessageKind.AGENT_MESSAGE, MessageKind.CUSTOMER_MESSAGE]),
    )
