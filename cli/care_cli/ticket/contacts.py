"""The commands for a ticket's contacts: list, add, claim."""

from __future__ import annotations

from typing import Annotated

import typer

from care.v1.conversation_service_pb2 import AddContactRequest, ListContactsRequest
from care_cli.ticket.desk import Desk, UsageError
from care_cli.ticket.reading import TicketArgument
from care_cli.ticket.screens import contact_table
from care_cli.ticket.working import Etag, report
from care_client.paging import items


async def list_contacts(desk: Desk, ticket: TicketArgument) -> None:
    """List every contact of a ticket, including claims."""
    request = ListContactsRequest(parent=desk.ticket(ticket))
    found = [contact async for contact in items(desk.care.conversations.ListContacts, request)]
    if desk.output.as_json:
        for contact in found:
            desk.output.json(contact)
    else:
        desk.output.show(contact_table(found))


async def add(
    desk: Desk,
    ticket: TicketArgument,
    *,
    email: Annotated[str, typer.Option(help="Email address.")] = "",
    phone: Annotated[str, typer.Option(help="Phone number, with country code or in the location's region.")] = "",
    name: Annotated[str, typer.Option(help="The customer's name.")] = "",
    etag: Etag = "",
) -> None:
    """Add a contact that became known in another way."""
    if not (email or phone):
        raise UsageError("a contact needs an address: give --email, --phone or both")
    request = AddContactRequest(parent=desk.ticket(ticket), email=email, phone=phone, display_name=name, etag=etag)
    await report(desk, desk.care.conversations.AddContact(request))


async def claim(
    desk: Desk,
    ticket: TicketArgument,
    contact: Annotated[str, typer.Argument(help="The contact's id, as `contact list` shows it.")],
    *,
    etag: Etag = "",
) -> None:
    """Accept a claim as the customer's contact."""
    request = AddContactRequest(parent=desk.ticket(ticket), claim=contact, etag=etag)
    await report(desk, desk.care.conversations.AddContact(request))
