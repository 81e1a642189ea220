"""One of the processes of `care serve --processes N`. Only `care_service.running.supervisor` starts it.

It shares its port and its metrics folder with the other processes, and exits when its parent exits.
"""

from __future__ import annotations

import asyncio
import sys

from care_roles import environment, logs, tracing
from care_service.running.application import service
from care_service.running.configuration import ServiceSettings
from care_service.running.main import SERVICE_NAME
from care_service.running.startup_errors import explain_errors


async def _serve() -> None:
    settings = environment.load(ServiceSettings)
    logs.configure(settings.log_format)
    with tracing.recording(SERVICE_NAME), explain_errors(settings):
        async with service(settings, shares_port=True):
            await _wait_for_parent_exit()


async def _wait_for_parent_exit() -> None:
    """Returns when standard input is closed. That happens when the parent exits, even if the parent is killed."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


if __name__ == "__main__":
    sys.exit(environment.run(_serve, "serve", ends_process=True))
