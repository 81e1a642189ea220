"""Keeps track of a stack's processes, so that one of them can be frozen."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from care_dev.stack.processes import Part


class ProcessReporter:
    """A stack's reporter that remembers the process ids."""

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
    def freeze(self, part: str) -> Iterator[None]:
        """Stops the process of a part, so that its clients get no responses. Continues it at the end of the block."""
        pid = self._pids[part]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
