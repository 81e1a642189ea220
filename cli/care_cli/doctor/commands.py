"""The command `care doctor`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from care_dev.stack import home as homes

Home = Annotated[
    Path,
    typer.Option("--home", help="Folder of a running stack; used without CARE_DATABASE_URL.", file_okay=False),
]


def doctor(
    home: Home = homes.DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
) -> None:
    """List the workflows that must run according to the database, and do not run in Temporal. Exits 1 if there are any.

    This changes nothing. The service looks for such workflows every five minutes and starts them.
    """
    from care_cli.doctor import comparing

    lost = comparing.missing(home)
    for each in lost:
        line = {"workflow": each.workflow, "workflow_id": each.workflow_id}
        typer.echo(json.dumps(line) if as_json else f"{each.workflow} does not run: {each.workflow_id}")
    if lost:
        raise typer.Exit(1)
    if not as_json:
        typer.echo("All workflows that must run are running.")
