"""Connects a command to the service that its options, the environment or a running `care up` stack name."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jwt

from care_cli.ticket.desk import Desk, UsageError
from care_cli.ticket.output import Output
from care_client.tokens import token_source
from care_dev.demo.identity import AGENT, ORGANIZATION
from care_dev.stack import home as homes
from care_dev.stack.ports import HOST
from care_dev.stack.secrets import Role, mint
from care_roles import environment
from care_roles.service import AuthorizedConnection

_ENCRYPTION: Final = ("CARE_SERVICE_CA", "CARE_SERVICE_CERTIFICATE", "CARE_SERVICE_KEY")


@dataclass(frozen=True)
class ConnectionOptions:
    """The values of the connection options."""

    as_json: bool
    organization: str | None
    address: str | None
    token: str | None
    home: Path | None
    agent: str | None
    role: Role | None


@asynccontextmanager
async def open_desk(options: ConnectionOptions) -> AsyncIterator[Desk]:
    """Connects to the service. Raises ConfigurationError, StackError or UsageError if the options do not suffice."""
    settings = environment.load(AuthorizedConnection, _variables(options))
    if settings.token_source is None:
        raise UsageError(
            "no token: set CARE_TOKEN or CARE_TOKEN_FILE, or run `make up` and name its folder: --home .care"
        )
    claims = _claims(await token_source(settings.token_source).current())
    async with settings.connect(user_agent="care-ticket") as care:
        yield Desk(care, options.organization or claims.get("org", ""), claims.get("sub", ""), Output(options.as_json))


def _variables(options: ConnectionOptions) -> dict[str, str]:
    """Returns the environment variables, changed by the options."""
    variables = dict(os.environ)
    if options.token:
        variables.pop("CARE_TOKEN_FILE", None)
        variables["CARE_TOKEN"] = options.token
    elif _uses_stack(options):
        home = options.home or homes.DEFAULT
        for name in (*_ENCRYPTION, "CARE_TOKEN_FILE"):
            variables.pop(name, None)
        # The address is looked up first. If no stack runs in `home`, this fails before keys are created there.
        variables["CARE_SERVICE_ADDRESS"] = _address(home)
        variables["CARE_TOKEN"] = _mint(options, home)
    if options.address:
        variables["CARE_SERVICE_ADDRESS"] = options.address
    return variables


def _uses_stack(options: ConnectionOptions) -> bool:
    """Tells whether to use a local stack: if an option asks for one, or if no token is set and a stack runs."""
    if options.home or options.agent or options.role:
        return True
    has_token = any(os.environ.get(name) for name in ("CARE_TOKEN", "CARE_TOKEN_FILE"))
    return not has_token and homes.state(homes.DEFAULT) is not None


def _mint(options: ConnectionOptions, home: Path) -> str:
    role = options.role or Role.AGENT
    agent = options.agent or (AGENT if role.is_person else None)
    return mint(home, options.organization or ORGANIZATION, agent, role)


def _address(home: Path) -> str:
    state = homes.state(home)
    if state is None:
        raise UsageError(f"no stack runs in {home}: start one with `make up`, or name its folder with --home")
    return f"{HOST}:{state.ports.grpc}"


def _claims(token: str) -> dict[str, str]:
    """Returns the token's claims that are strings. They are used only as defaults, so they are not verified here."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return {}
    return {name: value for name, value in claims.items() if isinstance(value, str)}
