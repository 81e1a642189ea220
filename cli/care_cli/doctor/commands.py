"""The commands `care doctor` and `care recount`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from care_dev.stack import home as homes

Home = Annotated[
    Path,
    typer.Option(
        "--home",
        help="Folder of a running stack. CARE_DATABASE_URL and Temporal's variables take precedence.",
        file_okay=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]


def doctor(home: Home = homes.DEFAULT, as_json: Json = False) -> None:
    """List the workflows that should run but do not, and the ticket counts that are wrong. Exits 1 if there are any.

    This changes nothing. The service looks for such workflows every five minutes and starts them. `care recount`
    corrects the counts.
    """
    from care_cli.doctor import comparing, counts

    wrong = counts.wrong_counts(home)
    for drift in wrong:
        typer.echo(counts.as_json(drift) if as_json else counts.as_text(drift))
    lost = comparing.missing(home)
    for each in lost:
        line = {"workflow": each.workflow, "workflow_id": each.workflow_id}
        typer.echo(json.dumps(line) if as_json else f"{each.workflow} does not run: {each.workflow_id}")
    if lost or wrong:
        raise typer.Exit(1)
    if not as_json:
        typer.echo("All workflows that should run are running. All ticket counts are right.")


def recount(home: Home = homes.DEFAULT, as_json: Json = False) -> None:
    """Count all tickets again, and correct and list the counts that are wrong. The service may be running."""
    from care_cli.doctor import counts

    corrected = counts.correct_counts(home)
    for drift in corrected:
        typer.echo(counts.as_json(drift) if as_json else counts.as_text(drift))
    if not as_json:
        typer.echo(f"Counts corrected: {len(corrected)}")
