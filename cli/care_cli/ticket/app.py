"""The command `care ticket` with its subcommands."""

from __future__ import annotations

from typing import Final

import typer

from care_cli.ticket import contacts, reading, recovering, working
from care_cli.ticket.command import command

app: Final = typer.Typer(
    name="ticket",
    help="Work on tickets. Exit status: 0 done; 1 refused; 2 wrong usage; 3 service unreachable or busy, retry.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_contact: Final = typer.Typer(help="How the customer can be reached.", no_args_is_help=True)

app.command("list")(command(reading.list_tickets))
app.command("count")(command(reading.count))
app.command("show")(command(reading.show))
app.command("log")(command(reading.log))
app.command("create")(command(working.create))
app.command("edit")(command(working.edit))
app.command("take")(command(working.take))
app.command("assign")(command(working.assign))
app.command("release")(command(working.release))
app.command("start")(command(working.start))
app.command("message")(command(working.message))
app.command("note")(command(working.note))
app.command("resolve")(command(working.resolve))
app.command("close")(command(working.close))
app.command("reopen")(command(working.reopen))
app.command("form")(command(recovering.form))
app.command("withdraw")(command(recovering.withdraw))
app.command("reject")(command(recovering.reject))
app.add_typer(_contact, name="contact")
_contact.command("list")(command(contacts.list_contacts))
_contact.command("add")(command(contacts.add))
_contact.command("claim")(command(contacts.claim))
