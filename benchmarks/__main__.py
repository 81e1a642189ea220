"""Measures reads and writes of the service and of a bare stack alternately, and prints their ratio.

    python -m benchmarks [calls per round]

The main figure is the server process's CPU time per call. It determines how many calls one process can serve, and other
load on the machine hardly affects it. Each figure is the median of all rounds.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
import tempfile
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from types import MappingProxyType
from typing import Final

import jwt
import psutil

from care.v1.conversation_service_pb2 import AddNoteRequest
from care.v1.ticket_pb2 import Ticket
from care.v1.ticket_service_pb2 import CreateTicketRequest, GetTicketRequest, TakeTicketRequest
from care_client.client import CareClient
from care_dev.stack import health
from care_dev.stack.postgres import postgres

_ROUNDS: Final = 5
_CONCURRENCY: Final = 16
_TICKETS: Final = 64
_PARENT: Final = "organizations/bench"

Call = Callable[[CareClient, int], Awaitable[object]]


async def _read(client: CareClient, index: int) -> object:
    name = f"{_PARENT}/tickets/{index % _TICKETS + 1}"
    response = await client.tickets.GetTicket(GetTicketRequest(name=name))
    assert response.ticket.subject == "Cold soup"
    return response


async def _write(client: CareClient, index: int) -> object:
    parent = f"{_PARENT}/tickets/{index % _TICKETS + 1}"
    response = await client.conversations.AddNote(AddNoteRequest(parent=parent, text="Called back."))
    assert response.message.text == "Called back."
    return response


@asynccontextmanager
async def _process(
    *arguments: str, environment: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[tuple[psutil.Process, asyncio.StreamReader]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        yield psutil.Process(process.pid), process.stdout
    finally:
        process.terminate()
        await process.wait()


async def _measure(server: psutil.Process, client: CareClient, call: Call, count: int) -> tuple[float, float]:
    """Returns the server's CPU time per call in microseconds, and the calls per second."""
    indices = iter(range(count))

    async def work() -> None:
        for index in indices:
            await call(client, index)

    cpu_before, start = server.cpu_times(), perf_counter()
    await asyncio.gather(*(work() for _ in range(_CONCURRENCY)))
    duration, cpu_after = perf_counter() - start, server.cpu_times()
    cpu = cpu_after.user + cpu_after.system - cpu_before.user - cpu_before.system
    return cpu / count * 1e6, count / duration


async def _prepare(client: CareClient) -> None:
    for number in range(1, _TICKETS + 1):
        ticket = Ticket(subject="Cold soup", location=f"{_PARENT}/locations/soho")
        created = await client.tickets.CreateTicket(CreateTicketRequest(parent=_PARENT, ticket=ticket))
        assert created.ticket.number == number
        await client.tickets.TakeTicket(TakeTicketRequest(name=created.ticket.name))


async def _compare(
    bare: tuple[psutil.Process, CareClient], care: tuple[psutil.Process, CareClient], count: int
) -> None:
    for name, call in (("read (GetTicket)", _read), ("write (AddNote)", _write)):
        results: dict[str, list[tuple[float, float]]] = {"bare": [], "care": []}
        for _ in range(_ROUNDS):
            for side, (process, client) in (("bare", bare), ("care", care)):
                results[side].append(await _measure(process, client, call, count))
        cpu = {side: median(each[0] for each in rounds) for side, rounds in results.items()}
        rate = {side: median(each[1] for each in rounds) for side, rounds in results.items()}
        print(
            f"{name:18} {cpu['care'] / cpu['bare']:.2f} times the bare stack's CPU time per call"
            f" ({cpu['care']:.0f} us, bare {cpu['bare']:.0f} us);"
            f" {rate['care']:.0f} calls/s, bare {rate['bare']:.0f}"
        )


async def _run(url: str, bare_url: str, count: int) -> None:
    key, port = secrets.token_bytes(32), _free_port()
    variables = {
        "CARE_DATABASE_URL": url,
        "CARE_GRPC_ADDRESS": f"127.0.0.1:{port}",
        "CARE_TOKEN_KEY": urlsafe_b64encode(key).decode(),
        "CARE_LINK_KEYS": f"k1:{secrets.token_urlsafe(32)}",
        "CARE_WEB_URL": "https://care.example",
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
    }
    claims = {"sub": "alice", "org": "bench", "roles": ["agent"], "exp": datetime.now(UTC) + timedelta(hours=1)}
    async with (
        _process("-m", "benchmarks.bare", bare_url) as (bare, output),
        _process("-m", "care_cli", "serve", environment=variables) as (care, _),
        CareClient.connect(f"127.0.0.1:{int(await output.readline())}") as bare_client,
        CareClient.connect(f"127.0.0.1:{port}", jwt.encode(claims, key, algorithm="HS256")) as client,
    ):
        await health.grpc_serving(f"127.0.0.1:{port}")
        await _prepare(client)
        for side in (bare_client, client):  # warm up
            await _measure(care, side, _read, count // 4)
            await _measure(care, side, _write, count // 4)
        await _compare((bare, bare_client), (care, client), count)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def main() -> None:
    """Runs the benchmarks on a temporary PostgreSQL."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    with tempfile.TemporaryDirectory(prefix="care-bench-") as folder:
        Path(folder).chmod(0o711)  # if this account is root, PostgreSQL runs as another one
        with postgres(Path(folder)) as server:
            asyncio.run(_run(server.create_database("care"), server.create_database("bare"), count))


if __name__ == "__main__":
    main()
