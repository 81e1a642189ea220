"""Serves an ASGI app over HTTP in the test's event loop, on a free port."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp

_PAUSE: Final = 0.005
"""Seconds between two checks whether all connections are closed. uvicorn has no event for this."""


class _Server(uvicorn.Server):
    """Uvicorn's server without its pauses of 0.25 s at start and stop. Tests start and stop hundreds of servers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopped = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # pytest handles signals

    async def main_loop(self) -> None:
        await self.on_tick(0)  # sets the default headers of responses
        await self.stopped.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 - there is no event
                    await asyncio.sleep(_PAUSE)
        except TimeoutError:
            for task in self.server_state.tasks:
                task.cancel()


@asynccontextmanager
async def serve(
    app: ASGIApp, bound: socket.socket | None = None, tls: tuple[Path, Path] | None = None
) -> AsyncIterator[str]:
    """Serves `app` on the port of `bound` or a free port of 127.0.0.1. Yields the base URL without a trailing slash.

    `tls` has the PEM files of a certificate and its key; None means plain HTTP.

    The socket listens before the server starts, so a client may connect at once and waits for its response.
    """
    with bound or socket.create_server(("127.0.0.1", 0)) as listener:
        listener.listen()
        server = _Server(
            uvicorn.Config(
                app,
                access_log=False,
                log_config=None,
                lifespan="off",
                timeout_graceful_shutdown=1,
                ssl_certfile=tls[0] if tls else None,
                ssl_keyfile=tls[1] if tls else None,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.stopped.set()
            await serving
