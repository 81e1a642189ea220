"""`care outbox`: lists the rows that the relay parked because Temporal refused them, and retries them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from care_dev.stack import home as homes
from care_dev.stack.errors import StackError

outbox: Final = typer.Typer(
    name="outbox",
    help="Parked outbox rows: wake-ups of workflows that Temporal refused. List them, and retry them.",
    no_args_is_help=True,
)

Home = Annotated[
    Path,
    typer.Option("--home", help="Folder of a running stack. CARE_DATABASE_URL takes precedence.", file_okay=False),
]
Organization = Annotated[str | None, typer.Option("--org", help="Only rows of this organization.")]


@outbox.command("list")
def list_rows(
    home: Home = homes.DEFAULT,
    org: Organization = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of rows; those parked first come first.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line instead of a table.")] = False,
) -> None:
    """List the parked rows: the workflow that could not be woken, and the reason."""
    from care_cli.outbox import access

    rows = access.parked(access.database_url(home), org, limit)
    if as_json:
        for row in rows:
            typer.echo(access.as_json(row))
        return
    from rich.console import Console

    console = Console()
    # A file or a pipe has no width.
    console = console if console.is_terminal else Console(width=200)
    console.print(access.table(rows) if rows else "No row is parked.")


@outbox.command()
def retry(
    ids: Annotated[list[int] | None, typer.Argument(help="The rows' ids, as `care outbox list` shows them.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All parked rows.")] = False,
    home: Home = homes.DEFAULT,
    org: Organization = None,
) -> None:
    """Retry parked rows. The relay retries them at once."""
    if bool(ids) == every:
        raise StackError("name the rows to retry, or give --all: care outbox list shows them")
    from care_cli.outbox import access

    number = access.unpark(access.database_url(home), org, None if every else ids)
    if number == 0 and not every:
        raise StackError("these rows are not parked: care outbox list shows the parked rows")
    typer.echo(f"{number} retried")
