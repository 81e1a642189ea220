"""`care serve --processes N`: N processes on one port, as a Python process uses one processor core at most.

The parent prepares the database, starts the others, starts again what died, and answers for all at the metrics
address. Each serves calls and relays the outbox, and the kernel spreads connections over them (SO_REUSEPORT). They are
programs of their own rather than forks: gRPC's threads do not survive a fork.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from care_roles import environment, logs
from care_roles.environment import EXIT_CONFIGURATION, ConfigurationError
from care_roles.fields import Address
from care_roles.temporal import connect_config
from care_service.running.application import prepare, require_free_address
from care_service.running.configuration import ServiceSettings
from care_service.running.main import explain_errors
from care_service.running.metrics_endpoint import endpoint
from care_service.storage.database import Database

_LOG: Final = logs.get_logger("care.processes")
_FIRST_PAUSE: Final = 0.5
"""Seconds before a process that died is started again; doubled with each further death."""
_LONGEST_PAUSE: Final = 30.0
_STEADY: Final = 60.0
"""A process that ran this many seconds begins again with the first pause."""
_BEYOND_DRAIN: Final = 5.0
"""Seconds that a process has, after its calls, for closing what it opened."""


class _Slot:
    """One slot for a process. A process that dies is replaced."""

    def __init__(self, variables: Mapping[str, str], metrics: Path) -> None:
        self._variables = variables
        self._metrics = metrics
        self._process: Process | None = None
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Keeps a process running until `end`; raises ConfigurationError where it refuses to."""
        pause = _FIRST_PAUSE
        while not self._ending.is_set():
            began = monotonic()
            status = await self._run_once()
            if self._ending.is_set():
                return
            if status == EXIT_CONFIGURATION:
                raise ConfigurationError("a process refused its configuration; its own line says why")
            pause = _FIRST_PAUSE if monotonic() - began > _STEADY else pause
            _LOG.error("a process died; it is started again", status=status, pause_seconds=pause)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._ending.wait()
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _run_once(self) -> int:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "care_service.running.serving_process"),
            stdin=PIPE,  # never written to: its end is ours
            env=self._variables,
            start_new_session=True,  # Ctrl-C reaches us alone: their second signal would not be graceful
        )
        self._process = process
        try:
            return await process.wait()
        finally:
            # Its counts stay, as Prometheus takes a counter that falls for a restart; what it had at that moment goes.
            mark_process_dead(process.pid, str(self._metrics))  # type: ignore[no-untyped-call]  # it has no types

    async def end(self, running: asyncio.Task[None], within: timedelta) -> None:
        """Lets the process end in good order, and ends it where it does not."""
        self._ending.set()
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
        await asyncio.wait({running}, timeout=within.total_seconds() + _BEYOND_DRAIN)
        if self._process is not None and self._process.returncode is None:
            _LOG.error("a process did not end in time; it is killed", process=self._process.pid)
            self._process.kill()
        await asyncio.gather(running, return_exceptions=True)


async def _serve(count: int) -> None:
    settings = environment.load(ServiceSettings)
    logs.configure(settings.log_format)
    connect_config()
    registry = CollectorRegistry()
    with (
        explain_errors(settings),
        TemporaryDirectory(prefix="care-metrics-") as metrics,
        _hold_address(settings.grpc_address) as address,
        endpoint(settings.metrics_address, registry),
    ):
        MultiProcessCollector(registry, path=metrics)  # type: ignore[no-untyped-call]  # it has no types
        await _prepare(settings)
        variables = os.environ | {"PROMETHEUS_MULTIPROC_DIR": metrics, "CARE_GRPC_ADDRESS": str(address)}
        await _run([_Slot(variables, Path(metrics)) for _ in range(count)], settings.drain_time)


async def _prepare(settings: ServiceSettings) -> None:
    database = Database(settings.database_url, pool_size=1)
    try:
        await prepare(settings, database)
    finally:
        await database.close()


async def _run(members: list[_Slot], drain_time: timedelta) -> None:
    """Runs until cancelled, or until one refuses its configuration."""
    running = [asyncio.create_task(member.run()) for member in members]
    try:
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        pairs = zip(members, running, strict=True)
        await asyncio.gather(*(member.end(task, drain_time) for member, task in pairs))


@contextmanager
def _hold_address(address: Address) -> Iterator[Address]:
    """Keeps the address for our processes, and names the port where any would do; raises OSError where it is taken.

    The kernel gives no connection to a socket that does not listen.
    """
    require_free_address(address)
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((address.host, address.port))
        yield Address(address.host, holder.getsockname()[1])


def main(count: int) -> int:
    """Runs `count` processes until SIGTERM or SIGINT; returns the exit status."""
    return environment.run(partial(_serve, count), "serve")
