"""Decisions on the commands that write into a ticket's thread."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from care_rules import commands
from care_rules.callers import Caller
from care_rules.decision import Decision, bump_version, new_activity
from care_rules.delivery import new_delivery
from care_rules.entities.activity import ActivityType
from care_rules.entities.message import MessageKind
from care_rules.new_entities import new_message
from care_rules.snapshot import TicketSnapshot


def add_note(
    snapshot: TicketSnapshot, command: commands.AddNote, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision:
    """Writes an internal note."""
    after = bump_version(snapshot.ticket, snapshot.live, now)
    note = new_message(after, command.message_id, MessageKind.NOTE, caller, command.text)
    entry = new_activity(
        ActivityType.NOTE_ADDED, caller, snapshot.ticket, after, message_id=command.message_id, request_id=request_id
    )
    return Decision(after, entry, messages=(note,))


def send_message(
    snapshot: TicketSnapshot, command: commands.SendMessage, caller: Caller, now: datetime, request_id: UUID | None
) -> Decision:
    """Writes a message to the customer, and queues its delivery."""
    if snapshot.contact is None:
        raise AssertionError("the chat is open, but the snapshot has no contact; the loader must load it")
    after = bump_version(snapshot.ticket, snapshot.live, now)
    sent = replace(
        new_message(after, command.message_id, MessageKind.AGENT_MESSAGE, caller, command.text),
        contact_id=snapshot.contact.id,
    )
    entry = new_activity(
        ActivityType.MESSAGE_SENT, caller, snapshot.ticket, after, message_id=sent.id, request_id=request_id
    )
    return Decision(
        after, entry, messages=(sent,), new_deliveries=(new_delivery(sent, snapshot.contact, snapshot.settings),)
    )
