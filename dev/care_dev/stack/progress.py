"""Shows a person what the stack does: a spinner for each part on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from care_dev.stack.processes import Part


class ConsoleReporter:
    """A `Reporter` for a rich console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began: dict[str, float] = {}
        self._tasks: dict[str, TaskID] = {}
        self._spinners = Progress(
            SpinnerColumn(finished_text="[green]✓[/green]"),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
        )

    def stop_spinners(self) -> None:
        """Stops the spinners. Later events are shown as lines."""
        # Stopping spinners that never started would print an empty line.
        if self._spinners.live.is_started:
            self._spinners.stop()

    def starting(self, part: Part) -> None:
        """Shows that the part starts."""
        self._began[part.name] = time.monotonic()
        if self._console.is_terminal:
            self._spinners.start()
            self._tasks[part.name] = self._spinners.add_task(escape(part.title), total=1)
        else:
            self._line(f"{part.title}: starting")

    def healthy(self, part: Part, pid: int) -> None:  # noqa: ARG002 - `pid` is for programs
        """Shows how long the start took, or that the part is ready again."""
        began = self._began.pop(part.name, None)
        task = self._tasks.pop(part.name, None)
        if task is not None:
            self._spinners.update(task, completed=1)
        elif began is not None:
            self._line(f"{part.title}: ready after {time.monotonic() - began:.1f} s")
        else:
            self._line(f"{part.title}: ready again")

    def ended(self, part: Part, how: str, pause: float) -> None:  # noqa: ARG002 - `how` names the part
        """Shows that the part restarts."""
        self._line(f"{how}; starting it again in {pause:g} s")

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
