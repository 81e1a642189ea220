"""Serves an ASGI app over HTTP as a part of a role: on an address of its own, signals and logs left to the role."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Final

import uvicorn

from care_roles.environment import ConfigurationError
from care_roles.fields import Address

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_SHUTDOWN_SECONDS: Final = 12
"""How long requests under way may take to end; longer than the longest call to the service or to Temporal."""


def listen(address: Address, variable: str) -> socket.socket:
    """Listen on ``address``, which came from ``variable``; raises ``ConfigurationError``."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family)
    except OSError as error:
        problem = f"cannot listen on {address}: {error.strerror}; set {variable} to another address or port"
        raise ConfigurationError(problem) from error


@asynccontextmanager
async def serving(app: "ASGIApp", listener: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """Serve ``app`` while the context is open; then let requests under way end, and close ``listener``.

    Gives the task that serves, which ends by itself only where it fails.
    """
    config = uvicorn.Config(
        app,
        access_log=False,  # paths can hold the tokens of links
        log_config=None,  # its logs go where the role's own go
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    server = _Server(config)
    with listener:
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield task
        finally:
            server.should_exit = True
            await task


class _Server(uvicorn.Server):
    """Leaves signals to the role."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]  # a generator, typed as such
        """Take none."""
        return nullcontext()
