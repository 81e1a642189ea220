"""Tickets: the loads and commits of `domain.ports.TicketStore` on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TypeAlias, assert_never
from uuid import UUID

import asyncpg

from care_rules.chat import ChatSnapshot
from care_rules.create import CreationSnapshot
from care_rules.decision import Decision
from care_rules.delivery import DeliverySnapshot
from care_rules.entities import Contact, Inbound, Ticket
from care_rules.lifecycle import RecoveryState, TicketStatus
from care_rules.names import MessageName, RecoveryName, TicketName
from care_rules.settings import AutoAssign
from care_rules.snapshot import TicketSnapshot
from care_rules.submit import FormSnapshot
from care_service.storage import committing, loading
from care_service.storage.database import Database
from care_service.storage.rows import AGENT, CONTACT, DELIVERY, INBOUND, LOCATION, MESSAGE, ORGANIZATION, REVIEW
from care_service.storage.statements import Statement
from care_service.storage.stored_responses import current_response, find_stored_response
from care_service.usecases.ports import (
    IdempotencyRecord,
    InboundQuery,
    InboundSnapshot,
    RecoverySnapshot,
    RequestKey,
    StaleError,
    StoredResponse,
    TicketStore,
    customer_key,
)

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_LOCK: Final = "SELECT 1 FROM tickets WHERE organization = $1::TEXT AND number = $2::BIGINT FOR UPDATE"
_TAKE_BACK: Final = """
    DELETE FROM outbox WHERE organization = $1::TEXT AND ticket_number = $2::BIGINT AND resource_id = $3::UUID
      AND report_time = $4::TIMESTAMPTZ
"""
_NEXT_NUMBER: Final = """
    INSERT INTO ticket_numbers AS n (organization, last_number) VALUES ($1::TEXT, 1)
    ON CONFLICT (organization) DO UPDATE SET last_number = n.last_number + 1 RETURNING last_number
"""
_ASSIGNEES: Final = """
    SELECT id FROM agents WHERE organization = $1::TEXT AND can_be_assignee
      AND (locations = '{}' OR $2::TEXT = ANY(locations))
"""
"""The assignees of a location."""
_NEXT_TURN: Final = f"""
    WITH assignees AS ({_ASSIGNEES})
    INSERT INTO assignment_turns AS turn (organization, location, agent)
    SELECT $1::TEXT, $2::TEXT, min(id) FROM assignees HAVING count(*) > 0
    ON CONFLICT (organization, location) DO UPDATE SET agent = coalesce(
      (SELECT min(id) FROM assignees WHERE id > turn.agent), (SELECT min(id) FROM assignees)
    ) RETURNING agent
"""
"""By id, and from the beginning after the last one. The row is locked, so that each turn is somebody else's."""
_LEAST_LOADED: Final = f"""
    WITH assignees AS ({_ASSIGNEES}), loads AS (
      SELECT assignee, count(*) AS tickets FROM tickets
      WHERE organization = $1::TEXT AND stage IN ('OPEN', 'IN_PROGRESS') GROUP BY assignee
    )
    SELECT id FROM assignees LEFT JOIN loads ON assignee = id ORDER BY coalesce(tickets, 0), id LIMIT 1
"""
"""Tickets that are raised at the same moment may all go to the same one."""


class PostgresTickets:
    """Loads by one query, commits by one statement. `committed` is called with each decision after its commit."""

    def __init__(self, database: Database, committed: Callable[[Decision], None] = lambda _: None) -> None:
        self._database = database
        self._committed = committed

    def _connection(self) -> AbstractAsyncContextManager[Connection]:
        return self._database.driver()

    async def load(
        self,
        name: TicketName,
        *,
        agent: str | None,
        recovery: UUID | None = None,
        claim: UUID | None = None,
        request: RequestKey | None = None,
    ) -> tuple[TicketSnapshot, StoredResponse | None] | None:
        """See TicketStore."""
        caller, request_id = (request.caller, request.request_id) if request else (None, None)
        async with self._connection() as connection:
            row = await connection.fetchrow(
                loading.TICKET_QUERY, name.organization, name.number, recovery, agent, caller, request_id
            )
            if row is None:
                return None
            values = tuple(row)
            answer = await current_response(connection, values[-3:], request)
            snapshot = loading.read_case(values)
            if agent is not None:
                snapshot = replace(snapshot, agent=AGENT.read(values, loading.WIDTH))
            if claim is not None:
                found = await connection.fetchrow(loading.CLAIM_QUERY, name.organization, name.number, claim)
                snapshot = replace(snapshot, claim=CONTACT.read(tuple(found)) if found else None)
        return snapshot, answer

    async def load_new(
        self,
        organization: str,
        *,
        review: UUID | None,
        location: str | None,
        agent: str | None,
        request: RequestKey | None,
    ) -> tuple[CreationSnapshot, StoredResponse | None]:
        """See TicketStore."""
        caller, request_id = (request.caller, request.request_id) if request else (None, None)
        async with self._connection() as connection:
            row = await connection.fetchrow(
                loading.NEW_QUERY, organization, review, location, agent, caller, request_id
            )
            if row is None:
                raise AssertionError("the caller's organization was seen before")
            values, at = tuple(row), len(ORGANIZATION)
            answer = await current_response(connection, values[-3:], request)
        found = ORGANIZATION.read(values)
        if found is None:
            raise AssertionError("an inner join brings it")
        snapshot = CreationSnapshot(
            organization=found,
            location=LOCATION.read(values, at),
            review=REVIEW.read(values, at := at + len(LOCATION)),
            reporter=AGENT.read(values, at := at + len(REVIEW)),
            open_ticket=values[at + len(AGENT)],
        )
        return snapshot, answer

    async def load_form(
        self, recovery: UUID, request_id: UUID | None, oldest: datetime
    ) -> tuple[FormSnapshot, StoredResponse | None] | None:
        """See TicketStore."""
        async with self._connection() as connection:
            row = await connection.fetchrow(loading.FORM_QUERY, recovery, request_id)
            if row is None:
                return None
            values = tuple(row)
            snapshot = loading.read_case(values)
            named = snapshot.named
            if named is None:
                raise AssertionError("the query begins with it")
            key = customer_key(named.organization, recovery, request_id, oldest) if request_id else None
            answer = await current_response(connection, values[-3:], key)
            form = FormSnapshot(snapshot, named, ())
            if snapshot.ticket.status is TicketStatus.CLOSED:
                target = await _after_close(connection, snapshot.ticket)
                is_open = target.ticket.status is not TicketStatus.CLOSED
                form = replace(form, open=target) if is_open else replace(form, last=target)
            rows = await connection.fetch(loading.CONTACTS_QUERY, named.organization, form.target.ticket.number)
        return replace(form, submitted=_contacts(rows)), answer

    async def load_recovery(self, name: RecoveryName) -> RecoverySnapshot | None:
        """See TicketStore."""
        async with self._connection() as connection:
            row = await connection.fetchrow(loading.RECOVERY_QUERY, name.organization, name.number, name.id)
        if row is None:
            return None
        snapshot = loading.read_case(tuple(row))
        if snapshot.named is None:
            return None
        return RecoverySnapshot(snapshot, snapshot.named, loading.read_siblings(row))

    async def load_delivery(self, name: MessageName) -> DeliverySnapshot | None:
        """See TicketStore."""
        async with self._connection() as connection:
            row = await connection.fetchrow(loading.DELIVERY_QUERY, name.organization, name.number, name.id)
        if row is None:
            return None
        values, at = tuple(row), loading.WIDTH
        snapshot = loading.read_case(values)
        message = MESSAGE.read(values, at)
        delivery = DELIVERY.read(values, at := at + len(MESSAGE))
        contact = CONTACT.read(values, at + len(DELIVERY))
        if message is None or delivery is None or contact is None:
            raise AssertionError("inner joins bring them")
        rejected = snapshot.named is not None and snapshot.named.state is RecoveryState.REJECTED
        return DeliverySnapshot(snapshot, message, delivery, contact, rejected)

    async def load_chat(
        self, contact: UUID, request_id: UUID | None, oldest: datetime
    ) -> tuple[ChatSnapshot, StoredResponse | None] | None:
        """See TicketStore."""
        async with self._connection() as connection:
            row = await connection.fetchrow(loading.CHAT_QUERY, contact, request_id)
            if row is None:
                return None
            values = tuple(row)
            snapshot, own = loading.read_case(values), CONTACT.read(values, loading.WIDTH)
            if own is None:
                raise AssertionError("the query begins with it")
            if snapshot.named is None:
                return None
            key = customer_key(own.organization, contact, request_id, oldest) if request_id else None
            answer = await current_response(connection, values[-3:], key)
            chat = ChatSnapshot(snapshot, own, snapshot.named)
            if snapshot.ticket.status is TicketStatus.CLOSED:
                last = await _after_close(connection, snapshot.ticket)
                rows = await connection.fetch(loading.CONTACTS_QUERY, own.organization, last.ticket.number)
                chat = replace(chat, last=last, claims=_contacts(rows))
        return chat, answer

    async def load_inbound(
        self, query: InboundQuery, request: RequestKey | None = None
    ) -> tuple[InboundSnapshot, StoredResponse | None]:
        """See TicketStore."""
        messages = [found for text in query.in_reply_to if (found := _id_in(text, ""))]
        chats = [found for text in query.in_reply_to if (found := _id_in(text, "chat-"))]
        place = (query.organization, query.channel.value)
        async with self._connection() as connection:
            answer = await find_stored_response(connection, request) if request else None
            row = await connection.fetchrow(loading.INBOUND_QUERY, *place, query.external_id)
            if row is not None:
                return InboundSnapshot(INBOUND.read(tuple(row)), None), answer
            named = None
            if query.ticket is not None:
                # Before the chat: what the commit compares must not be newer than what was found of that.
                named = (await _case(connection, query.organization, query.ticket, None)).ticket
            contact = await connection.fetchval(
                loading.ANSWERED_QUERY,
                query.organization,
                messages,
                query.channel.value,
                list(query.in_reply_to),
                chats,
                query.ticket,
            )
            is_answer = contact is not None
            if contact is None:
                statement = loading.SENDER_QUERIES[query.channel]
                contact = await connection.fetchval(statement, query.organization, query.sender.lower(), query.ticket)
        chat = await self.load_chat(contact, None, datetime.min.replace(tzinfo=UTC)) if contact else None
        return InboundSnapshot(None, chat[0] if chat else None, is_answer, named), answer

    async def load_kept(self, name: TicketName, contact: Contact, limit: int) -> Sequence[Inbound]:
        """See TicketStore."""
        addresses = (contact.email.lower(), contact.phone)
        async with self._connection() as connection:
            rows = await connection.fetch(loading.KEPT_QUERY, name.organization, name.number, *addresses, limit)
        return [inbound for row in rows if (inbound := INBOUND.read(tuple(row)))]

    async def keep_inbound(self, inbound: Inbound, record: IdempotencyRecord | None) -> None:
        """See TicketStore."""
        statement = Statement()
        statement.insert("inbound", INBOUND, inbound, None)
        statement.result = "SELECT 1 FROM inbound"
        if record is not None:
            committing.add_record(statement, record, "inbound")
        async with self._connection() as connection:
            await committing.run(connection, statement)

    async def next_number(self, organization: str) -> int:
        """See TicketStore."""
        async with self._connection() as connection:
            number = await connection.fetchval(_NEXT_NUMBER, organization)
        return int(number)

    async def next_assignee(self, organization: str, location: str, how: AutoAssign) -> str | None:
        """See TicketStore."""
        match how:
            case AutoAssign.OFF:
                return None
            case AutoAssign.ROUND_ROBIN:
                statement = _NEXT_TURN
            case AutoAssign.LEAST_LOADED:
                statement = _LEAST_LOADED
            case _:
                assert_never(how)
        async with self._connection() as connection:
            agent = await connection.fetchval(statement, organization, location)
        return None if agent is None else str(agent)

    async def take_back_wake(self, name: RecoveryName, report_time: datetime) -> None:
        """See TicketStore."""
        async with self._connection() as connection:
            await connection.execute(_TAKE_BACK, name.organization, name.number, name.id, report_time)

    async def commit(self, decision: Decision, record: IdempotencyRecord | None) -> None:
        """See TicketStore."""
        async with self._connection() as connection:
            await committing.run(connection, committing.update_statement(decision, record))
        self._committed(decision)

    async def commit_new(self, decision: Decision, record: IdempotencyRecord | None) -> None:
        """See TicketStore."""
        async with self._connection() as connection:
            await committing.run(connection, committing.insert_statement(decision, record))
        self._committed(decision)

    @asynccontextmanager
    async def exclusive(self, name: TicketName) -> AsyncIterator[TicketStore]:
        """See TicketStore."""
        wrote: list[Decision] = []
        async with self._database.driver() as connection, connection.transaction():
            await connection.execute("SET LOCAL lock_timeout = '3s'")
            try:
                await connection.execute(_LOCK, name.organization, name.number)
            except asyncpg.LockNotAvailableError as error:
                raise StaleError from error
            yield _Locked(self._database, connection, wrote.append)
        for decision in wrote:
            self._committed(decision)


async def _after_close(connection: Connection, ticket: Ticket) -> TicketSnapshot:
    """Returns where goes what a customer of a CLOSED ticket says.

    To the review's ticket that is not CLOSED, or else the end of the chain of follow-ups. The commit's compare makes
    sure that it still is so.

    Raises StaleError where it is no longer so when that ticket itself is loaded: what the commit compares is of then.
    """
    found = await connection.fetchval(loading.OPEN_QUERY, ticket.organization, ticket.review_id)
    number, assignee = found, None
    if number is None:
        row = await connection.fetchrow(loading.LAST_QUERY, ticket.organization, ticket.number)
        number, assignee = row or (None, None)
    snapshot = await _case(connection, ticket.organization, number, assignee)
    if snapshot.ticket.follow_up is not None or (found is not None and snapshot.ticket.status is TicketStatus.CLOSED):
        raise StaleError
    return snapshot


def _contacts(rows: Sequence[asyncpg.Record]) -> tuple[Contact, ...]:
    return tuple(contact for row in rows if (contact := CONTACT.read(tuple(row))))


def _id_in(text: str, prefix: str) -> UUID | None:
    """Returns the id in an email's id as we make them: a message's, or, after `chat-`, that of the chat's contact."""
    local = text.partition("@")[0]
    try:
        return UUID(local.removeprefix(prefix)) if local.startswith(prefix) else None
    except ValueError:
        return None


async def _case(connection: Connection, organization: str, number: int | None, agent: str | None) -> TicketSnapshot:
    row = await connection.fetchrow(loading.TICKET_QUERY, organization, number, None, agent, None, None)
    if row is None:
        raise AssertionError("tickets are never deleted")
    values = tuple(row)
    return replace(loading.read_case(values), agent=AGENT.read(values, loading.WIDTH))


class _Locked(PostgresTickets):
    """The same on one connection, within the transaction that holds the lock."""

    def __init__(self, database: Database, connection: Connection, committed: Callable[[Decision], None]) -> None:
        super().__init__(database, committed)
        self._locked = connection

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        yield self._locked
