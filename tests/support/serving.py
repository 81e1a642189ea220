"""Serves an ASGI app over real HTTP inside the test's event loop, on a port of its own."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals belong to pytest


@asynccontextmanager
async def serve(
    app: ASGIApp, bound: socket.socket | None = None, tls: tuple[Path, Path] | None = None
) -> AsyncIterator[str]:
    """Serve `app` on a free port of 127.0.0.1, or on that of `bound`; yield its base URL, without a slash at the end.

    `tls` is the PEM files of a certificate and its key; without them it is plain HTTP.

    The socket listens before the server starts, so a client may connect at once: it waits for its answer.
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
            server.should_exit = True
            await serving
