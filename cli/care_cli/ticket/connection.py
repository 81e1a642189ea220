"""Which service a command talks to, and as whom: by its options, the environment, or a stack of `care up`."""

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
from care_dev.demo.cast import AGENT, ORGANIZATION
from care_dev.stack import home as homes
from care_dev.stack.ports import HOST
from care_dev.stack.secrets import Role, mint
from care_roles import environment
from care_roles.service import AuthorizedConnection

_ENCRYPTION: Final = ("CARE_SERVICE_CA", "CARE_SERVICE_CERTIFICATE", "CARE_SERVICE_KEY")


@dataclass(frozen=True)
class Wanted:
    """What the options say."""

    as_json: bool
    organization: str | None
    address: str | None
    token: str | None
    home: Path | None
    agent: str | None
    role: Role | None


@asynccontextmanager
async def open_desk(wanted: Wanted) -> AsyncIterator[Desk]:
    """Connect. Raises ConfigurationError, StackError or UsageError where it is not clear where to, or as whom."""
    settings = environment.load(AuthorizedConnection, _variables(wanted))
    if settings.token_source is None:
        raise UsageError(
            "who is calling? set CARE_TOKEN or CARE_TOKEN_FILE, or run `make up` and name its folder: --home .care"
        )
    claims = _claims(await token_source(settings.token_source).current())
    async with settings.connect(user_agent="care-ticket") as care:
        yield Desk(care, wanted.organization or claims.get("org", ""), claims.get("sub", ""), Output(wanted.as_json))


def _variables(wanted: Wanted) -> dict[str, str]:
    """Return the environment as the options change it."""
    variables = dict(os.environ)
    if wanted.token:
        variables.pop("CARE_TOKEN_FILE", None)
        variables["CARE_TOKEN"] = wanted.token
    elif _uses_stack(wanted):
        home = wanted.home or homes.DEFAULT
        for name in (*_ENCRYPTION, "CARE_TOKEN_FILE"):
            variables.pop(name, None)
        # First: where nothing runs, no keys are made either.
        variables["CARE_SERVICE_ADDRESS"] = _address(home)
        variables["CARE_TOKEN"] = _mint(wanted, home)
    if wanted.address:
        variables["CARE_SERVICE_ADDRESS"] = wanted.address
    return variables


def _uses_stack(wanted: Wanted) -> bool:
    """Tell whether a stack of this machine is meant: it is named, or there is no token but a stack."""
    if wanted.home or wanted.agent or wanted.role:
        return True
    has_token = any(os.environ.get(name) for name in ("CARE_TOKEN", "CARE_TOKEN_FILE"))
    return not has_token and homes.state(homes.DEFAULT) is not None


def _mint(wanted: Wanted, home: Path) -> str:
    role = wanted.role or Role.AGENT
    agent = wanted.agent or (AGENT if role.is_person else None)
    return mint(home, wanted.organization or ORGANIZATION, agent, role)


def _address(home: Path) -> str:
    state = homes.state(home)
    if state is None:
        raise UsageError(f"no stack runs in {home}: start one with `make up`, or name its folder with --home")
    return f"{HOST}:{state.ports.grpc}"


def _claims(token: str) -> dict[str, str]:
    """Return what the token says of its bearer, for convenience alone: it is the service that checks it."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return {}
    return {name: value for name, value in claims.items() if isinstance(value, str)}
