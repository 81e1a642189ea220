"""The command `care up`: runs a stack in the foreground until Ctrl-C, SIGTERM or SIGHUP."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Final

import anyio
from rich.console import Console
from rich.table import Table

from care_dev.stack.progress import ConsoleReporter
from care_dev.stack.stack import Stack, running

_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(home: Path, first_port: int | None, console: Console) -> None:
    """Runs the stack until a stop signal, then stops it gracefully. Raises StackError if it cannot run."""
    asyncio.run(_up(home, first_port, console))


async def _up(home: Path, first_port: int | None, console: Console) -> None:
    reporter = ConsoleReporter(console)
    loop = asyncio.get_running_loop()
    with anyio.CancelScope() as scope:

        def stop() -> None:
            reporter.stop_spinners()
            if not scope.cancel_called:
                console.print("Stopping …", highlight=False)
            scope.cancel()

        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, stop)
        try:
            async with running(home, first_port, reporter) as stack:
                reporter.stop_spinners()
                _announce(stack, home, console)
                await anyio.sleep_forever()
        finally:
            reporter.stop_spinners()
    console.print("Stopped.", highlight=False)


def _announce(stack: Stack, home: Path, console: Console) -> None:
    rows = {
        "gRPC": stack.urls.grpc,
        "Customer's pages": stack.urls.web,
        "Temporal UI": stack.urls.temporal_ui,
        "Local review site": stack.urls.review_site,
        "Local mailbox": stack.urls.mailbox,
        "Metrics": stack.urls.metrics,
        "Worker's metrics": stack.urls.worker_metrics,
    }
    # The command as the user can type it. If the environment is not activated, the shell does not find `care` alone.
    program = "care" if shutil.which("care") else os.path.relpath(sys.argv[0])
    token = f"{program} token --home {home} --org acme --agent alice"
    if console.is_terminal:
        table = Table("Part", "Address", title="Care is up")
        for name, address in rows.items():
            table.add_row(name, address)
        console.print(table)
    else:
        console.print("Care is up")
        for name, address in rows.items():
            console.print(f"{name}: {address}", highlight=False, soft_wrap=True)
    console.print(f"A token for calls: {token}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"Logs: {stack.home / 'logs'}. Ctrl-C stops all.", highlight=False, markup=False, soft_wrap=True)
