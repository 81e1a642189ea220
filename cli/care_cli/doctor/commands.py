"""`care doctor`: shows what must run and does not."""

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
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line instead of words.")] = False,
) -> None:
    """Compare the database with Temporal: which workflows must run, and do not. Exits 1 where there are any.

    The service finds and starts them by itself every five minutes; this changes nothing.
    """
    from care_cli.doctor import comparing

    lost = comparing.missing(home)
    for each in lost:
        line = {"workflow": each.workflow, "workflow_id": each.workflow_id}
        typer.echo(json.dumps(line) if as_json else f"{each.workflow} does not run: {each.workflow_id}")
    if lost:
        raise typer.Exit(1)
    if not as_json:
        typer.echo("Every workflow that must run runs.")
