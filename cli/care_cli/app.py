"""The commands of `care`. Each command imports its own libraries, so no role loads the libraries of another role."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from care_cli.doctor.commands import doctor, recount
from care_cli.health import Role as HealthRole
from care_cli.health import check as check_health
from care_cli.outbox.commands import outbox
from care_dev.stack import home as homes
from care_dev.stack.errors import StackError
from care_dev.stack.secrets import Role, mint, sign

app: Final = typer.Typer(
    name="care",
    help="Care: from a bad public review to a private, resolved conversation.",
    no_args_is_help=True,
    add_completion=False,
    # Tracebacks go into bug reports. So they must be complete, and must not show variables, which may contain keys.
    pretty_exceptions_enable=False,
)
app.add_typer(outbox)
app.command()(doctor)
app.command()(recount)

# `readable` is off, because Care's own error for an unreadable file says what to do.
Home = Annotated[Path, typer.Option("--home", help="Folder of the stack's data.", file_okay=False, readable=False)]


@app.command()
def up(
    home: Home = homes.DEFAULT,
    first_port: Annotated[
        int | None,
        typer.Option(
            help="First of 11 consecutive ports, instead of 50051, 8080, 7233, 8233, 8090, 9464, 9465, 1025 and 8025."
        ),
    ] = None,
) -> None:
    """Run the whole system on this machine until Ctrl-C: PostgreSQL, Temporal, and all roles."""
    from rich.console import Console

    from care_dev.stack.up import up as run_stack

    run_stack(home, first_port, Console())


@app.command()
def demo(
    home: Home = homes.DEFAULT,
    first_port: Annotated[int | None, typer.Option(help="First port, as for `care up`.")] = None,
    reviews: Annotated[
        Path | None,
        typer.Option(
            help="JSON file of reviews in the form of the Google Business Profile API, instead of the built-in ones."
        ),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the stack running afterwards, until Ctrl-C.")] = False,
) -> None:
    """Play one real ticket from a bad review to CLOSED, on the running stack of a folder or on a new one."""
    from rich.console import Console

    from care_dev.demo.command import demo as play_demo

    # A file or a pipe has no width, and the default of 80 columns is too narrow for the tables.
    console = Console()
    play_demo(home, first_port, reviews, console if console.is_terminal else Console(width=140), keep=keep)


@app.command()
def token(
    org: Annotated[str | None, typer.Option(help="Organization. Only service and worker tokens may have none.")] = None,
    agent: Annotated[str | None, typer.Option(help="Id of the person or program: the token's subject.")] = None,
    role: Annotated[Role, typer.Option(help="What the token allows.")] = Role.AGENT,
    name: Annotated[str | None, typer.Option(help="Display name; default: the id.")] = None,
    acting_service: Annotated[
        str | None, typer.Option(help="Id of the service that calls on the agent's behalf.")
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(
            "--home",
            help="Folder of a stack's data, which holds its key.",
            show_default=str(homes.DEFAULT),
            readable=False,
        ),
    ] = None,
) -> None:
    """Print a development token and nothing else. CARE_TOKEN_KEY signs it if that is set and --home is not given."""
    key = os.environ.get("CARE_TOKEN_KEY")
    if key and not home:
        typer.echo(sign(key, org, agent, role, name, acting_service=acting_service))
    else:
        typer.echo(mint(home or homes.DEFAULT, org, agent, role, name, acting_service=acting_service))


@app.command()
def keys() -> None:
    """Print an .env file for docker-compose.yml with fresh keys and passwords. Writes no file."""
    from care_cli.keys import environment_file

    typer.echo(environment_file(), nl=False)


@app.command()
def health(
    role: Annotated[HealthRole, typer.Argument(help="The role: the name of its command.")],
    address: Annotated[
        str | None, typer.Option(help="host:port of the role (for `work`: of Temporal), instead of its variable.")
    ] = None,
) -> None:
    """Check the health of the role that runs here with the same variables. Exits 0 if healthy; else prints why not."""
    from care_roles.environment import end_process

    try:
        check_health(role, address)
    except StackError as error:
        typer.echo(f"care: {error}", err=True)
        end_process(1)
    end_process(0)  # a normal exit sometimes aborts while Temporal's SDK is loaded


@app.command()
def serve(
    processes: Annotated[
        int,
        typer.Option(
            min=1, max=64, help="Number of processes that share the port. Each uses at most one processor core."
        ),
    ] = 1,
) -> None:
    """Run the gRPC service and the relay to Temporal."""
    if processes > 1:
        from care_service.running.supervisor import main as run_processes

        raise typer.Exit(run_processes(processes))
    from care_service.running.main import main as run_service

    raise typer.Exit(run_service())


@app.command()
def work() -> None:
    """Run the Temporal worker."""
    from care_workflows.worker import main as run_worker

    raise typer.Exit(run_worker())


@app.command()
def web() -> None:
    """Run the customer's pages."""
    from care_web.main import main as run_pages

    raise typer.Exit(run_pages())


@app.command(
    add_help_option=False,  # the nested commands have their own
    context_settings={"allow_extra_args": True, "allow_interspersed_args": False, "ignore_unknown_options": True},
)
def ticket(context: typer.Context) -> None:
    """Work on tickets: list, show, take, answer, resolve, and more; see `care ticket --help`."""
    from care_cli.ticket.app import app as tickets

    tickets(context.args, prog_name="care ticket")


@app.command("review-site")
def review_site(
    address: Annotated[str, typer.Option(help="host:port to listen on.")] = "127.0.0.1:8090",
    database: Annotated[Path, typer.Option(help="File of the site's data.", readable=False)] = homes.DEFAULT
    / "review-site/reviews.db",
) -> None:
    """Run the local review site, which has the development organization's reviews and replies."""
    from care_dev.listening import CannotStart
    from care_dev.review_site.main import run

    try:
        run(address, database)
    except CannotStart as error:
        _fail(error)


@app.command()
def mailbox(
    address: Annotated[str, typer.Option(help="host:port of the page.")] = "127.0.0.1:8025",
    smtp_address: Annotated[str, typer.Option(help="host:port that receives the emails.")] = "127.0.0.1:1025",
    folder: Annotated[Path, typer.Option(help="Folder of the emails, a maildir.", readable=False)] = homes.DEFAULT
    / "mailbox",
) -> None:
    """Run the local mailbox, which shows every email instead of delivering it."""
    from care_dev.listening import CannotStart
    from care_dev.mailbox.main import run

    try:
        run(address, smtp_address, folder)
    except CannotStart as error:
        _fail(error)


def main() -> None:
    """The program `care`."""
    try:
        app(prog_name="care")
    except StackError as error:
        _fail(error)


def _fail(error: Exception) -> None:
    typer.echo(f"care: {error}", err=True)
    sys.exit(1)
