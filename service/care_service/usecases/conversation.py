"""The commands that write into a ticket's thread: messages to the customer, and internal notes."""

from __future__ import annotations

from dataclasses import dataclass

from uuid_utils.compat import uuid7

from care_rules import commands
from care_rules.decision import Decision
from care_rules.names import TicketName
from care_rules.snapshot import TicketSnapshot
from care_service.usecases.execution import execute
from care_service.usecases.ports.reader import MessageView
from care_service.usecases.ports.ticket_store import TicketStore
from care_service.usecases.request import Replayable, Request


@dataclass(frozen=True, slots=True)
class WrittenMessage:
    """A new entry of the thread, and the ticket after the command."""

    message: MessageView
    ticket: TicketSnapshot


async def send_message(
    store: TicketStore, name: TicketName, text: str, request: Request[WrittenMessage]
) -> Replayable[WrittenMessage]:
    """Writes a message to the customer, and queues its delivery."""
    return await execute(store, name, commands.SendMessage(text, uuid7()), request, _to_written_message)


async def add_note(
    store: TicketStore, name: TicketName, text: str, request: Request[WrittenMessage]
) -> Replayable[WrittenMessage]:
    """Writes an internal note."""
    return await execute(store, name, commands.AddNote(text, uuid7()), request, _to_written_message)


def _to_written_message(snapshot: TicketSnapshot, decision: Decision | None) -> WrittenMessage:
    if decision is None:
        raise AssertionError("the command returned no decision; an entry of the thread must change the ticket")
    delivery = decision.new_deliveries[0] if decision.new_deliveries else None
    return WrittenMessage(MessageView(decision.messages[0], None, delivery), snapshot)
