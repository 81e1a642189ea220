"""Turns a function that takes a `Desk` into a command with the options of the connection."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any, Concatenate, Final, ParamSpec

import typer

from care_cli.ticket.connection import ConnectionOptions, open_desk
from care_cli.ticket.desk import Desk, NotPossible, UsageError
from care_cli.ticket.failures import EXIT_REFUSED, EXIT_USAGE, exit_status, explain
from care_client.errors import CareError
from care_dev.stack.errors import StackError
from care_dev.stack.secrets import Role
from care_roles.environment import ConfigurationError

_P = ParamSpec("_P")

_PANEL: Final = "Connection"


def _options(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print proto3 JSON, one object per line.")] = False,
    organization: Annotated[
        str | None,
        typer.Option(
            "--organization",
            "--org",
            envvar="CARE_ORGANIZATION",
            help="Organization's id; default: the token's.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="host:port of the service; default: CARE_SERVICE_ADDRESS.", rich_help_panel=_PANEL),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(help="Bearer token; default: CARE_TOKEN or CARE_TOKEN_FILE.", rich_help_panel=_PANEL),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(help="Folder of a `care up` stack to connect to.", rich_help_panel=_PANEL, readable=False),
    ] = None,
    agent: Annotated[
        str | None, typer.Option(help="Agent to act as on that stack.", show_default="alice", rich_help_panel=_PANEL)
    ] = None,
    role: Annotated[
        Role | None, typer.Option(help="Role to act in on that stack.", show_default="agent", rich_help_panel=_PANEL)
    ] = None,
) -> ConnectionOptions:
    """Collects the options that all commands share."""
    return ConnectionOptions(as_json, organization, address, token, home, agent, role)


def command(work: Callable[Concatenate[Desk, _P], Awaitable[None]]) -> Callable[..., None]:
    """Returns a command that runs `work`. Its signature has the options of `work` and of the connection, for typer."""
    shared = inspect.signature(_options, eval_str=True).parameters
    any_work: Callable[..., Awaitable[None]] = work
    own = list(inspect.signature(work, eval_str=True).parameters.values())[1:]

    @wraps(work)
    def run(**given: Any) -> None:  # noqa: ANN401  (typer's values)
        options = _options(**{name: given.pop(name) for name in shared})
        raise typer.Exit(_run(options, partial(any_work, **given)))

    signature = inspect.Signature([_keyword(parameter) for parameter in [*own, *shared.values()]])
    run.__signature__ = signature  # type: ignore[attr-defined]  # what `inspect.signature` looks at first
    run.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    return run


def _keyword(parameter: inspect.Parameter) -> inspect.Parameter:
    return parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)


def _run(options: ConnectionOptions, work: Callable[[Desk], Awaitable[None]]) -> int:
    """Runs `work` and returns the exit status. Every failure is one line on standard error."""

    async def at_desk() -> None:
        async with open_desk(options) as desk:
            await work(desk)

    try:
        asyncio.run(at_desk())
    except CareError as error:
        typer.echo(f"care: {explain(error)}", err=True)
        return exit_status(error)
    except NotPossible as error:
        typer.echo(f"care: {error}", err=True)
        return EXIT_REFUSED
    except (UsageError, ConfigurationError, StackError) as error:
        typer.echo(f"care: {error}", err=True)
        return EXIT_USAGE
    except (BrokenPipeError, typer.Exit):
        raise  # typer exits without a message if the reader of the output is gone
    except Exception as error:  # noqa: BLE001  (a bug is reported in one line, too)
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} in {Path(where.filename).name}, line {where.lineno}"
        typer.echo(f"care: this is a bug in care: {place}; please report it", err=True)
        return EXIT_USAGE
    return 0
