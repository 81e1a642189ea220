"""The bare ConversationService: a message is a transaction of four statements."""

from __future__ import annotations

from typing import Final
from uuid import uuid4

import grpc

from benchmarks.bare.methods import Context, add_service, unary
from benchmarks.bare.tables import Pool, split_name, ticket_message, timestamp
from benchmarks.bare.watchers import Watchers
from care.v1 import conversation_service_pb2 as pb
from care.v1.activity_pb2 import ACTIVITY_TYPE_NOTE_ADDED, ACTOR_KIND_AGENT, Activity
from care.v1.message_pb2 import Message, MessageKind
from care.v1.ticket_pb2 import Ticket
from care.v1.ticket_service_pb2 import WatchTicketsResponse

_TOUCH: Final = """
    UPDATE bare_tickets SET version = version + 1, update_time = now()
    WHERE organization = $1 AND number = $2 RETURNING *
"""
_INSERT: Final = """
    INSERT INTO bare_messages (organization, ticket, number, id, kind, author, text)
    VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING *
"""


class Conversation:
    """The methods of ConversationService that the benchmark calls."""

    def __init__(self, pool: Pool, watchers: Watchers) -> None:
        self._pool = pool
        self._watchers = watchers

    def add_to(self, server: grpc.aio.Server) -> None:
        """Registers the methods."""
        handlers = {
            "AddNote": unary(self.add_note, pb.AddNoteRequest),
            "SendMessage": unary(self.send_message, pb.SendMessageRequest),
        }
        add_service(server, "care.v1.ConversationService", handlers)

    async def add_note(self, request: pb.AddNoteRequest, _: Context) -> pb.AddNoteResponse:
        """Updates the ticket, inserts the note, and sends the change to the watchers."""
        message, ticket = await self._add(request.parent, "NOTE", request.text)
        activity = Activity(
            name=f"{ticket.name}/activities/{ticket.etag}",
            type=ACTIVITY_TYPE_NOTE_ADDED,
            actor_kind=ACTOR_KIND_AGENT,
            actor=message.author,
            create_time=message.create_time,
            message=message.name,
        )
        change = WatchTicketsResponse(activity=activity, ticket=ticket, message=message, resume_token=ticket.etag)
        self._watchers.publish(request.parent.partition("/tickets/")[0], change)
        return pb.AddNoteResponse(message=message, ticket=ticket)

    async def send_message(self, request: pb.SendMessageRequest, _: Context) -> pb.SendMessageResponse:
        """Updates the ticket and inserts the message."""
        message, ticket = await self._add(request.parent, "AGENT_MESSAGE", request.text)
        return pb.SendMessageResponse(message=message, ticket=ticket)

    async def _add(self, parent: str, kind: str, text: str) -> tuple[Message, Ticket]:
        organization, number = split_name(parent)
        async with self._pool.acquire() as connection, connection.transaction():
            ticket = await connection.fetchrow(_TOUCH, organization, number)
            assert ticket is not None
            values = (organization, number, ticket["version"], uuid4(), kind, ticket["assignee"], text)
            row = await connection.fetchrow(_INSERT, *values)
            assert row is not None
        message = Message(
            name=f"{parent}/messages/{row['id']}",
            kind=MessageKind.Value(f"MESSAGE_KIND_{row['kind']}"),
            author_kind=ACTOR_KIND_AGENT,
            author=row["author"] and f"organizations/{organization}/agents/{row['author']}",
            text=row["text"],
            create_time=timestamp(row["create_time"]),
        )
        return message, ticket_message(ticket)
