"""Runs the whole system as real processes on free ports, for end-to-end tests."""

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

TIMEOUT: Final = 60.0
"""A test fails if a condition is not met within this many seconds."""

_PAUSE: Final = 0.1


async def eventually(what: str, probe: Callable[[], Awaitable[T | None]], timeout: float = TIMEOUT) -> T:
    """Calls `probe` until it returns neither None nor False, and returns that value.

    Fails the test, with `what` in the message, after `timeout` seconds.
    """
    with anyio.move_on_after(timeout):
        while True:
            if (found := await probe()) is not None and found is not False:
                return found
            await anyio.sleep(_PAUSE)
    pytest.fail(f"{what} did not happen within {timeout:.0f} s")


@contextmanager
def own_ports() -> Iterator[int]:
    """Yields the first port of a range of free ports that no other test run uses until the block exits.

    This function listens on the port before the range. Ranges start at multiples of their length, so only one caller
    on this machine can hold that port, and with it the range.
    """
    length = PORT_COUNT + 1
    for _ in range(ports.ATTEMPTS):
        first = random.randrange(ports.LOWEST, ports.HIGHEST - length, length)  # noqa: S311 - not for security
        with socket.socket() as guard:
            try:
                guard.bind((HOST, first))
            except OSError:
                continue
            # Linux lets other sockets bind a bound port unless it listens.
            guard.listen()
            if ports.is_free(first + 1, PORT_COUNT):
                yield first + 1
                return
    pytest.fail(f"no {length} free ports in a row between {ports.LOWEST} and {ports.HIGHEST}")


class Processes:
    """A reporter that records the processes of a stack, so that tests can kill and stop them."""

    def __init__(self) -> None:
        self.pids: dict[str, int] = {}
        """By part, the process id of the last healthy process."""
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
        """Kills the part with SIGKILL, as a crash would."""
        self._awaited[part] = self._healthy[part]
        os.kill(self.pids[part], signal.SIGKILL)

    @contextmanager
    def frozen(self, part: str) -> Iterator[None]:
        """Stops the part with SIGSTOP until the block exits. Requests to it wait."""
        pid = self.pids[part]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):  # the part was killed meanwhile
                os.kill(pid, signal.SIGCONT)

    async def back(self) -> None:
        """Waits until all killed parts are healthy again."""

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
    """Personal texts with a description of each. No log and no workflow history may contain one."""
    _clients: dict[tuple[str, str, Role], CareClient] = field(default_factory=dict)
    _temporal: Client | None = None
    _exit: AsyncExitStack = field(default_factory=AsyncExitStack)
    _addresses: Iterator[int] = field(default_factory=lambda: cycle(range(1, 255)))

    @property
    def logs(self) -> Path:
        return self.stack.home / "logs"

    def client(self, organization: str, caller: str, role: Role = Role.AGENT) -> CareClient:
        """Returns a client with a token for this caller. Each caller has one channel, closed with the system."""
        key = (organization, caller, role)
        if key not in self._clients:
            client = CareClient.connect(self.stack.urls.grpc, self.stack.token(organization, caller, role))
            self._exit.push_async_callback(client.close)
            self._clients[key] = client
        return self._clients[key]

    async def http(self) -> httpx.AsyncClient:
        """Returns an HTTP client with its own address (RFC 5737), because the pages limit submissions by address."""
        address = f"198.51.100.{next(self._addresses)}"
        client = httpx.AsyncClient(timeout=30, trust_env=False, verify=NO_TLS, headers={"X-Forwarded-For": address})
        return await self._exit.enter_async_context(client)

    async def temporal(self) -> Client:
        """Returns a client of Temporal."""
        if self._temporal is None:
            self._temporal = await Client.connect(self.stack.urls.temporal)
        return self._temporal

    async def sql(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Runs a statement in the service's database: reads what no method returns, or sets times in the past."""
        connection = await asyncpg.connect(self.stack.database_url)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    async def close(self) -> None:
        """Closes the clients. `system` stops the stack."""
        await self._exit.aclose()

    @asynccontextmanager
    async def temporal_away(self) -> AsyncIterator[None]:
        """Kills Temporal and keeps it from starting until the block exits, by listening on the port of its UI.

        The server's own port stays free, so connections to the server are refused at once.
        """
        self.processes.kill("temporal")
        with socket.socket() as holder:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

            async def taken() -> bool:
                try:
                    holder.bind((HOST, self.stack.ports.temporal_ui))
                except OSError:  # the killed process has not exited yet
                    return False
                return True

            await eventually("taking the port of the Temporal UI", taken)
            holder.listen()
            yield


@contextmanager
def system(home: Path, variables: Mapping[str, str] = {}) -> Iterator[System]:
    """Runs a stack in `home` until the block exits. Its roles get `variables` in addition to their own."""
    processes = Processes()
    with own_ports() as first_port, ExitStack() as resources:
        with pytest.MonkeyPatch.context() as environment:
            for name, value in variables.items():
                environment.setenv(name, value)
            stack = resources.enter_context(blocking(running(home, first_port, processes)))
        yield System(stack, processes)
