"""The whole system as real processes on ports of their own, for tests that treat it as its users do."""

from __future__ import annotations

import os
import random
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Final, TypeVar

import anyio
import asyncpg
import httpx
import pytest
from temporalio.client import Client

from care_client.client import CareClient
from care_dev.stack.blocking import blocking
from care_dev.stack.ports import HOST, PORT_COUNT
from care_dev.stack.processes import Part
from care_dev.stack.secrets import Role
from care_dev.stack.stack import Stack, running
from tests.support.plain_http import NO_TLS
from tools import ports

T = TypeVar("T")

PATIENCE: Final = 60.0
"""Seconds after which a condition that is still not true fails its test."""

_PAUSE: Final = 0.1


async def eventually(what: str, probe: Callable[[], Awaitable[T | None]], patience: float = PATIENCE) -> T:
    """Return the first answer of `probe` but None and False; fail, naming `what`, after `patience` seconds."""
    with anyio.move_on_after(patience):
        while True:
            if (found := await probe()) is not None and found is not False:
                return found
            await anyio.sleep(_PAUSE)
    pytest.fail(f"{what} did not happen within {patience:.0f} s")


@contextmanager
def own_ports() -> Iterator[int]:
    """The first port of a stack that no other run of these tests gets while the block lasts.

    The plan's ports are free, and the port before them is held here. The rows start at multiples of their length, so
    whoever holds that port has the whole row among all who ask this function.
    """
    row = PORT_COUNT + 1
    for _ in range(ports.TRIES):
        first = random.randrange(ports.LOWEST, ports.HIGHEST - row, row)  # noqa: S311 - spreads runs, guards nothing
        with socket.socket() as guard:
            try:
                guard.bind((HOST, first))
            except OSError:
                continue
            # Linux lets others bind what is bound, unless it listens.
            guard.listen()
            if ports.is_free(first + 1, PORT_COUNT):
                yield first + 1
                return
    pytest.fail(f"no {row} free ports in a row between {ports.LOWEST} and {ports.HIGHEST}")


class Processes:
    """The reporter of a stack that remembers its processes."""

    def __init__(self) -> None:
        self.pids: dict[str, int] = {}
        """Of each part, the process that was healthy last."""
        self._healthy: Counter[str] = Counter()
        self._awaited: dict[str, int] = {}

    def starting(self, part: Part) -> None:
        """See Reporter."""

    def healthy(self, part: Part, pid: int) -> None:
        self.pids[part.name] = pid
        self._healthy[part.name] += 1

    def ended(self, part: Part, how: str, pause: float) -> None:
        """See Reporter."""

    def kill(self, part: str) -> None:
        """Ends the part as a crash would: kill -9, no warning."""
        self._awaited[part] = self._healthy[part]
        os.kill(self.pids[part], signal.SIGKILL)

    @contextmanager
    def frozen(self, part: str) -> Iterator[None]:
        """Lets the part do nothing while the block lasts; whatever it is asked meanwhile waits."""
        pid = self.pids[part]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):  # it was killed in the meantime
                os.kill(pid, signal.SIGCONT)

    async def back(self) -> None:
        """Returns once everything that was killed is healthy again."""

        async def all_healthy() -> bool:
            return all(self._healthy[part] > before for part, before in self._awaited.items())

        await eventually(f"the restart of {', '.join(self._awaited)}", all_healthy)
        self._awaited.clear()


@dataclass
class System:
    """A running stack, its processes, and clients for it."""

    stack: Stack
    processes: Processes
    private: dict[str, str] = field(default_factory=dict)
    """What customers left, said or were shown, each with what it is: nothing of it is in any log or history."""
    _clients: dict[tuple[str, str, Role], CareClient] = field(default_factory=dict)
    _temporal: Client | None = None
    _exit: AsyncExitStack = field(default_factory=AsyncExitStack)
    _addresses: Iterator[int] = field(default_factory=lambda: cycle(range(1, 255)))

    @property
    def logs(self) -> Path:
        return self.stack.home / "logs"

    def client(self, organization: str, caller: str, role: Role = Role.AGENT) -> CareClient:
        """A client with a token for this caller; one channel for each, closed with the system."""
        key = (organization, caller, role)
        if key not in self._clients:
            client = CareClient.connect(self.stack.urls.grpc, self.stack.token(organization, caller, role))
            self._exit.push_async_callback(client.close)
            self._clients[key] = client
        return self._clients[key]

    async def http(self) -> httpx.AsyncClient:
        """An HTTP client at a network address of its own (RFC 5737), as the pages limit how often one may submit."""
        address = f"198.51.100.{next(self._addresses)}"
        client = httpx.AsyncClient(timeout=30, trust_env=False, verify=NO_TLS, headers={"X-Forwarded-For": address})
        return await self._exit.enter_async_context(client)

    async def temporal(self) -> Client:
        """A client of Temporal."""
        if self._temporal is None:
            self._temporal = await Client.connect(self.stack.urls.temporal)
        return self._temporal

    async def sql(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Runs a statement in the service's database, for what no method shows and for time that is too long."""
        connection = await asyncpg.connect(self.stack.database_url)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    async def close(self) -> None:
        """Closes the clients; the stack belongs to `system`."""
        await self._exit.aclose()

    @asynccontextmanager
    async def temporal_away(self) -> AsyncIterator[None]:
        """Kills Temporal and keeps it away while the block lasts: the port of its UI is taken, so it can't start.

        Its own port stays free, so that whoever calls it is refused at once.
        """
        self.processes.kill("temporal")
        with socket.socket() as holder:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

            async def taken() -> bool:
                try:
                    holder.bind((HOST, self.stack.ports.temporal_ui))
                except OSError:  # the killed process is not quite gone
                    return False
                return True

            await eventually("taking the port of the Temporal UI", taken)
            holder.listen()
            yield


@contextmanager
def system(home: Path, variables: Mapping[str, str] = {}) -> Iterator[System]:
    """Runs a stack below `home`, whose roles get `variables` besides their own, until the block is left."""
    processes = Processes()
    with own_ports() as first_port, ExitStack() as resources:
        with pytest.MonkeyPatch.context() as environment:
            for name, value in variables.items():
                environment.setenv(name, value)
            stack = resources.enter_context(blocking(running(home, first_port, processes)))
        yield System(stack, processes)
