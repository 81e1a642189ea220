"""Remembers the processes of a stack, so that one of them can be made to answer nobody."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from care_dev.stack.processes import Part


class Processes:
    """The reporter of a stack that remembers its processes."""

    def __init__(self) -> None:
        self._pids: dict[str, int] = {}

    def starting(self, part: Part) -> None:
        """See Reporter."""

    def healthy(self, part: Part, pid: int) -> None:
        """See Reporter."""
        self._pids[part.name] = pid

    def ended(self, part: Part, how: str, pause: float) -> None:
        """See Reporter."""

    @contextmanager
    def frozen(self, part: str) -> Iterator[None]:
        """Lets the part answer nobody while the block lasts."""
        pid = self._pids[part]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
