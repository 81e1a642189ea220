"""Loads and commits tickets on PostgreSQL. Implements `TicketStore`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TypeAlias, assert_never
from uuid import UUID

import asyncpg

from care_rules.callers import customer_caller
from care_rules.chat import ChatSnapshot
from care_rules.create import CreationSnapshot
from care_rules.decision import Decision
from care_rules.delivery import DeliverySnapshot
from care_rules.entities.contact import Contact
from care_rules.entities.inbound import Inbound
from care_rules.entities.ticket import Ticket
from care_rules.lifecycle import RecoveryState, TicketStatus
from care_rules.names import MessageName, RecoveryName, TicketName
from care_rules.reports import RecoverySnapshot
from care_rules.scheduling import ScheduledDecision
from care_rules.settings import AutoAssign
from care_rules.snapshot import TicketSnapshot
from care_rules.submit import FormSnapshot
from care_service.storage import commits, loads
from care_service.storage.database import Database
from care_service.storage.rows import AGENT, CONTACT, DELIVERY, INBOUND, LOCATION, MESSAGE, ORGANIZATION, REVIEW
from care_service.storage.rules_in_sql import IS_UNRESOLVED
from care_service.storage.statement_builder import Statement
from care_service.storage.stored_responses import current_response, find_stored_response
from care_service.usecases.ports.idempotency import IdempotencyRecord, RequestKey, StoredResponse, request_key
from care_service.usecases.ports.ticket_store import InboundQuery, InboundSnapshot, StaleError, TicketStore

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

LOCK: Final = """
    -- Locks a ticket's row, for a call whose commit failed several times.
    -- $1, $2: organization and number of the ticket
    SELECT 1 FROM tickets WHERE organization = $1::TEXT AND number = $2::BIGINT FOR UPDATE
"""
CANCEL_WAKE: Final = """
    -- Deletes the outbox row that a report caused, because its workflow has called since.
    -- $1, $2, $3: organization, ticket number and id of the recovery; $4: time of the report
    DELETE FROM outbox WHERE organization = $1::TEXT AND ticket_number = $2::BIGINT AND resource_id = $3::UUID
      AND report_time = $4::TIMESTAMPTZ
"""
NEXT_NUMBER: Final = """
    -- Takes the next ticket number of an organization.
    -- $1: organization
    INSERT INTO ticket_numbers AS n (organization, last_number) VALUES ($1::TEXT, 1)
    ON CONFLICT (organization) DO UPDATE SET last_number = n.last_number + 1 RETURNING last_number
"""
_ASSIGNEES: Final = """
      SELECT id FROM agents WHERE organization = $1::TEXT AND can_be_assignee
        AND (locations = '{}' OR $2::TEXT = ANY(locations))"""
"""The agents who can be assigned tickets of a location."""
NEXT_TURN: Final = f"""
    -- Chooses the assignee of a new ticket by ROUND_ROBIN: the next agent by id, and the first after the last.
    -- The row is locked, so that tickets that are created at the same time go to different agents.
    -- $1, $2: organization and location
    WITH assignees AS ({_ASSIGNEES}
    )
    INSERT INTO assignment_turns AS turn (organization, location, agent)
    SELECT $1::TEXT, $2::TEXT, min(id) FROM assignees HAVING count(*) > 0
    ON CONFLICT (organization, location) DO UPDATE SET agent = coalesce(
      (SELECT min(id) FROM assignees WHERE id > turn.agent), (SELECT min(id) FROM assignees)
    ) RETURNING agent
"""
LEAST_LOADED: Final = f"""
    -- Chooses the assignee of a new ticket by LEAST_LOADED: the agent with the fewest unresolved tickets.
    -- Tickets that are created at the same time may all go to the same agent.
    -- $1, $2: organization and location
    WITH assignees AS ({_ASSIGNEES}
    ), loads AS (
      SELECT assignee, count(*) AS tickets FROM tickets
      WHERE organization = $1::TEXT AND {IS_UNRESOLVED} GROUP BY assignee
    )
    SELECT id FROM assignees LEFT JOIN loads ON assignee = id ORDER BY coalesce(tickets, 0), id LIMIT 1
"""


class PostgresTickets:
    """Loads a ticket with one query or a few, and commits with one statement.

    Calls `committed` with each decision after the decision is committed.
    """

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
                loads.TICKET_QUERY, name.organization, name.number, recovery, agent, caller, request_id
            )
            if row is None:
                return None
            values = tuple(row)
            response = await current_response(connection, values[-3:], request)
            snapshot = loads.read_snapshot(values, AGENT.read(values, loads.WIDTH))
            if claim is not None:
                found = await connection.fetchrow(loads.CONTACT_QUERY, name.organization, name.number, claim)
                snapshot = replace(snapshot, claim=CONTACT.read(tuple(found)) if found else None)
        return snapshot, response

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
                loads.CREATION_QUERY, organization, review, location, agent, caller, request_id
            )
            if row is None:
                raise AssertionError("the organization is not stored; create_ticket must store it first")
            values, at = tuple(row), len(ORGANIZATION)
            response = await current_response(connection, values[-3:], request)
        found = ORGANIZATION.read(values)
        if found is None:
            raise AssertionError("the row has no organization; CREATION_QUERY must begin with its columns")
        snapshot = CreationSnapshot(
            organization=found,
            location=LOCATION.read(values, at),
            review=REVIEW.read(values, at := at + len(LOCATION)),
            reporter=AGENT.read(values, at := at + len(REVIEW)),
            open_ticket=values[at + len(AGENT)],
        )
        return snapshot, response

    async def load_form(
        self, recovery: UUID, request_id: UUID | None, oldest: datetime
    ) -> tuple[FormSnapshot, StoredResponse | None] | None:
        """See TicketStore."""
        async with self._connection() as connection:
            row = await connection.fetchrow(loads.FORM_QUERY, recovery, request_id)
            if row is None:
                return None
            values = tuple(row)
            snapshot = loads.read_snapshot(values)
            own = snapshot.target_recovery
            if own is None:
                raise AssertionError("the row has no target recovery; FORM_QUERY must select its columns")
            key = request_key(own.organization, customer_caller(str(recovery)), request_id, oldest)
            response = await current_response(connection, values[-3:], key)
            form = FormSnapshot(snapshot, own, ())
            if snapshot.ticket.status is TicketStatus.CLOSED:
                target = await _after_close(connection, snapshot.ticket)
                is_open = target.ticket.status is not TicketStatus.CLOSED
                form = replace(form, open=target) if is_open else replace(form, last=target)
            rows = await connection.fetch(loads.CONTACTS_QUERY, own.organization, form.target.ticket.number)
        return replace(form, submitted=_contacts(rows)), response

    async def load_recovery(self, name: RecoveryName) -> RecoverySnapshot | None:
        """See TicketStore."""
        async with self._connection() as connection:
            row = await connection.fetchrow(loads.RECOVERY_QUERY, name.organization, name.number, name.id)
        if row is None:
            return None
        snapshot = loads.read_snapshot(tuple(row))
        if snapshot.target_recovery is None:
            return None
        return RecoverySnapshot(snapshot, snapshot.target_recovery, loads.read_siblings(row))

    async def load_delivery(self, name: MessageName) -> DeliverySnapshot | None:
        """See TicketStore."""
        async with self._connection() as connection:
            row = await connection.fetchrow(loads.DELIVERY_QUERY, name.organization, name.number, name.id)
        if row is None:
            return None
        values, at = tuple(row), loads.WIDTH
        snapshot = loads.read_snapshot(values)
        message = MESSAGE.read(values, at)
        delivery = DELIVERY.read(values, at := at + len(MESSAGE))
        contact = CONTACT.read(values, at + len(DELIVERY))
        if message is None or delivery is None or contact is None:
            raise AssertionError("the row has no message, delivery or contact; DELIVERY_QUERY must join all three")
        rejected = snapshot.target_recovery is not None and snapshot.target_recovery.state is RecoveryState.REJECTED
        return DeliverySnapshot(snapshot, message, delivery, contact, rejected)

    async def load_chat(
        self, contact: UUID, request_id: UUID | None, oldest: datetime
    ) -> tuple[ChatSnapshot, StoredResponse | None] | None:
        """See TicketStore."""
        async with self._connection() as connection:
            row = await connection.fetchrow(loads.CHAT_QUERY, contact, request_id)
            if row is None:
                return None
            values = tuple(row)
            snapshot, own = loads.read_snapshot(values), CONTACT.read(values, loads.WIDTH)
            if own is None:
                raise AssertionError("the row has no contact; CHAT_QUERY must select its columns")
            if snapshot.target_recovery is None:
                return None
            key = request_key(own.organization, customer_caller(str(contact)), request_id, oldest)
            response = await current_response(connection, values[-3:], key)
            chat = ChatSnapshot(snapshot, own, snapshot.target_recovery)
            if snapshot.ticket.status is TicketStatus.CLOSED:
                last = await _after_close(connection, snapshot.ticket)
                rows = await connection.fetch(loads.CONTACTS_QUERY, own.organization, last.ticket.number)
                chat = replace(chat, last=last, claims=_contacts(rows))
        return chat, response

    async def load_inbound(
        self, query: InboundQuery, request: RequestKey | None = None
    ) -> tuple[InboundSnapshot, StoredResponse | None]:
        """See TicketStore."""
        messages = [found for text in query.in_reply_to if (found := _id_in(text, ""))]
        chats = [found for text in query.in_reply_to if (found := _id_in(text, "chat-"))]
        place = (query.organization, query.channel.value)
        async with self._connection() as connection:
            response = await find_stored_response(connection, request) if request else None
            row = await connection.fetchrow(loads.INBOUND_QUERY, *place, query.external_id)
            if row is not None:
                return InboundSnapshot(INBOUND.read(tuple(row)), None), response
            addressed = None
            if query.ticket is not None:
                # The ticket is loaded before the chat. Otherwise, the ticket's revision could be newer than the chat,
                # and the commit would not notice that the chat has opened in between.
                addressed = (await _load_snapshot(connection, query.organization, query.ticket, None)).ticket
            contact = await connection.fetchval(
                loads.ANSWERED_QUERY,
                query.organization,
                messages,
                query.channel.value,
                list(query.in_reply_to),
                chats,
                query.ticket,
            )
            is_answer = contact is not None
            if contact is None:
                statement = loads.SENDER_QUERIES[query.channel]
                contact = await connection.fetchval(statement, query.organization, query.sender.lower(), query.ticket)
        chat = await self.load_chat(contact, None, datetime.min.replace(tzinfo=UTC)) if contact else None
        return InboundSnapshot(None, chat[0] if chat else None, is_answer, addressed), response

    async def load_waiting_inbound(self, name: TicketName, contact: Contact, limit: int) -> Sequence[Inbound]:
        """See TicketStore."""
        addresses = (contact.email.lower(), contact.phone)
        async with self._connection() as connection:
            rows = await connection.fetch(
                loads.WAITING_INBOUND_QUERY, name.organization, name.number, *addresses, limit
            )
        return [inbound for row in rows if (inbound := INBOUND.read(tuple(row)))]

    async def store_inbound(self, inbound: Inbound, record: IdempotencyRecord | None) -> None:
        """See TicketStore."""
        statement = Statement("Stores an inbound message that matched no ticket.")
        statement.insert("inbound", INBOUND, inbound, None)
        statement.result = "SELECT 1 FROM inbound"
        if record is not None:
            commits.add_record(statement, record, "inbound")
        async with self._connection() as connection:
            await commits.execute_commit(connection, statement)

    async def next_number(self, organization: str) -> int:
        """See TicketStore."""
        async with self._connection() as connection:
            number = await connection.fetchval(NEXT_NUMBER, organization)
        return int(number)

    async def next_assignee(self, organization: str, location: str, how: AutoAssign) -> str | None:
        """See TicketStore."""
        match how:
            case AutoAssign.OFF:
                return None
            case AutoAssign.ROUND_ROBIN:
                statement = NEXT_TURN
            case AutoAssign.LEAST_LOADED:
                statement = LEAST_LOADED
            case _:
                assert_never(how)
        async with self._connection() as connection:
            agent = await connection.fetchval(statement, organization, location)
        return None if agent is None else str(agent)

    async def cancel_wake(self, name: RecoveryName, report_time: datetime) -> None:
        """See TicketStore."""
        async with self._connection() as connection:
            await connection.execute(CANCEL_WAKE, name.organization, name.number, name.id, report_time)

    async def commit(self, scheduled: ScheduledDecision, record: IdempotencyRecord | None) -> None:
        """See TicketStore."""
        async with self._connection() as connection:
            await commits.execute_commit(connection, commits.update_statement(scheduled, record))
        self._committed(scheduled.decision)

    async def commit_new(self, scheduled: ScheduledDecision, record: IdempotencyRecord | None) -> None:
        """See TicketStore."""
        async with self._connection() as connection:
            await commits.execute_commit(connection, commits.insert_statement(scheduled, record))
        self._committed(scheduled.decision)

    @asynccontextmanager
    async def exclusive(self, name: TicketName) -> AsyncIterator[TicketStore]:
        """See TicketStore."""
        decisions: list[Decision] = []
        async with self._database.driver() as connection, connection.transaction():
            await connection.execute("SET LOCAL lock_timeout = '3s'")
            try:
                await connection.execute(LOCK, name.organization, name.number)
            except asyncpg.LockNotAvailableError as error:
                raise StaleError from error
            yield _Locked(self._database, connection, decisions.append)
        for decision in decisions:
            self._committed(decision)


async def _after_close(connection: Connection, ticket: Ticket) -> TicketSnapshot:
    """Returns the ticket that receives what the customer of a closed ticket writes.

    This is the review's open ticket, or without one the last ticket of the chain of follow-ups. Raises StaleError if
    this changed between finding the ticket and loading it. The commit compares revisions, so later changes make the
    commit fail.
    """
    found = await connection.fetchval(loads.OPEN_TICKET_QUERY, ticket.organization, ticket.review_id)
    number, assignee = found, None
    if number is None:
        row = await connection.fetchrow(loads.LAST_FOLLOW_UP_QUERY, ticket.organization, ticket.number)
        number, assignee = row or (None, None)
    snapshot = await _load_snapshot(connection, ticket.organization, number, assignee)
    if snapshot.ticket.follow_up is not None or (found is not None and snapshot.ticket.status is TicketStatus.CLOSED):
        raise StaleError
    return snapshot


def _contacts(rows: Sequence[asyncpg.Record]) -> tuple[Contact, ...]:
    return tuple(contact for row in rows if (contact := CONTACT.read(tuple(row))))


def _id_in(text: str, prefix: str) -> UUID | None:
    """Returns the UUID in an email's Message-ID; None if it does not consist of `prefix`, a UUID and a domain.

    In emails that Care sent, this is the id of a message, or with the prefix `chat-` the id of a contact.
    """
    local = text.partition("@")[0]
    try:
        return UUID(local.removeprefix(prefix)) if local.startswith(prefix) else None
    except ValueError:
        return None


async def _load_snapshot(
    connection: Connection, organization: str, number: int | None, agent: str | None
) -> TicketSnapshot:
    row = await connection.fetchrow(loads.TICKET_QUERY, organization, number, None, agent, None, None)
    if row is None:
        raise AssertionError("the ticket has disappeared; tickets must never be deleted")
    values = tuple(row)
    return loads.read_snapshot(values, AGENT.read(values, loads.WIDTH))


class _Locked(PostgresTickets):
    """The store within the transaction that holds a ticket's lock. All statements use the connection of the lock."""

    def __init__(self, database: Database, connection: Connection, committed: Callable[[Decision], None]) -> None:
        super().__init__(database, committed)
        self._locked = connection

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        yield self._locked
