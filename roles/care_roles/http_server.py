"""Serves an ASGI app over HTTP inside a role. The role keeps control of signals and logs."""

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
"""How long running requests may take to finish: longer than the longest call to the service or to Temporal."""


def listen(address: Address, variable: str) -> socket.socket:
    """Listens on ``address``. Raises ``ConfigurationError``, which names ``variable``, the source of the address."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family)
    except OSError as error:
        problem = f"cannot listen on {address}: {error.strerror}; set {variable} to another address or port"
        raise ConfigurationError(problem) from error


@asynccontextmanager
async def serving(app: "ASGIApp", listener: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """Serves ``app`` while the context is open; then lets running requests finish, and closes ``listener``.

    Yields the serving task. It ends early only if it fails.
    """
    config = uvicorn.Config(
        app,
        access_log=False,  # paths can hold link tokens
        log_config=None,  # uvicorn logs through the role's configuration
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
    """A uvicorn server that leaves signals to the role."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]  # a generator, typed as such
        """Captures no signals."""
        return nullcontext()
