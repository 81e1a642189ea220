"""The commands for a recovery: form, withdraw, reject."""

from __future__ import annotations

from typing import Annotated

import typer

from care.v1.conversation_service_pb2 import RejectContactRequest, SendRecoveryFormRequest, WithdrawRecoveryFormRequest
from care.v1.ticket_service_pb2 import GetTicketRequest
from care_cli.ticket.desk import Desk, NotPossible, text_or_input
from care_cli.ticket.reading import TicketArgument
from care_cli.ticket.working import Etag, report


async def form(
    desk: Desk,
    ticket: TicketArgument,
    text: Annotated[
        str | None,
        typer.Argument(help="The public reply. Contains {form_link} once. Without it, or with `-`: standard input."),
    ] = None,
    *,
    etag: Etag = "",
) -> None:
    """Reply to the ticket's review with a link to a recovery form."""
    request = SendRecoveryFormRequest(parent=desk.ticket(ticket), reply_text=text_or_input(text), etag=etag)
    await report(desk, desk.care.conversations.SendRecoveryForm(request))


async def withdraw(desk: Desk, ticket: TicketArgument, *, etag: Etag = "") -> None:
    """Withdraw a recovery form that nobody has answered."""
    request = WithdrawRecoveryFormRequest(name=await _live(desk, ticket), etag=etag)
    await report(desk, desk.care.conversations.WithdrawRecoveryForm(request))


async def reject(desk: Desk, ticket: TicketArgument, *, etag: Etag = "") -> None:
    """Reject the current contact as the wrong person."""
    request = RejectContactRequest(name=await _live(desk, ticket), etag=etag)
    await report(desk, desk.care.conversations.RejectContact(request))


async def _live(desk: Desk, ticket: str) -> str:
    """Returns the name of the ticket's live recovery. Raises NotPossible if there is none."""
    found = (await desk.care.tickets.GetTicket(GetTicketRequest(name=desk.ticket(ticket)))).ticket
    if not found.recovery:
        raise NotPossible(
            f"ticket {found.number} has no live form and no contact; `care ticket show {found.number}` shows its state"
        )
    return found.recovery
