"""Renders tickets as tables and panels for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from care.v1.activity_pb2 import Activity, ActivityType, ActorKind, FieldChange
from care.v1.error_reason_pb2 import ErrorReason
from care.v1.message_pb2 import Channel, DeliveryFailure, DeliveryState, Message, MessageKind
from care.v1.recovery_pb2 import Contact, Recovery, RecoveryKind, RecoveryState, RefusalReason
from care.v1.ticket_pb2 import CLOSE_REASON_INACTIVITY, ContactState, Ticket, TicketPriority, TicketStatus
from care.v1.ticket_service_pb2 import CountTicketsResponse
from care_cli.ticket.words import bare, one_line, safe, time, word

_STATUS_STYLES: Final = {"OPEN": "bold yellow", "IN_PROGRESS": "bold cyan", "RESOLVED": "bold green", "CLOSED": "dim"}
_PRIORITY_STYLES: Final = {"URGENT": "bold red", "HIGH": "red", "LOW": "dim"}
_COMMANDS: Final = {
    "TakeTicket": "take",
    "AssignTicket": "assign",
    "ReleaseTicket": "release",
    "UpdateTicket": "edit",
    "StartTicket": "start",
    "ResolveTicket": "resolve",
    "CloseTicket": "close",
    "ReopenTicket": "reopen",
    "SendMessage": "message",
    "AddNote": "note",
    "SendRecoveryForm": "form",
    "WithdrawRecoveryForm": "withdraw",
    "AddContact": "contact add",
    "RejectContact": "reject",
}
"""The subcommand for each command of the contract."""


@dataclass(frozen=True)
class TicketDetails:
    """A ticket with everything that belongs to it."""

    ticket: Ticket
    thread: Sequence[Message]
    recoveries: Sequence[Recovery]
    contacts: Sequence[Contact]
    activities: Sequence[Activity]


def status(ticket: Ticket) -> Text:
    """Returns the status, with a note if the system closed the ticket for inactivity."""
    found = word(TicketStatus, ticket.status)
    note = " (inactivity)" if ticket.close_reason == CLOSE_REASON_INACTIVITY else ""
    return Text(found + note, style=_STATUS_STYLES.get(found, ""))


def ticket_table(tickets: Iterable[Ticket]) -> Table:
    """Returns one row for each ticket."""
    table = _table("No.", "Status", "Priority", "Contact", "Subject", "Assignee", "Updated (UTC)", unwrapped=4)
    # Keeps these columns readable in a terminal of 80 columns.
    table.columns[4].min_width, table.columns[5].min_width, table.columns[6].min_width = 16, 8, 10
    for ticket in tickets:
        table.add_row(
            str(ticket.number),
            status(ticket),
            _priority(ticket),
            word(ContactState, ticket.contact_state),
            Text(one_line(ticket.subject)),
            bare(ticket.assignee) or "–",
            time(ticket.update_time),
        )
    return table


def count_table(counts: CountTicketsResponse) -> Table:
    """Returns the number of tickets per status."""
    table = _table("Open", "In progress", "Resolved", "Closed", "Auto-closed", "Total")
    values = (
        counts.open,
        counts.in_progress,
        counts.resolved,
        counts.closed,
        counts.auto_closed,
        counts.total,
    )
    table.add_row(*map(str, values))
    return table


def screen(details: TicketDetails) -> RenderableType:
    """Returns the ticket, its recoveries, contacts, thread and log."""
    parts: list[RenderableType] = [_ticket_panel(details.ticket)]
    if details.recoveries:
        parts.append(_recovery_table(details.recoveries))
    if details.contacts:
        parts.append(contact_table(details.contacts))
    if details.thread:
        parts.append(_thread_table(details.thread))
    return Group(*parts, activity_table(details.activities))


def activity_table(activities: Iterable[Activity]) -> Table:
    """Returns one row for each activity, in the order given."""
    table = _table("No.", "Time (UTC)", "What", "Who", "Changes", title="Log")
    for activity in activities:
        actor = bare(activity.actor) or word(ActorKind, activity.actor_kind).lower()
        table.add_row(
            bare(activity.name),
            time(activity.create_time),
            word(ActivityType, activity.type),
            Text(one_line(f"{actor} (by {activity.acting_service})" if activity.acting_service else actor)),
            _lines(*map(_change, activity.changes)),
        )
    return table


def _change(change: FieldChange) -> str:
    """Returns the field's name and its old and new value. If the log stores no values, returns only the name."""
    if not (change.before or change.after):
        return change.field
    return f"{change.field}: {_short(change.before)} → {_short(change.after)}"


def contact_table(contacts: Iterable[Contact]) -> Table:
    """Returns one row for each contact."""
    table = _table("Contact", "Who", "Message", "Added (UTC)", title="Contacts")
    for contact in contacts:
        verified = "verified" if contact.verified else "not verified"
        table.add_row(
            contact.id,
            _lines(contact.display_name, contact.email, contact.phone, verified),
            Text(safe(contact.message)),
            time(contact.create_time),
        )
    return table


def summary(ticket: Ticket) -> str:
    """Returns a ticket's state in one line."""
    parts = [f"Ticket {ticket.number} is {status(ticket)}"]
    parts.append(f"assigned to {bare(ticket.assignee)}" if ticket.assignee else "unassigned")
    parts.append(word(ContactState, ticket.contact_state))
    return ", ".join(parts)


def _ticket_panel(ticket: Ticket) -> Panel:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column()
    customer = ticket.customer
    verified = "" if not (customer.email or customer.phone) else "verified" if customer.verified else "not verified"
    rows: list[tuple[str, str | Text]] = [
        ("Status", status(ticket)),
        ("Priority", _priority(ticket)),
        ("Contact", word(ContactState, ticket.contact_state)),
        ("Customer", _join(customer.display_name, customer.email, customer.phone, verified)),
        ("Assignee", bare(ticket.assignee) or "nobody"),
        ("Reporter", bare(ticket.reporter)),
        ("Location", bare(ticket.location)),
        ("Review", bare(ticket.review)),
        ("Labels", _join(*ticket.labels)),
        ("External reference", ticket.external_reference),
        ("Follow-up of", bare(ticket.follow_up_of)),
        ("Followed up by", bare(ticket.follow_up)),
        ("Created", time(ticket.create_time)),
        ("Updated", time(ticket.update_time)),
        ("Resolved", time(ticket.resolve_time)),
        ("Closed", time(ticket.close_time)),
        ("Version", ticket.etag),
        ("Description", Text(safe(ticket.description))),
        ("Allowed", _join(*(_COMMANDS.get(a.command, a.command) for a in ticket.actions if a.allowed))),
        ("Not allowed", _join(*(_reason(a.command, a.reason) for a in ticket.actions if not a.allowed))),
    ]
    for name, value in rows:
        if value:
            grid.add_row(name, value if isinstance(value, Text) else Text(one_line(value)))
    return Panel(grid, title=Text(one_line(f"Ticket {ticket.number}: {ticket.subject}"), "bold"), title_align="left")


def _reason(command: str, reason: ErrorReason.ValueType) -> str:
    return f"{_COMMANDS.get(command, command)} ({word(ErrorReason, reason)})"


def _recovery_table(recoveries: Iterable[Recovery]) -> Table:
    table = _table("Kind", "State", "Since (UTC)", "Reply", title="Recoveries", unwrapped=2)
    for recovery in recoveries:
        reference = f"reference {recovery.reference}" if recovery.reference else ""
        state = (
            word(RecoveryState, recovery.state),
            word(RefusalReason, recovery.refusal_reason),
            recovery.refusal_message,
            reference,
        )
        times = {
            "requested": recovery.create_time,
            "public": recovery.post_time,
            "answered": recovery.contact_time,
            "unlocked": recovery.unlock_time,
            "expires": recovery.expire_time,
            "ended": recovery.end_time,
            "link removed": recovery.retract_time,
        }
        table.add_row(
            word(RecoveryKind, recovery.kind),
            _lines(*state),
            _lines(*(f"{time(at)} {what}" for what, at in times.items() if at.seconds)),
            Text(safe(recovery.reply_text)),
        )
    return table


def _thread_table(thread: Iterable[Message]) -> Table:
    table = _table("Time (UTC)", "Kind", "Author", "Text", title="Thread")
    for message in thread:
        author = message.author_display_name or bare(message.author) or word(ActorKind, message.author_kind).lower()
        table.add_row(
            time(message.create_time),
            _lines(word(MessageKind, message.kind), *_delivery(message)),
            Text(one_line(author)),
            Text(safe(message.text) or word(RecoveryState, message.recovery_state)),
        )
    return table


def _delivery(message: Message) -> Iterator[str]:
    """Yields a message's channel and the state of its delivery."""
    if message.channel:
        yield f"by {word(Channel, message.channel)}"
    if message.automatic:
        yield "automatic"
    if message.HasField("delivery"):
        delivery = message.delivery
        yield f"{word(DeliveryState, delivery.state)} by {word(Channel, delivery.channel)}"
        if delivery.failure_reason:
            yield word(DeliveryFailure, delivery.failure_reason)
            yield delivery.failure_message


def _table(*columns: str, title: str | None = None, unwrapped: int = 1) -> Table:
    """Returns a table. The first `unwrapped` columns never wrap."""
    table = Table(*columns, title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in table.columns:
        column.overflow = "fold"  # wrap rather than truncate
    for column in table.columns[:unwrapped]:
        column.no_wrap = True
    return table


def _lines(*lines: str) -> Text:
    """Returns the lines that are not empty, each on its own line."""
    return Text("\n".join(one_line(line) for line in lines if line))


def _priority(ticket: Ticket) -> Text:
    found = word(TicketPriority, ticket.priority)
    return Text(found, style=_PRIORITY_STYLES.get(found, ""))


def _join(*parts: str) -> str:
    return ", ".join(filter(None, parts))


def _short(value: str) -> str:
    """Returns the id of a resource name, or a dash for an empty value."""
    return bare(value) or "–"
