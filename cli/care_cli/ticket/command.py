"""Makes a function that works at a `Desk` a command, with the options that say where the desk is and whose."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any, Concatenate, Final, ParamSpec

import typer

from care_cli.stack.errors import StackError
from care_cli.stack.secrets import Role
from care_cli.ticket.connection import Wanted, open_desk
from care_cli.ticket.desk import Desk, NotPossible, UsageError
from care_cli.ticket.failures import EXIT_REFUSED, EXIT_USAGE, exit_status, explain
from care_client.errors import CareError
from care_client.roles.environment import ConfigurationError

_P = ParamSpec("_P")

_PANEL: Final = "Where, and as whom"


def _options(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (proto3), one object a line.")] = False,
    organization: Annotated[
        str | None,
        typer.Option(
            "--organization",
            "--org",
            envvar="CARE_ORGANIZATION",
            help="Organization's id; otherwise that of the token.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="host:port of the service; otherwise CARE_SERVICE_ADDRESS.", rich_help_panel=_PANEL),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(help="Bearer token; otherwise CARE_TOKEN or CARE_TOKEN_FILE.", rich_help_panel=_PANEL),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a stack of `care up`, to work on that one.", rich_help_panel=_PANEL, readable=False
        ),
    ] = None,
    agent: Annotated[
        str | None, typer.Option(help="On such a stack: as whom.", show_default="alice", rich_help_panel=_PANEL)
    ] = None,
    role: Annotated[
        Role | None, typer.Option(help="On such a stack: as what.", show_default="agent", rich_help_panel=_PANEL)
    ] = None,
) -> Wanted:
    """The options that all commands share."""
    return Wanted(as_json, organization, address, token, home, agent, role)


def command(work: Callable[Concatenate[Desk, _P], Awaitable[None]]) -> Callable[..., None]:
    """Return the command that does `work`: typer reads its options from the signature made here."""
    shared = inspect.signature(_options, eval_str=True).parameters
    any_work: Callable[..., Awaitable[None]] = work
    own = list(inspect.signature(work, eval_str=True).parameters.values())[1:]

    @wraps(work)
    def run(**given: Any) -> None:  # noqa: ANN401  (typer's values)
        wanted = _options(**{name: given.pop(name) for name in shared})
        raise typer.Exit(_run(wanted, partial(any_work, **given)))

    signature = inspect.Signature([_keyword(parameter) for parameter in [*own, *shared.values()]])
    run.__signature__ = signature  # type: ignore[attr-defined]  # what `inspect.signature` looks at first
    run.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    return run


def _keyword(parameter: inspect.Parameter) -> inspect.Parameter:
    return parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)


def _run(wanted: Wanted, work: Callable[[Desk], Awaitable[None]]) -> int:
    """Do it, and return the exit status: whatever goes wrong is one line on standard error."""

    async def at_desk() -> None:
        async with open_desk(wanted) as desk:
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
        raise  # typer ends quietly where nobody reads any more
    except Exception as error:  # noqa: BLE001  (a mistake of ours is one line, too)
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} in {Path(where.filename).name}, line {where.lineno}"
        typer.echo(f"care: this is a mistake in the program: {place}; please report it", err=True)
        return EXIT_USAGE
    return 0
