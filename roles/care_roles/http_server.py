"""Serves an ASGI app over HTTP inside a role. The role keeps control of signals and logs."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from types import FrameType
from typing import TYPE_CHECKING, Final

import uvicorn

from care_roles.environment import ConfigurationError
from care_roles.fields import Address

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_SHUTDOWN_SECONDS: Final = 12
"""How long running requests may take to finish. This is longer than any call to the service or to Temporal takes."""
_WHOLE_SECOND: Final = 0
"""The value of uvicorn's counter of tenths of a second at which uvicorn updates the Date header."""


def listen(address: Address, variable: str) -> socket.socket:
    """Listens on ``address``. If that fails, raises ``ConfigurationError``, which names ``variable``."""
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
            server.stop()
            await task


class HttpServer(uvicorn.Server):
    """A uvicorn server whose loop runs once a second. uvicorn's own loop runs ten times as often, even while idle."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stopped = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """Lets running requests finish, then ends `serve`. Call it in the thread of the server's event loop."""
        self.should_exit = True
        self._stopped.set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stops at a signal, at once if it is the second SIGINT."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            # A signal does not wake the event loop by itself.
            self._loop.call_soon_threadsafe(self._stopped.set)

    async def main_loop(self) -> None:
        """Runs until the server is stopped."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(_WHOLE_SECOND):
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._stopped.wait()


class _Server(HttpServer):
    """A server that leaves signals to the role."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]  # a generator, typed as such
        """Captures no signals."""
        return nullcontext()
