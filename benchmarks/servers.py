"""Runs the measured servers as processes of their own."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from care_client.client import CareClient
from care_dev.stack import health
from care_dev.stack.processes import inherited_environment
from care_dev.stack.secrets import Role, sign

NOWHERE: Final = "127.0.0.1:1"
"""An address where no Temporal server listens. The service also works without Temporal."""

_CARE: Final = ("-m", "care_cli", "serve")
_BARE: Final = ("-m", "benchmarks.bare")


@dataclass(frozen=True, slots=True)
class Server:
    """A running gRPC server."""

    pid: int
    address: str


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of all service processes of a run. Processes that share a database must have the same keys."""

    token: str = field(default_factory=lambda: urlsafe_b64encode(secrets.token_bytes(48)).decode())
    link: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    def mint(self, organization: str | None, subject: str, role: Role) -> str:
        """Returns a bearer token."""
        return sign(self.token, organization, subject, role)


@asynccontextmanager
async def serve_care(
    url: str, keys: Keys, *, temporal: str = NOWHERE, variables: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[Server]:
    """Runs `care serve` on a database until the block ends. The block begins when the service is SERVING."""
    address = f"127.0.0.1:{_free_port()}"
    environment = {
        "CARE_DATABASE_URL": url,
        "CARE_GRPC_ADDRESS": address,
        "CARE_TOKEN_KEY": keys.token,
        "CARE_LINK_KEYS": f"k1:{keys.link}",
        "CARE_WEB_URL": "https://care.example",
        "TEMPORAL_ADDRESS": temporal,
        "TEMPORAL_CONFIG_FILE": os.devnull,
    }
    async with run_program(*_CARE, environment=environment | dict(variables), errors=DEVNULL) as process:
        await health.grpc_serving(address)
        yield Server(process.pid, address)


@asynccontextmanager
async def serve_bare(url: str) -> AsyncIterator[Server]:
    """Runs the bare stack on an empty database until the block ends."""
    async with run_program(*_BARE, url) as process:
        assert process.stdout is not None
        yield Server(process.pid, f"127.0.0.1:{int(await process.stdout.readline())}")


@asynccontextmanager
async def run_program(
    *arguments: str, environment: Mapping[str, str] = MappingProxyType({}), errors: int | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Runs Python with these arguments until the block ends. The caller may read the program's output.

    `errors` is passed to asyncio as `stderr`. By default, the program shares the standard error of this process.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *arguments), env={**inherited_environment(), **environment}, stdout=PIPE, stderr=errors
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def connect(server: Server, token: str | None = None) -> CareClient:
    """Returns a client of a server. The caller closes it."""
    return CareClient.connect(server.address, token)
