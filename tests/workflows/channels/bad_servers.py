"""Servers that return no usable response, each on its own port."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class Recorder:
    """An app that returns the same response to every request, and records the requests."""

    def __init__(self, status: int = 200, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.body = body
        self.headers = headers
        self.requests: list[Request] = []
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.bodies.append(await request.body())
        self.requests.append(request)
        await Response(self.body, self.status, self.headers)(scope, receive, send)


@asynccontextmanager
async def never_answer() -> AsyncIterator[str]:
    """Runs a server that reads the request and never responds. Yields its URL, as the following functions do."""
    stopping = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await stopping.wait()
        writer.close()

    async with _raw(wait) as url:
        try:
            yield url
        finally:
            stopping.set()


@asynccontextmanager
async def answer_slowly() -> AsyncIterator[str]:
    """Sends a byte of its response now and then, and never the last one."""

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 201 Created\r\ncontent-length: 1000000\r\n\r\n{")
        try:
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            writer.close()

    async with _raw(trickle) as url:
        yield url


@asynccontextmanager
async def close_without_answer() -> AsyncIterator[str]:
    """Reads the request and closes the connection without a response."""

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with _raw(close) as url:
        yield url


@asynccontextmanager
async def close_during_answer() -> AsyncIterator[str]:
    """Closes the connection in the middle of its response."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{"sid": ')
        await writer.drain()
        writer.close()

    async with _raw(answer) as url:
        yield url


@asynccontextmanager
async def refuse_connections() -> AsyncIterator[str]:
    """Binds a port, so that no other process gets it, and refuses connections."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@asynccontextmanager
async def _raw(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


PATIENT: Final = 20.0
HASTY: Final = 0.2

UNANSWERED: Final = {
    "refuses connections": (refuse_connections, PATIENT, "CONNECTION"),
    "hangs up": (close_without_answer, PATIENT, "CONNECTION"),
    "breaks off": (close_during_answer, PATIENT, "CONNECTION"),
    "is silent": (never_answer, HASTY, "TIMEOUT"),
    "is slow to the end": (answer_slowly, HASTY, "TIMEOUT"),
}
"""Servers without a complete response: the server, the deadline in seconds, and the reason that an adapter reports."""
