"""One of the processes of `care serve --processes N`; started by `care_service.running.supervisor`, never by hand.

It serves the port that it shares with the others, keeps its metrics in their common folder, and ends when its parent
is gone.
"""

from __future__ import annotations

import asyncio
import sys

from care_roles import environment, logs, tracing
from care_service.running.application import service
from care_service.running.configuration import ServiceSettings
from care_service.running.main import SERVICE_NAME, explain_errors, temporal_client


async def _serve() -> None:
    settings = environment.load(ServiceSettings)
    logs.configure(settings.log_format)
    with tracing.recording(SERVICE_NAME), explain_errors(settings):
        async with service(settings, await temporal_client(), shares_port=True):
            await _wait_for_parent_exit()


async def _wait_for_parent_exit() -> None:
    """Returns when the parent closes our standard input, which the kernel does for one that was killed."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


if __name__ == "__main__":
    sys.exit(environment.run(_serve, "serve", ends_process=True))
