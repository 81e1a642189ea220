"""Waits for conditions in other processes, and a reporter that tests can wait for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import anyio
import psutil
from anyio.abc import Process

from care_dev.stack.processes import Part

PATIENCE = 60.0
"""A condition that is not true after this time, in seconds, fails its test."""


async def until(condition: Callable[[], bool]) -> None:
    """Waits until `condition` is true."""
    with anyio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110 - the condition depends on another process
            await anyio.sleep(0.02)


@asynccontextmanager
async def program(*command: str) -> AsyncIterator[Process]:
    """Runs another program until the block ends. The block begins when the program has written a line."""
    async with await anyio.open_process(command, stderr=None) as process:
        assert process.stdout
        line = b""
        with anyio.fail_after(PATIENCE):
            while not line.endswith(b"\n"):
                line += await process.stdout.receive()
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()


def is_alive(pid: int) -> bool:
    """Returns whether the process runs. A zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Recorder:
    """A reporter that records its calls."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.endings: list[str] = []
        self.pids: dict[str, int] = {}
        """The latest process id of each part that was healthy."""

    def starting(self, part: Part) -> None:
        self.events.append(("starting", part.name))

    def healthy(self, part: Part, pid: int) -> None:
        self.pids[part.name] = pid
        self.events.append(("healthy", part.name))

    def ended(self, part: Part, how: str, pause: float) -> None:
        self.events.append(("ended", part.name))
        self.endings.append(how)

    async def healthy_again(self, name: str) -> None:
        """Waits until the part has become healthy a second time."""
        await until(lambda: self.events.count(("healthy", name)) > 1)
