"""Waiting for what another process does, and a reporter that tests can wait on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import anyio
import psutil
from anyio.abc import Process

from care_dev.stack.processes import Part

PATIENCE = 60.0
"""Seconds after which a condition that is still not true fails its test; no condition here takes long."""


async def until(condition: Callable[[], bool]) -> None:
    """Return as soon as `condition` is true."""
    with anyio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await anyio.sleep(0.02)


@asynccontextmanager
async def program(*command: str) -> AsyncIterator[Process]:
    """Run another program until the block ends, which begins once it has written a line."""
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
    """Whether the process runs; one that only waits for its parent to fetch its exit status does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Recorder:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.endings: list[str] = []
        self.pids: dict[str, int] = {}
        """Of each part that was healthy, its latest process."""

    def starting(self, part: Part) -> None:
        self.events.append(("starting", part.name))

    def healthy(self, part: Part, pid: int) -> None:
        self.pids[part.name] = pid
        self.events.append(("healthy", part.name))

    def ended(self, part: Part, how: str, pause: float) -> None:
        self.events.append(("ended", part.name))
        self.endings.append(how)

    async def healthy_again(self, name: str) -> None:
        """Return once the part has become healthy a second time."""
        await until(lambda: self.events.count(("healthy", name)) > 1)
