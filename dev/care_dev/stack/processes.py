"""The supervisor: runs the parts of a stack as processes, restarts those that end, and stops all in reverse order."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from types import TracebackType
from typing import Final, Protocol, Self

import anyio
import anyio.lowlevel
from anyio.abc import Process, TaskGroup

from care_dev.stack import failures, launch
from care_dev.stack.errors import StackError, convert_os_errors

FIRST_PAUSE: Final = 0.5
"""Seconds before the first restart of a part. Each further restart doubles the pause."""

LONGEST_PAUSE: Final = 30.0
"""The longest pause before a restart, in seconds."""

STEADY: Final = 60.0
"""After a part has run this many seconds, its next restart has the first pause again."""

GRACE: Final = 20.0
"""How long, in seconds, a part may take by default to end after the stop signal."""

_TAIL_LINES: Final = 15
"""How many of the last log lines of a failed part are shown."""

_FOREIGN_VARIABLES: Final = ("CARE_", "TEMPORAL_", "PG")
"""Prefixes of the variables that configure Care, Temporal and PostgreSQL. The parts don't inherit such variables."""


def inherited_environment() -> dict[str, str]:
    """Returns this process's environment variables, without those that would reconfigure a part."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN_VARIABLES)}


async def _prepare_nothing() -> None:
    """The default of `Part.prepare`."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process of the stack."""

    name: str
    """Short and unique. It is also the name of the log file."""
    title: str
    """The name on the console."""
    command: Sequence[str]
    """The program with its full path, and its arguments."""
    healthy: Callable[[], Awaitable[None]]
    """Returns when the running part is healthy, or raises StackError."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The part's variables besides the `inherited_environment`. `repr` leaves them out, because they contain keys."""
    data: Path | None = None
    """The file or folder of the part's data, for error messages."""
    prepare: Callable[[], Awaitable[None]] = _prepare_nothing
    """Runs before each start."""
    stop_signal: Signals = SIGTERM
    """The signal that asks the process to end gracefully."""
    death_signal: Signals = SIGKILL
    """The signal that the kernel sends to the part if the supervisor's process ends first (Linux only)."""
    grace: float = GRACE
    """Seconds from the stop signal until the process is killed."""
    account: launch.Account | None = None
    """The account to run under; None for the account of this process."""


class Reporter(Protocol):
    """Receives the events of the parts."""

    def starting(self, part: Part) -> None:
        """The part starts for the first time."""

    def healthy(self, part: Part, pid: int) -> None:
        """The part is healthy, for the first time or again, as process `pid`."""

    def ended(self, part: Part, how: str, pause: float) -> None:
        """The part ended unexpectedly and restarts in `pause` seconds. `how` describes how it ended."""


class Silent:
    """A reporter that ignores all events."""

    def starting(self, part: Part) -> None:
        """Ignores the event."""

    def healthy(self, part: Part, pid: int) -> None:
        """Ignores the event."""

    def ended(self, part: Part, how: str, pause: float) -> None:
        """Ignores the event."""


class Supervisor:
    """An asynchronous context manager that owns the processes started through it. The end of its block stops them all.

    Each part has its own session and process group, so Ctrl-C in a terminal reaches only the supervisor's process. The
    output of a part goes to `logs`/<name>.log.
    """

    def __init__(self, logs: Path, reporter: Reporter | None = None) -> None:
        self._logs = logs
        self._reporter: Reporter = reporter or Silent()
        self._running: list[_Supervised] = []
        self._tasks: TaskGroup = anyio.create_task_group()

    async def __aenter__(self) -> Self:
        with convert_os_errors(self._logs):
            self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self.stop()
        # The block's error propagates unchanged. It is not passed to the group, which would wrap it in an exception
        # group. The group's tasks raise no errors.
        await self._tasks.__aexit__(None, None, None)

    async def start(self, *parts: Part) -> None:
        """Starts `parts` at the same time and waits until all are healthy. From then on, a part that ends is restarted.

        If a part fails, stops all `parts`, and raises StackError with the last lines of this part's log.
        """
        supervised = [_Supervised(part, self._logs / f"{part.name}.log", self._reporter) for part in parts]
        failures: list[StackError] = []

        async def wait_for(one: _Supervised, group: TaskGroup) -> None:
            failure = await one.first_outcome()
            if failure:
                failures.append(failure)
                group.cancel_scope.cancel()

        for one in supervised:
            self._running.append(one)
            self._tasks.start_soon(one.run)
        async with anyio.create_task_group() as group:
            for one in supervised:
                group.start_soon(wait_for, one, group)
        if failures:
            with anyio.CancelScope(shield=True):
                for one in reversed(supervised):
                    await one.stop()
            raise failures[0]

    async def stop(self) -> None:
        """Stops all parts, in the reverse order of their starts."""
        while self._running:
            await self._running.pop().stop()


class _Supervised:
    """One part with its current process."""

    def __init__(self, part: Part, log: Path, reporter: Reporter) -> None:
        self.part = part
        self._log = log
        self._reporter = reporter
        # Shielded, so that only `stop` ends a part. Parts then stop in order even if everything is cancelled at once.
        self._scope = anyio.CancelScope(shield=True)
        self._first_start_ended = anyio.Event()
        self._failure: StackError | None = None
        self._has_ended = anyio.Event()

    async def first_outcome(self) -> StackError | None:
        """Waits until the first start has ended. Returns None if the part is healthy, and the failure otherwise."""
        await self._first_start_ended.wait()
        return self._failure

    async def run(self) -> None:
        """Keeps the part running until `stop`, or until the first start fails."""
        try:
            with self._scope:
                # `stop` may have been called before this task first ran.
                await anyio.lowlevel.checkpoint()
                self._reporter.starting(self.part)
                await self._keep_running()
        except StackError as error:
            self._failure = error
            self._first_start_ended.set()
        finally:
            self._has_ended.set()

    async def stop(self) -> None:
        """Stops the part and waits until its process has ended."""
        self._scope.cancel()
        await self._has_ended.wait()

    async def _keep_running(self) -> None:
        pause = FIRST_PAUSE
        while True:
            began = anyio.current_time()
            try:
                async with self._process() as (process, log_start):
                    await self._await_health(process, log_start)
                    self._reporter.healthy(self.part, process.pid)
                    self._first_start_ended.set()
                    how = f"{self.part.title}: {_ending(await process.wait())}"
            except StackError as error:
                if not self._first_start_ended.is_set():
                    raise
                how = str(error).splitlines()[0]
            if anyio.current_time() - began > STEADY:
                pause = FIRST_PAUSE
            self._reporter.ended(self.part, how, pause)
            await anyio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _await_health(self, process: Process, log_start: int) -> None:
        ended: int | None = None
        failure: StackError | None = None

        async with anyio.create_task_group() as group:

            async def watch() -> None:
                nonlocal ended
                ended = await process.wait()
                group.cancel_scope.cancel()

            group.start_soon(watch)
            try:
                await self.part.healthy()
            except StackError as error:
                failure = error
            group.cancel_scope.cancel()

        if ended is None and failure is None:
            return
        lines = self._last_lines(log_start)
        known = failures.explain(lines, self.part.data) or failures.explain_silence(self._log)
        trouble = known or (str(failure) if ended is None else _ending(ended))
        tail = "".join(f"\n    {line}" for line in lines)
        raise StackError(
            f"{self.part.title} did not become ready: {trouble}; its log is {self._log}{tail}"
        ) from failure

    @asynccontextmanager
    async def _process(self) -> AsyncIterator[tuple[Process, int]]:
        """Starts the process, and ends it at the end of the block.

        Yields the process and the position in the log file at which the process's output begins.
        """
        await self.part.prepare()
        with convert_os_errors(self._log):
            output = self._log.open("ab")
        with output:
            log_start = output.tell()
            try:
                process = await anyio.open_process(
                    launch.command(self.part.command, death_signal=self.part.death_signal, account=self.part.account),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**inherited_environment(), **self.part.environment},
                    start_new_session=True,
                )
            except OSError as error:
                raise StackError(launch.refused(self.part.command[0], error)) from error
        try:
            yield process, log_start
        finally:
            with anyio.CancelScope(shield=True):
                await self._end(process)

    async def _end(self, process: Process) -> None:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(self.part.stop_signal)
            with anyio.move_on_after(self.part.grace):
                await process.wait()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, SIGKILL)
            await process.wait()

    def _last_lines(self, start: int) -> list[str]:
        """Returns the last lines that the current process wrote."""
        with self._log.open("rb") as log:
            log.seek(start)
            return [line.decode(errors="replace").rstrip() for line in deque(log, maxlen=_TAIL_LINES)]


def _ending(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit status {code}"
