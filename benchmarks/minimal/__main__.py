"""Runs a worker of the minimal workflow until the process is terminated.

python -m benchmarks.minimal ADDRESS TASK_QUEUE    prints the id of each workflow in its first activity
"""

from __future__ import annotations

import asyncio
import sys

from temporalio.client import Client
from temporalio.worker import Worker

from benchmarks.minimal.workflow import Minimal, finish, report


async def main(address: str, task_queue: str) -> None:
    """Runs the worker."""
    client = await Client.connect(address)
    await Worker(client, task_queue=task_queue, workflows=[Minimal], activities=[report, finish]).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
