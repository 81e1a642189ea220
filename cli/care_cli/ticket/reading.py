"""The commands that only read: list, count, show, log."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from care.v1.activity_pb2 import Activity
from care.v1.conversation_service_pb2 import ListContactsRequest, ListMessagesRequest, ListRecoveriesRequest
from care.v1.message_pb2 import Message
from care.v1.recovery_pb2 import Contact, Recovery
from care.v1.ticket_pb2 import Ticket
from care.v1.ticket_service_pb2 import (
    CountTicketsRequest,
    GetTicketRequest,
    ListActivitiesRequest,
    ListTicketsRequest,
)
from care_cli.ticket import screens
from care_cli.ticket.desk import Desk
from care_cli.ticket.filters import ContactState, Priority, Selection, Status
from care_client.paging import items

_PAGE = 1000
"""The largest page size: complete output takes few calls."""

Words = Annotated[list[str] | None, typer.Argument(metavar="WORD", help="Words in subject, description or review.")]
Filter = Annotated[str, typer.Option("--filter", help="A filter as in ListTickets (AIP-160), such as 'stars <= 2'.")]
StatusOption = Annotated[list[Status] | None, typer.Option("--status", help="Repeat it to match any of several.")]
PriorityOption = Annotated[list[Priority] | None, typer.Option("--priority", help="Repeat it to match any of several.")]
ContactOption = Annotated[
    list[ContactState] | None, typer.Option("--contact", help="State of the contact; may be repeated.")
]
Assignee = Annotated[str | None, typer.Option(help="Agent's id, `me`, or `none`.")]
Location = Annotated[str | None, typer.Option(help="Location's id.")]
Labels = Annotated[list[str] | None, typer.Option("--label", help="Repeat it to require several.")]
TicketArgument = Annotated[str, typer.Argument(metavar="TICKET", help="The ticket's number, such as 7, or its name.")]


async def list_tickets(  # noqa: PLR0913  (each is an option)
    desk: Desk,
    words: Words = None,
    *,
    status: StatusOption = None,
    priority: PriorityOption = None,
    contact: ContactOption = None,
    assignee: Assignee = None,
    location: Location = None,
    label: Labels = None,
    filter_: Filter = "",
    order: Annotated[str, typer.Option(help="Such as 'priority desc, update_time'; default: newest first.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of tickets.")] = 50,
    every: Annotated[bool, typer.Option("--all", help="List all tickets.")] = False,
) -> None:
    """List tickets."""
    assignee_name, location_name = _assignee_name(desk, assignee), _location_name(desk, location)
    selection = Selection(words, status, priority, contact, assignee_name, location_name, label, filter_)
    request = ListTicketsRequest(
        parent=desk.organization,
        filter=selection.filter(),
        order_by=order,
        page_size=_PAGE if every else min(limit + 1, _PAGE),
    )
    shown: list[Ticket] = []
    more = False
    async for ticket in items(desk.care.tickets.ListTickets, request):
        if not every and len(shown) == limit:
            more = True
            break
        shown.append(ticket)
    if desk.output.as_json:
        for ticket in shown:
            desk.output.json(ticket)
        return
    desk.output.show(screens.ticket_table(shown))
    if more:
        desk.output.line(f"There are more than {limit}: --all lists all, --limit more.")
    elif not shown:
        desk.output.line(f"No tickets found in {desk.organization}.")


async def count(
    desk: Desk,
    words: Words = None,
    *,
    priority: PriorityOption = None,
    contact: ContactOption = None,
    assignee: Assignee = None,
    location: Location = None,
    label: Labels = None,
    filter_: Filter = "",
) -> None:
    """Count tickets by status."""
    assignee_name, location_name = _assignee_name(desk, assignee), _location_name(desk, location)
    selection = Selection(words, None, priority, contact, assignee_name, location_name, label, filter_)
    request = CountTicketsRequest(parent=desk.organization, filter=selection.filter())
    counts = await desk.care.tickets.CountTickets(request)
    if desk.output.as_json:
        desk.output.json(counts)
    else:
        desk.output.show(screens.count_table(counts))


async def show(desk: Desk, ticket: TicketArgument) -> None:
    """Show a ticket: its state, what you may do, the recoveries, the thread and the log."""
    name = desk.ticket(ticket)
    details = await _details(desk, name)
    if not desk.output.as_json:
        desk.output.show(screens.screen(details))
        return
    desk.output.json_object(
        {
            "ticket": details.ticket,
            "messages": details.thread,
            "recoveries": details.recoveries,
            "contacts": details.contacts,
            "activities": details.activities,
        }
    )


async def log(
    desk: Desk,
    ticket: TicketArgument,
    *,
    limit: Annotated[int | None, typer.Option(min=1, help="Show only the latest ones, at most this many.")] = None,
) -> None:
    """Print the activities of a ticket, oldest first."""
    request = ListActivitiesRequest(parent=desk.ticket(ticket), page_size=min(limit or _PAGE, _PAGE))
    latest = []
    async for activity in items(desk.care.tickets.ListActivities, request):
        latest.append(activity)
        if len(latest) == limit:
            break
    if desk.output.as_json:
        for activity in reversed(latest):
            desk.output.json(activity)
    else:
        desk.output.show(screens.activity_table(reversed(latest)))


async def _details(desk: Desk, name: str) -> screens.TicketDetails:
    tickets, talk = desk.care.tickets, desk.care.conversations

    async def thread() -> list[Message]:
        return [one async for one in items(talk.ListMessages, ListMessagesRequest(parent=name, page_size=_PAGE))]

    async def recoveries() -> list[Recovery]:
        return [one async for one in items(talk.ListRecoveries, ListRecoveriesRequest(parent=name, page_size=_PAGE))]

    async def contacts() -> list[Contact]:
        return [one async for one in items(talk.ListContacts, ListContactsRequest(parent=name, page_size=_PAGE))]

    async def activities() -> list[Activity]:
        request = ListActivitiesRequest(parent=name, page_size=_PAGE)
        return [one async for one in items(tickets.ListActivities, request)][::-1]

    # The ticket is read first, so that a ticket that does not exist causes only one error.
    found = (await tickets.GetTicket(GetTicketRequest(name=name))).ticket
    return screens.TicketDetails(found, *await asyncio.gather(thread(), recoveries(), contacts(), activities()))


def _assignee_name(desk: Desk, assignee: str | None) -> str | None:
    """Returns the assignee's full name; empty for `none`; None if no assignee was given."""
    if assignee is None:
        return None
    return "" if assignee == "none" else desk.agent(assignee)


def _location_name(desk: Desk, location: str | None) -> str | None:
    return None if location is None else desk.resource("locations", location)
