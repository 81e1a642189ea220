"""The supervisor: runs the parts of a stack as child processes, restarts what dies, and stops all in reverse order."""

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
from care_dev.stack.errors import StackError, naming

FIRST_PAUSE: Final = 0.5
"""Seconds before the first restart of a part; doubled with each further one."""

LONGEST_PAUSE: Final = 30.0
"""Seconds before a restart at most."""

STEADY: Final = 60.0
"""A part that ran this many seconds begins again with the first pause."""

GRACE: Final = 20.0
"""Seconds that a part has by default for ending by itself when it is told to."""

_TAIL_LINES: Final = 15
"""How many of its last log lines are shown for a part that failed."""

_FOREIGN_VARIABLES: Final = ("CARE_", "TEMPORAL_", "PG")
"""Begins of the names that configure Care, Temporal and PostgreSQL: meant for something else than our parts."""


def inherited_environment() -> dict[str, str]:
    """Our environment variables without those that would redirect a part elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN_VARIABLES)}


async def _nothing() -> None:
    """The preparation of a part that needs none."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process of the stack."""

    name: str
    """Short and unique: also the name of its log file."""
    title: str
    """What the console calls it."""
    command: Sequence[str]
    """Program, with its full path, and arguments."""
    healthy: Callable[[], Awaitable[None]]
    """Returns once the running part is fit for use, or raises StackError."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Its variables besides the `inherited_environment`; not shown, as there are keys among them."""
    data: Path | None = None
    """The file or folder of its data, which errors name."""
    prepare: Callable[[], Awaitable[None]] = _nothing
    """Runs before each start."""
    stop_signal: Signals = SIGTERM
    """Tells it to end in good order."""
    death_signal: Signals = SIGKILL
    """What the kernel sends it when we are gone and cannot (Linux only)."""
    grace: float = GRACE
    """Seconds that it has for that, before it is killed."""
    account: launch.Account | None = None
    """The account to run under, if not ours."""


class Reporter(Protocol):
    """Is told what happens to the parts."""

    def starting(self, part: Part) -> None:
        """The part is being started for the first time."""

    def healthy(self, part: Part, pid: int) -> None:
        """The part is fit for use, for the first time or again, as process `pid`."""

    def ended(self, part: Part, how: str, pause: float) -> None:
        """The part ended by itself, in the way that `how` tells, and is started again in `pause` seconds."""


class Silent:
    """The reporter that nobody reads."""

    def starting(self, part: Part) -> None:
        """Say nothing."""

    def healthy(self, part: Part, pid: int) -> None:
        """Say nothing."""

    def ended(self, part: Part, how: str, pause: float) -> None:
        """Say nothing."""


class Supervisor:
    """An asynchronous context manager that owns the processes started through it; leaving it stops them all.

    Each runs in a session and process group of its own, so that Ctrl-C in a terminal reaches only us, and writes all
    of its output to `logs`/<name>.log.
    """

    def __init__(self, logs: Path, reporter: Reporter | None = None) -> None:
        self._logs = logs
        self._reporter: Reporter = reporter or Silent()
        self._running: list[_Supervised] = []
        self._tasks: TaskGroup = anyio.create_task_group()

    async def __aenter__(self) -> Self:
        with naming(self._logs):
            self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self.stop()
        # Whatever error brought us here passes through as it is: the group's own tasks raise none, and an error given
        # to it would come back wrapped in an exception group.
        await self._tasks.__aexit__(None, None, None)

    async def start(self, *parts: Part) -> None:
        """Start `parts` at once and wait until all are healthy; from then on each is started again when it ends.

        Raises StackError, with the last lines of its log, where one fails; none of `parts` runs any more then.
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
        """End all parts, the one started last first."""
        while self._running:
            await self._running.pop().stop()


class _Supervised:
    """One part with its present process."""

    def __init__(self, part: Part, log: Path, reporter: Reporter) -> None:
        self.part = part
        self._log = log
        self._reporter = reporter
        # Shielded, as only `stop` may end a part: when everything around is canceled at once, the order still holds.
        self._scope = anyio.CancelScope(shield=True)
        self._settled = anyio.Event()
        self._failure: StackError | None = None
        self._over = anyio.Event()

    async def first_outcome(self) -> StackError | None:
        """Wait for the end of the first start: None if the part is healthy, else why it is not."""
        await self._settled.wait()
        return self._failure

    async def run(self) -> None:
        """Keep the part running until `stop`, or until the first start fails."""
        try:
            with self._scope:
                # In case that `stop` came before this task had its first turn.
                await anyio.lowlevel.checkpoint()
                self._reporter.starting(self.part)
                await self._keep_running()
        except StackError as error:
            self._failure = error
            self._settled.set()
        finally:
            self._over.set()

    async def stop(self) -> None:
        """End the part and wait until it is gone."""
        self._scope.cancel()
        await self._over.wait()

    async def _keep_running(self) -> None:
        pause = FIRST_PAUSE
        while True:
            began = anyio.current_time()
            try:
                async with self._process() as (process, log_start):
                    await self._await_health(process, log_start)
                    self._reporter.healthy(self.part, process.pid)
                    self._settled.set()
                    how = f"{self.part.title}: {_ending(await process.wait())}"
            except StackError as error:
                if not self._settled.is_set():
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
        """Start the process, and on leaving see that it is gone; gives it and where its part of the log begins."""
        await self.part.prepare()
        with naming(self._log):
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
        """The last lines that the present process wrote."""
        with self._log.open("rb") as log:
            log.seek(start)
            return [line.decode(errors="replace").rstrip() for line in deque(log, maxlen=_TAIL_LINES)]


def _ending(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit status {code}"
