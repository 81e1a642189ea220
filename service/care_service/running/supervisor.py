"""`care serve --processes N`: N processes on one port, because a Python process uses at most one processor core.

The supervisor prepares the database, starts the processes, restarts those that exit, and serves the metrics of all.
Each process serves calls and relays the outbox. The kernel distributes connections to them (SO_REUSEPORT). They are
separate programs rather than forks, because gRPC's threads do not survive a fork.

The supervisor stays small. Of the service, it imports only the configuration, the address checks and the metrics
endpoint. A separate program prepares the database.
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
from care_service.running.addresses import explain_address_errors, require_free_address
from care_service.running.configuration import ServiceSettings
from care_service.running.metrics_endpoint import endpoint

_LOG: Final = logs.get_logger("care.processes")
_FIRST_PAUSE: Final = 0.5
"""Seconds before a process that exited is restarted. The pause doubles with each further exit."""
_LONGEST_PAUSE: Final = 30.0
_STEADY: Final = 60.0
"""After a process has run for this many seconds, the pause is the first one again."""
_BEYOND_DRAIN: Final = 5.0
"""Seconds that a process has, after its drain time, to close its connections."""
_REJECTED: Final = "a process rejected its configuration; the line that it printed says why"


class _Slot:
    """One slot for a process. A process that exits is replaced."""

    def __init__(self, variables: Mapping[str, str], metrics: Path) -> None:
        self._variables = variables
        self._metrics = metrics
        self._process: Process | None = None
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Keeps a process running until `end`. Raises ConfigurationError if the process rejects its configuration."""
        pause = _FIRST_PAUSE
        while not self._ending.is_set():
            began = monotonic()
            status = await self._run_once()
            if self._ending.is_set():
                return
            if status == EXIT_CONFIGURATION:
                raise ConfigurationError(_REJECTED)
            pause = _FIRST_PAUSE if monotonic() - began > _STEADY else pause
            _LOG.error("process exited; restarting", status=status, pause_seconds=pause)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._ending.wait()
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _run_once(self) -> int:
        process = await _start("serving_process", self._variables)
        self._process = process
        try:
            return await process.wait()
        finally:
            # Removes the gauges of the process. The counters stay: Prometheus would treat a falling one as a restart.
            mark_process_dead(process.pid, str(self._metrics))  # type: ignore[no-untyped-call]  # it has no types

    async def end(self, running: asyncio.Task[None], within: timedelta) -> None:
        """Terminates the process, and kills it if it has not exited in time."""
        self._ending.set()
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
        await asyncio.wait({running}, timeout=within.total_seconds() + _BEYOND_DRAIN)
        if self._process is not None and self._process.returncode is None:
            _LOG.error("process did not exit in time; killing it", process=self._process.pid)
            self._process.kill()
        await asyncio.gather(running, return_exceptions=True)


async def _serve(count: int) -> None:
    settings = environment.load(ServiceSettings)
    logs.configure(settings.log_format)
    registry = CollectorRegistry()
    with (
        explain_address_errors(),
        TemporaryDirectory(prefix="care-metrics-") as metrics,
        _hold_address(settings.grpc_address) as address,
        endpoint(settings.metrics_address, registry),
    ):
        MultiProcessCollector(registry, path=metrics)  # type: ignore[no-untyped-call]  # it has no types
        await _prepare()
        variables = os.environ | {"PROMETHEUS_MULTIPROC_DIR": metrics, "CARE_GRPC_ADDRESS": str(address)}
        await _run([_Slot(variables, Path(metrics)) for _ in range(count)], settings.drain_time)


async def _prepare() -> None:
    process = await _start("preparing_process", os.environ)
    try:
        status = await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    if status == EXIT_CONFIGURATION:
        raise ConfigurationError(_REJECTED)
    if status:
        raise RuntimeError(f"the database could not be prepared; the process exited with status {status}")


async def _start(program: str, variables: Mapping[str, str]) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", f"care_service.running.{program}"),
        stdin=PIPE,  # nothing is written to it; a serving process exits when it is closed
        env=dict(variables),  # uvloop accepts no other mapping
        start_new_session=True,  # Ctrl-C must reach only the supervisor: a second signal would not be graceful
    )


async def _run(slots: list[_Slot], drain_time: timedelta) -> None:
    """Runs until cancelled, or until a process rejects its configuration."""
    running = [asyncio.create_task(slot.run()) for slot in slots]
    try:
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        pairs = zip(slots, running, strict=True)
        await asyncio.gather(*(slot.end(task, drain_time) for slot, task in pairs))


@contextmanager
def _hold_address(address: Address) -> Iterator[Address]:
    """Reserves the address for the processes. Yields the address with the actual port. Raises OSError if it is in use.

    The socket does not listen, so the kernel gives it no connections.
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
