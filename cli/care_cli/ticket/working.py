"""The commands that change a ticket: create, edit, assign, write, resolve and close."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Annotated, Protocol

import typer

from care.v1.conversation_service_pb2 import AddNoteRequest, SendMessageRequest
from care.v1.ticket_pb2 import Ticket, TicketPriority
from care.v1.ticket_service_pb2 import (
    AssignTicketRequest,
    BatchAssignTicketsRequest,
    BatchCloseTicketsRequest,
    BatchResolveTicketsRequest,
    BatchTicketResult,
    CloseTicketRequest,
    CreateTicketRequest,
    ReleaseTicketRequest,
    ReopenTicketRequest,
    ResolveTicketRequest,
    StartTicketRequest,
    TakeTicketRequest,
    UpdateTicketRequest,
)
from care_cli.ticket.desk import Desk, UsageError, text_or_input
from care_cli.ticket.failures import EXIT_REFUSED, explain
from care_cli.ticket.filters import Priority
from care_cli.ticket.reading import TicketArgument
from care_cli.ticket.screens import summary
from care_cli.ticket.words import bare
from care_client.errors import CareError

Etag = Annotated[str, typer.Option(help="Succeed only if the ticket's version is still this one.")]
TicketArguments = Annotated[list[str], typer.Argument(metavar="TICKET...", help="Numbers, such as 7 8 9, or names.")]
PriorityOption = Annotated[Priority | None, typer.Option(help="How urgent it is.")]
Labels = Annotated[list[str] | None, typer.Option("--label", help="A label; repeat it for several.")]
_REFERENCE_HELP = "The ticket's id in another system, such as an order number."


class _TicketResponse(Protocol):
    @property
    def ticket(self) -> Ticket: ...


async def report(desk: Desk, call: Awaitable[_TicketResponse]) -> None:
    """Awaits a call and prints the ticket that it returns."""
    _print(desk, (await call).ticket)


async def create(
    desk: Desk,
    *,
    review: Annotated[str | None, typer.Option(help="Review's id; subject and location are then optional.")] = None,
    subject: Annotated[str, typer.Option(help="What it is about, in one line.")] = "",
    location: Annotated[str | None, typer.Option(help="Location's id.")] = None,
    description: Annotated[str, typer.Option(help="Details; `-` reads standard input.")] = "",
    priority: PriorityOption = None,
    label: Labels = None,
    external_reference: Annotated[str, typer.Option(help=_REFERENCE_HELP)] = "",
) -> None:
    """Create a ticket, with or without a review."""
    if review is None and (not subject or location is None):
        raise UsageError("a new ticket needs --review, or --subject and --location")
    ticket = Ticket(
        review=desk.resource("reviews", review) if review else "",
        subject=subject,
        location=desk.resource("locations", location) if location else "",
        description=text_or_input(description),
        priority=_priority(priority),
        labels=label,
        external_reference=external_reference,
    )
    await report(desk, desk.care.tickets.CreateTicket(CreateTicketRequest(parent=desk.organization, ticket=ticket)))


async def edit(  # noqa: PLR0913  (each is an option)
    desk: Desk,
    ticket: TicketArgument,
    *,
    subject: Annotated[str | None, typer.Option(help="The new subject.")] = None,
    description: Annotated[str | None, typer.Option(help="The new description; `-` reads standard input.")] = None,
    priority: PriorityOption = None,
    label: Labels = None,
    no_labels: Annotated[bool, typer.Option("--no-labels", help="Remove all labels.")] = False,
    external_reference: Annotated[str | None, typer.Option(help=f"{_REFERENCE_HELP} Empty for none.")] = None,
    etag: Etag = "",
) -> None:
    """Change a ticket's subject, description, priority, labels or external reference. New labels replace all others."""
    request = UpdateTicketRequest(ticket=Ticket(name=desk.ticket(ticket)), etag=etag)
    changed = request.update_mask.paths
    if subject is not None:
        request.ticket.subject = subject
        changed.append("subject")
    if description is not None:
        request.ticket.description = text_or_input(description)
        changed.append("description")
    if priority is not None:
        request.ticket.priority = _priority(priority)
        changed.append("priority")
    if label or no_labels:
        request.ticket.labels.extend([] if no_labels else label or [])
        changed.append("labels")
    if external_reference is not None:
        request.ticket.external_reference = external_reference
        changed.append("external_reference")
    if not changed:
        options = "--subject, --description, --priority, --external-reference, --label or --no-labels"
        raise UsageError(f"nothing to change: give {options}")
    await report(desk, desk.care.tickets.UpdateTicket(request))


async def take(desk: Desk, ticket: TicketArgument, *, etag: Etag = "") -> None:
    """Take an unassigned ticket."""
    await report(desk, desk.care.tickets.TakeTicket(TakeTicketRequest(name=desk.ticket(ticket), etag=etag)))


async def assign(
    desk: Desk,
    tickets: TicketArguments,
    *,
    to: Annotated[str, typer.Option("--to", help="Agent's id, or `me`.")],
) -> None:
    """Assign tickets to an agent."""
    assignee = desk.agent(to)
    requests = [AssignTicketRequest(name=name, assignee=assignee) for name in desk.tickets(tickets)]
    if len(requests) == 1:
        await report(desk, desk.care.tickets.AssignTicket(requests[0]))
        return
    batch = BatchAssignTicketsRequest(parent=_parent(requests), requests=requests)
    _report_batch(desk, (await desk.care.tickets.BatchAssignTickets(batch)).results)


async def release(desk: Desk, ticket: TicketArgument, *, etag: Etag = "") -> None:
    """Release a ticket: it becomes unassigned."""
    await report(desk, desk.care.tickets.ReleaseTicket(ReleaseTicketRequest(name=desk.ticket(ticket), etag=etag)))


async def start(desk: Desk, ticket: TicketArgument, *, etag: Etag = "") -> None:
    """Start work on a ticket: it becomes IN_PROGRESS."""
    await report(desk, desk.care.tickets.StartTicket(StartTicketRequest(name=desk.ticket(ticket), etag=etag)))


async def note(
    desk: Desk,
    ticket: TicketArgument,
    text: Annotated[str | None, typer.Argument(help="The note; default or `-`: standard input.")] = None,
    *,
    etag: Etag = "",
) -> None:
    """Add an internal note. Customers never see notes."""
    request = AddNoteRequest(parent=desk.ticket(ticket), text=text_or_input(text), etag=etag)
    await report(desk, desk.care.conversations.AddNote(request))


async def message(
    desk: Desk,
    ticket: TicketArgument,
    text: Annotated[str | None, typer.Argument(help="The message; default or `-`: standard input.")] = None,
    *,
    etag: Etag = "",
) -> None:
    """Write to the customer. The chat must be open; `show` displays the delivery state."""
    request = SendMessageRequest(parent=desk.ticket(ticket), text=text_or_input(text), etag=etag)
    await report(desk, desk.care.conversations.SendMessage(request))


async def resolve(desk: Desk, tickets: TicketArguments) -> None:
    """Mark tickets as RESOLVED."""
    requests = [ResolveTicketRequest(name=name) for name in desk.tickets(tickets)]
    if len(requests) == 1:
        await report(desk, desk.care.tickets.ResolveTicket(requests[0]))
        return
    batch = BatchResolveTicketsRequest(parent=_parent(requests), requests=requests)
    _report_batch(desk, (await desk.care.tickets.BatchResolveTickets(batch)).results)


async def close(desk: Desk, tickets: TicketArguments) -> None:
    """Close tickets. A closed ticket can never be reopened."""
    requests = [CloseTicketRequest(name=name) for name in desk.tickets(tickets)]
    if len(requests) == 1:
        await report(desk, desk.care.tickets.CloseTicket(requests[0]))
        return
    batch = BatchCloseTicketsRequest(parent=_parent(requests), requests=requests)
    _report_batch(desk, (await desk.care.tickets.BatchCloseTickets(batch)).results)


async def reopen(desk: Desk, ticket: TicketArgument, *, etag: Etag = "") -> None:
    """Reopen a resolved ticket."""
    await report(desk, desk.care.tickets.ReopenTicket(ReopenTicketRequest(name=desk.ticket(ticket), etag=etag)))


class _Named(Protocol):
    @property
    def name(self) -> str: ...


def _parent(requests: Sequence[_Named]) -> str:
    """Returns the organization of the first ticket. The service checks that all tickets belong to it."""
    return requests[0].name.partition("/tickets/")[0]


def _report_batch(desk: Desk, results: Sequence[BatchTicketResult]) -> None:
    """Prints the result of each ticket. Exits with EXIT_REFUSED if the service refused any of them."""
    failed = False
    for result in results:
        refused = result.status.code != 0
        failed = failed or refused
        if desk.output.as_json:
            desk.output.json(result)
        elif not refused:
            _print(desk, result.ticket)
        if refused:
            typer.echo(f"care: ticket {bare(result.name)}: {explain(CareError.from_status(result.status))}", err=True)
    if failed:
        raise typer.Exit(EXIT_REFUSED)


def _print(desk: Desk, ticket: Ticket) -> None:
    if desk.output.as_json:
        desk.output.json(ticket)
    else:
        desk.output.line(summary(ticket))


def _priority(given: Priority | None) -> TicketPriority.ValueType:
    return TicketPriority.Value(f"TICKET_PRIORITY_{given or 'UNSPECIFIED'}")
